// timed_run: runs of 1000 things on a node with one scheduler, timed inside the node.
#pragma once

#include <benchmark/benchmark.h>

#include <sluice/sluice.hpp>

#include <chrono>
#include <semaphore>

namespace micro_bench {

using bench_clock = std::chrono::steady_clock;

inline constexpr unsigned run_length = 1000;

struct begin_run {};

/// The benchmark's thread waits here; who does the last of a run reads the clock.
struct finish {
  bench_clock::time_point begin, end;
  unsigned missing = 0;
  std::binary_semaphore is_over{0};

  void did_one() {
    if (--missing != 0) return;
    end = bench_clock::now();
    is_over.release();
  }
};

inline sluice::node_options one_scheduler() {
  sluice::node_options options;
  options.schedulers = 1;
  options.io = false;
  options.pin = sluice::pinning::cores;
  return options;
}

template <class Begin>
void time_runs(benchmark::State& state, finish& at, Begin&& begin) {
  for (auto _ : state) {
    at.missing = run_length;
    begin();
    at.is_over.acquire();
    state.SetIterationTime(std::chrono::duration<double>(at.end - at.begin).count());
  }
  state.SetItemsProcessed(state.iterations() * run_length);
}

}  // namespace micro_bench
