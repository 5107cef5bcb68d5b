#include "base/cpu_topology.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/atomic.hpp"

namespace sluice::inline v0::base {

std::vector<int> allowed_cores() {
  std::vector<int> cores;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &allowed)) cores.push_back(core);
    }
  }
  if (cores.empty()) cores.push_back(0);
  return cores;
}

namespace {

// The path of this process's cgroup below the v2 mount, from the line "0::/path".
std::string own_cgroup_path() {
  std::ifstream lines{"/proc/self/cgroup"};
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("0::", 0) == 0) return line.substr(3);
  }
  return {};
}

int rounded_up(long long quota_us, long long period_us) {
  if (quota_us <= 0 || period_us <= 0) return 0;
  return static_cast<int>((quota_us + period_us - 1) / period_us);
}

int read_v2_limit(const std::string& directory) {
  std::ifstream file{directory + "/cpu.max"};
  std::string quota;
  long long period_us = 0;
  if (!(file >> quota >> period_us) || quota == "max") return 0;
  if (quota.find_first_not_of("0123456789") != std::string::npos || quota.size() > 18) return 0;
  return rounded_up(std::stoll(quota), period_us);
}

int read_v1_limit() {
  long long quota_us = 0;
  long long period_us = 0;
  std::ifstream quota_file{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us"};
  std::ifstream period_file{"/sys/fs/cgroup/cpu/cpu.cfs_period_us"};
  if (!(quota_file >> quota_us) || !(period_file >> period_us)) return 0;
  return rounded_up(quota_us, period_us);
}

}  // namespace

int cgroup_cpu_limit() {
  int limit = 0;
  std::string path = own_cgroup_path();
  // A limit may sit on any ancestor; the smallest one holds.
  while (true) {
    const int here = read_v2_limit("/sys/fs/cgroup" + path);
    if (here > 0) limit = limit == 0 ? here : std::min(limit, here);
    const auto slash = path.find_last_of('/');
    if (path.empty() || slash == std::string::npos) break;
    path.resize(slash);
  }
  return limit > 0 ? limit : read_v1_limit();
}

int default_scheduler_count() {
  const int allowed = static_cast<int>(allowed_cores().size());
  const int limit = cgroup_cpu_limit();
  return std::max(1, limit > 0 ? std::min(allowed, limit) : allowed);
}

int next_pin_core(const std::vector<int>& allowed) {
  // Relaxed: only the uniqueness of the numbers matters.
  static constinit atomic<unsigned> next{0};
  return allowed[next.fetch_add(1, relaxed) % allowed.size()];
}

}  // namespace sluice::inline v0::base
