#include "cpu_time.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>

#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <string>

namespace sluice::bench {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// The sum of the kilobytes after `names` in a file of "Name:   123 kB" lines, in bytes.
std::uint64_t kilobytes_in(const std::string& path, std::initializer_list<const char*> names) {
  std::uint64_t sum = 0;
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return 0;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    for (const char* name : names) {
      const std::size_t length = std::strlen(name);
      unsigned long long value = 0;
      if (std::strncmp(line, name, length) == 0 && line[length] == ':' &&
          std::sscanf(line + length + 1, "%llu", &value) == 1) {
        sum += value * 1024;
      }
    }
  }
  std::fclose(file);
  return sum;
}

}  // namespace

cpu_seconds own_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return {seconds_of(used.ru_utime), seconds_of(used.ru_stime)};
}

std::uint64_t own_cpu_ns() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec);
}

std::uint64_t cpu_ns_of(int pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  DIR* directory = ::opendir(tasks.c_str());
  if (directory == nullptr) return 0;
  std::uint64_t sum = 0;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const std::string path = tasks + "/" + entry->d_name + "/schedstat";
    if (std::FILE* file = std::fopen(path.c_str(), "re")) {
      unsigned long long ran = 0;
      if (std::fscanf(file, "%llu", &ran) == 1) sum += ran;
      std::fclose(file);
    }
  }
  ::closedir(directory);
  return sum;
}

std::uint64_t resident_bytes_of(int pid) {
  return kilobytes_in("/proc/" + std::to_string(pid) + "/smaps_rollup", {"Rss"});
}

std::uint64_t kernel_object_bytes() { return kilobytes_in("/proc/meminfo", {"Slab"}); }

}  // namespace sluice::bench
