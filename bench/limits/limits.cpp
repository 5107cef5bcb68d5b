// The limits program: options, the table, the JSON file. The measurements are in the *_rows.cpp
// files.
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <thread>

#include "rows.hpp"

namespace sluice::bench {

void pin_self(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

std::uint64_t now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000ull +
         static_cast<std::uint64_t>(time.tv_nsec);
}

double run_pair(cpu_pair cpus, const std::function<void()>& first,
                const std::function<void()>& second) {
  std::atomic<int> ready{0};
  const auto meet = [&ready] {
    ready.fetch_add(1, std::memory_order_acq_rel);
    while (ready.load(std::memory_order_acquire) != 2) cpu_relax();
  };
  std::thread other([&] {
    pin_self(cpus.second);
    meet();
    second();
  });
  pin_self(cpus.first);
  meet();
  const std::uint64_t start = now_ns();
  first();
  other.join();
  return static_cast<double>(now_ns() - start);
}

bool rows::is_wanted(const std::string& name) const {
  return only_.empty() || name.find(only_) != std::string::npos;
}

void rows::measure(const std::string& name, const char* unit, std::uint64_t iterations,
                   const measurement& run) {
  if (!is_wanted(name)) return;
  pin_self(cpus_.first);
  const auto scaled = static_cast<std::uint64_t>(static_cast<double>(iterations) * scale_);
  std::vector<double> values;
  (void)run(scaled / 10 + 1);  // warms caches and pages up
  for (int i = 0; i < runs_; ++i) values.push_back(run(scaled + 1));
  std::sort(values.begin(), values.end());
  rows_.push_back(row{name, unit, values[values.size() / 2], values.front(), values.back(), {}});
  std::printf("%-36s %10.2f %-6s (%.2f .. %.2f)\n", name.c_str(), rows_.back().median, unit,
              values.front(), values.back());
  std::fflush(stdout);
}

void rows::measure_pair(const std::string& name, const char* unit, std::uint64_t iterations,
                        const measurement& run) {
  if (cpus_.second < 0) {
    skip(name, "only one CPU");
  } else {
    measure(name, unit, iterations, run);
  }
}

void rows::skip(const std::string& name, const char* why) {
  if (!is_wanted(name)) return;
  rows_.push_back(row{name, {}, 0, 0, 0, why});
  std::printf("%-36s    skipped: %s\n", name.c_str(), why);
}

bool rows::write_json(const std::string& path) const {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return false;
  std::fprintf(file, "{\n");
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const row& entry = rows_[i];
    const char* comma = i + 1 < rows_.size() ? "," : "";
    if (!entry.skipped.empty()) {
      std::fprintf(file, "  \"%s\": {\"skipped\": \"%s\"}%s\n", entry.name.c_str(),
                   entry.skipped.c_str(), comma);
    } else {
      std::fprintf(
          file, "  \"%s\": {\"value\": %.3f, \"unit\": \"%s\", \"min\": %.3f, \"max\": %.3f}%s\n",
          entry.name.c_str(), entry.median, entry.unit.c_str(), entry.least, entry.most, comma);
    }
  }
  std::fprintf(file, "}\n");
  return std::fclose(file) == 0;
}

}  // namespace sluice::bench

namespace {

constexpr const char* usage =
    "limits [--json FILE] [--runs N] [--quick] [--only TEXT]\n"
    "The raw costs of this machine: a line 'name value unit (least .. most)' a row, medians over N "
    "runs (default 7).\n"
    "  --json FILE  writes the same as JSON\n"
    "  --quick      a tenth of the iterations and 3 runs: for a look, not for a record\n"
    "  --only TEXT  only rows whose name contains TEXT\n";

sluice::bench::cpu_pair find_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sluice::bench::cpu_pair found;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0, -1};
  for (int cpu = 0; cpu < CPU_SETSIZE && found.second < 0; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set))
      (found.first < 0 ? found.first : found.second) = cpu;
  }
  return found;
}

int fail(const char* problem) {
  std::fprintf(stderr, "limits: %s\n%s", problem, usage);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice::bench;
  std::string json;
  std::string only;
  int runs = 7;
  double scale = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help") {
      std::fputs(usage, stdout);
      return 0;
    }
    if (word == "--quick") {
      runs = 3;
      scale = 0.1;
      continue;
    }
    if (i + 1 == argc) return fail(("unknown option, or one without its value: " + word).c_str());
    const std::string value = argv[++i];
    if (word == "--json") {
      json = value;
    } else if (word == "--only") {
      only = value;
    } else if (word == "--runs") {
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), runs);
      if (parsed.ptr != value.data() + value.size() || runs < 1)
        return fail("--runs wants a number");
    } else {
      return fail(("unknown option: " + word).c_str());
    }
  }
  const cpu_pair cpus = find_cpus();
  std::printf("CPU %d%s%s, %d runs a row\n", cpus.first, cpus.second < 0 ? "" : " and ",
              cpus.second < 0 ? "" : std::to_string(cpus.second).c_str(), runs);
  rows out(runs, scale, only, cpus);
  measure_cpu(out);
  measure_queues(out);
  measure_memory(out);
  measure_kernel(out);
  if (!json.empty() && !out.write_json(json)) return fail(("cannot write " + json).c_str());
  return 0;
}
