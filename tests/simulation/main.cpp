// A town in virtual time, with everything that can happen to it (README.md).
//
//   simulate run [--seed N] [--hours N] [--people N] [--plant NAME] [--calm]
//   simulate faults
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "town.hpp"

using namespace simulation;

namespace {

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

[[noreturn]] void misused(const char* why) {
  std::fprintf(stderr, "simulate: %s\n", why);
  std::exit(2);
}

int run(const plan& how, double hours) {
  ::alarm(600);  // Of real time, for what hangs.
  const double begin = cpu_seconds();
  town in{how};
  in.live(static_cast<std::int64_t>(hours * 3600e9));
  in.recover();
  in.end();
  const double cpu = cpu_seconds() - begin;
  std::uint64_t mishaps = 0, io_faults = 0;
  for (const std::uint64_t each : in.mishaps()) mishaps += each;
  for (const auto& [name, times] : in.io_faults()) io_faults += times;
  for (const std::string& each : in.broken()) {
    std::printf("failed: seed %llu: %s\n", static_cast<unsigned long long>(how.seed), each.c_str());
  }
  std::printf(
      "seed %llu: %.1f hours, %llu events, %.1f CPU s, %.0f events a CPU s, %llu mishaps, "
      "%llu faults of I/O, trace %016llx, %zu broken\n",
      static_cast<unsigned long long>(how.seed), hours + 2,
      static_cast<unsigned long long>(in.events()), cpu, static_cast<double>(in.events()) / cpu,
      static_cast<unsigned long long>(mishaps), static_cast<unsigned long long>(io_faults),
      static_cast<unsigned long long>(in.hash()), in.broken().size());
  return in.broken().empty() ? 0 : 1;
}

int faults() {
  int number = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(mishap::count); ++i) {
    std::printf("%d %s\n", ++number, to_string(static_cast<mishap>(i)));
  }
  for (const auto& each : io_faults()) std::printf("%d %s\n", ++number, describe(each).c_str());
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::string verb = count > 1 ? words[1] : "";
  if (verb == "faults") return faults();
  if (verb != "run") misused("run or faults");
  plan how;
  double hours = 1;
  for (int i = 2; i < count; ++i) {
    const std::string name{words[i]};
    if (name == "--calm") {
      how.has_mishaps = false;
      continue;
    }
    if (i + 1 == count) misused("an option wants a value");
    const char* const value = words[++i];
    if (name == "--seed") {
      how.seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--hours") {
      hours = std::strtod(value, nullptr);
    } else if (name == "--people") {
      how.people = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
    } else if (name == "--plant") {
      for (std::size_t each = 0; each < std::size(defect_names); ++each) {
        if (std::strcmp(value, defect_names[each]) == 0) how.planted = static_cast<defect>(each);
      }
      if (how.planted == defect::none) misused("no such defect");
    } else {
      misused("run takes --seed, --hours, --people, --plant and --calm");
    }
  }
  return run(how, hours);
}
