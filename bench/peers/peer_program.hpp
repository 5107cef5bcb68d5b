// peer_program: the outside of a peer: actor-bench's command line, its output lines, its medians.
//
// A peer is its table of workloads. A workload's function runs once on what it was asked for and
// answers figures, or throws void_run, and then none is printed. Nothing of sluice is in here.
//
// Each workload runs in processes of its own: one for all runs, or one for each where memory is
// measured. What a peer does to its process (threads, pools, pinning) ends with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../harness/figures.hpp"

namespace peers {

using sluice::bench::figure;
using sluice::bench::parameter;

/// What a run promised did not hold: it has no figure.
struct void_run : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What the command line asks of every run.
struct settings {
  std::uint32_t threads = 1;
  std::uint32_t runs = 1;
  bool is_pinned = true;
  bool is_tiny = false;
  std::chrono::seconds patience{120};
  std::map<std::string, std::uint64_t, std::less<>> parameters{};
};

struct workload;

/// One run of one workload.
struct request {
  const workload& what;
  const settings& given;

  [[nodiscard]] std::uint64_t parameter(std::string_view name) const;
};

struct workload {
  std::string_view name;
  std::string_view what;
  parameter parameters[3];  ///< those without a name do not exist
  bool needs_cold_memory;   ///< each run gets a process of its own
  std::vector<figure> (*run)(const request& asked);
};

/// The program: parses, runs, prints. Answers the exit code: 0 all runs were verified, 1 one was
/// not, 2 usage.
[[nodiscard]] int run_program(const char* program, std::span<const workload* const> listed,
                              int words_count, const char* const* words);

/// The first `count` of the cores that this process may use, fewer where there are fewer.
[[nodiscard]] std::vector<int> first_cores(std::uint32_t count);
/// The calling thread, and those it makes from now on, run on these cores only.
void stay_on(const std::vector<int>& cores);

/// For a run whose process cannot be wound down any more: says why and ends the process with 1.
[[noreturn]] void give_up(const request& asked, const char* why);

}  // namespace peers
