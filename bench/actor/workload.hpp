// workload: one program of the actor suites, as the table in workloads.cpp lists it.
//
// A workload function is the protocol and nothing else: it spawns, names the first message and says
// what the run must have cost in messages. Verification, time and printing are the trial's.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "../harness/figures.hpp"

namespace actor_bench {

class trial;

using sluice::bench::figure;
using sluice::bench::parameter;

struct workload {
  std::string_view name;
  std::string_view what;
  parameter parameters[4];  ///< those without a name do not exist
  /// It measures memory, so each run gets a process of its own: pools outlive nodes.
  bool needs_cold_memory;
  std::vector<figure> (*run)(trial& run);
  /// All its receivers check by finish_line::expect, or note: crossings can be counted.
  bool can_count_crossings = false;
};

extern const workload big;
extern const workload call;
extern const workload chameneos;
extern const workload count;
extern const workload events;
extern const workload fjcreate;
extern const workload fjthrput;
extern const workload flood;
extern const workload idle;
extern const workload mbox;
extern const workload nn;
extern const workload payload;
extern const workload pingpong;
extern const workload quiet;
extern const workload restart;
extern const workload ring;
extern const workload spawn_monitor;
extern const workload suspended;
extern const workload timers;

[[nodiscard]] std::span<const workload* const> all_workloads() noexcept;
/// Null when there is none of that name.
[[nodiscard]] const workload* find_workload(std::string_view name) noexcept;

}  // namespace actor_bench
