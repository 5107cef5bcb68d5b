// actor-bench: the workloads of the published actor suites on sluice, through its public headers.
//
// Every run has a node of its own. The runs of a workload share one process, so that all but the
// first find warm pools, as a long-lived program does; a workload that measures memory gets a fresh
// process for each run. Workloads never share a process.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "command_line.hpp"

namespace actor_bench {

namespace {

// One verified run, or the reason why not on standard error.
bool run_once(const workload& what, const settings& given, std::FILE* out) {
  try {
    trial run{what, given};
    std::vector<figure> figures = what.run(run);
    if (given.has_costs) std::ranges::copy(run.costs(), std::back_inserter(figures));
    if (crossed.is_counting()) figures = run.traffic();
    run.finish();
    return sluice::bench::print_figures(out, what.name, given.threads, figures);
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

// The parent has no thread and has never made a node, so a fork is a clean process.
bool run_in_child(const workload& what, const settings& given, std::uint32_t runs,
                  sluice::bench::figure_book& figures) {
  const auto body = [&](std::FILE* out) { return run_times(what, given, runs, out); };
  const sluice::bench::child_end end = sluice::bench::run_in_child(body, figures);
  if (end.signal != 0) {
    std::fprintf(stderr, "actor-bench: %s died of signal %d\n", std::string{what.name}.c_str(),
                 end.signal);
  }
  return end.is_good;
}

bool run_workload(const workload& what, const command_line& line) {
  if (!line.has_own_processes) return run_times(what, line.given, line.runs, stdout);
  sluice::bench::figure_book all;
  const std::uint32_t children = what.needs_cold_memory ? line.runs : 1;
  for (std::uint32_t i = 0; i < children; ++i) {
    if (!run_in_child(what, line.given, line.runs / children, all)) return false;
  }
  return all.print_medians(line.given.threads);
}

void print_list() {
  for (const workload* each : all_workloads()) {
    sluice::bench::print_listed(each->name, each->what, each->parameters);
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
  if (line.counts_crossings) {
    crossed.begin_counting();
    planted.concern_all();
  }
  bool is_good = true;
  for (const workload* each : line.workloads) is_good = run_workload(*each, line) && is_good;
  return is_good ? 0 : 1;
}

}  // namespace

}  // namespace actor_bench

int main(int count, char** words) { return actor_bench::run(actor_bench::parse(count, words)); }
