// actor-bench: the workloads of the published actor suites on sluice, through its public headers.
//
// Every run has a node of its own. The runs of a workload share one process, so that all but the
// first find warm pools, as a long-lived program does; a workload that measures memory gets a fresh
// process for each run. Workloads never share a process.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "command_line.hpp"

namespace actor_bench {

namespace {

struct printed_figure {
  std::string name;
  std::string unit;
  std::vector<double> values;
};
using printed_figures = std::vector<printed_figure>;

void note(printed_figures& all, const std::string& name, double value, const std::string& unit) {
  for (auto& each : all) {
    if (each.name == name) return each.values.push_back(value);
  }
  all.push_back({name, unit, {value}});
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// One verified run, or the reason why not on standard error.
bool run_once(const workload& what, const settings& given, std::FILE* out) {
  try {
    trial run{what, given};
    const std::vector<figure> figures = what.run(run);
    run.finish();
    for (const figure& each : figures) {
      std::fprintf(out, "%s%s %u %.2f %s\n", std::string{what.name}.c_str(),
                   std::string{each.suffix}.c_str(), given.threads, each.value,
                   std::string{each.unit}.c_str());
    }
    return std::fflush(out) == 0;
  } catch (const std::exception& why) {
    std::fprintf(stderr, "actor-bench: %s with %u threads: %s\n", std::string{what.name}.c_str(),
                 given.threads, why.what());
    return false;
  }
}

bool run_times(const workload& what, const settings& given, std::uint32_t runs, std::FILE* out) {
  for (std::uint32_t i = 0; i < runs; ++i) {
    if (!run_once(what, given, out)) return false;
  }
  return true;
}

// Prints what a child says and keeps its figures.
void copy_lines(std::FILE* from, printed_figures& all) {
  char line[256], name[64], unit[16];
  double value = 0;
  unsigned threads = 0;
  while (std::fgets(line, sizeof line, from) != nullptr) {
    if (std::sscanf(line, "%63s %u %lf %15s", name, &threads, &value, unit) != 4) continue;
    std::fputs(line, stdout);
    std::fflush(stdout);
    note(all, name, value, unit);
  }
}

// The parent has no thread and has never made a node, so a fork is a clean process.
bool run_in_child(const workload& what, const settings& given, std::uint32_t runs,
                  printed_figures& all) {
  int ends[2];
  if (::pipe(ends) != 0) return false;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    std::_Exit(run_times(what, given, runs, ::fdopen(ends[1], "w")) ? 0 : 1);
  }
  ::close(ends[1]);
  std::FILE* const from = ::fdopen(ends[0], "r");
  copy_lines(from, all);
  std::fclose(from);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return false;
  if (WIFSIGNALED(status)) {
    std::fprintf(stderr, "actor-bench: %s died of signal %d\n", std::string{what.name}.c_str(),
                 WTERMSIG(status));
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool run_workload(const workload& what, const command_line& line) {
  if (!line.has_own_processes) return run_times(what, line.given, line.runs, stdout);
  printed_figures all;
  const std::uint32_t children = what.needs_cold_memory ? line.runs : 1;
  for (std::uint32_t i = 0; i < children; ++i) {
    if (!run_in_child(what, line.given, line.runs / children, all)) return false;
  }
  for (const auto& each : all) {
    std::printf("median %s %u %.2f %s\n", each.name.c_str(), line.given.threads,
                median(each.values), each.unit.c_str());
  }
  return std::fflush(stdout) == 0;
}

void print_list() {
  for (const workload* each : all_workloads()) {
    std::printf("%-10s %s;", std::string{each->name}.c_str(), std::string{each->what}.c_str());
    for (const parameter& one : each->parameters) {
      if (one.name.empty()) continue;
      std::printf(" %s=%llu", std::string{one.name}.c_str(),
                  static_cast<unsigned long long>(one.value));
    }
    std::printf("\n");
  }
}

int run(const command_line& line) {
  if (!line.error.empty()) {
    std::fprintf(stderr, "actor-bench: %s\n%s", line.error.c_str(), usage_text);
    return 2;
  }
  if (line.is_help_wanted) {
    std::fputs(usage_text, stdout);
    return 0;
  }
  if (line.is_list_wanted) {
    print_list();
    return 0;
  }
  planted.arm(line.planted, line.planted_at);
  bool is_good = true;
  for (const workload* each : line.workloads) is_good = run_workload(*each, line) && is_good;
  return is_good ? 0 : 1;
}

}  // namespace

}  // namespace actor_bench

int main(int count, char** words) { return actor_bench::run(actor_bench::parse(count, words)); }
