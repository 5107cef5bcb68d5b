// What does a process cost from spawn to its end, with no message and with one, and from outside?
//
// One scheduler; runs of 1000 processes, warm after the first, timed inside the node.
#include <benchmark/benchmark.h>

#include <sluice/sluice.hpp>

#include "timed_run.hpp"

namespace {

using namespace micro_bench;

struct work {
  std::uint64_t number;
};

struct worker : sluice::actor<worker> {
  explicit worker(finish& at) : at_(&at) {}
  ~worker() { at_->did_one(); }
  void on(const work& one) {
    benchmark::DoNotOptimize(one.number);
    exit();
  }
  finish* at_;
};

// It ends in its first breath: a spawn and an end without any mail.
struct mayfly : sluice::actor<mayfly> {
  explicit mayfly(finish& at) : at_(&at) {}
  ~mayfly() { at_->did_one(); }
  void on_start() { exit(); }
  finish* at_;
};

template <class Child>
struct parent : sluice::actor<parent<Child>> {
  explicit parent(finish& at) : at_(&at) {}

  void on(begin_run) {
    at_->begin = bench_clock::now();
    for (std::uint64_t i = 0; i < run_length; ++i) {
      const auto child = this->template spawn<Child>(sluice::spawn_options{}, *at_);
      if constexpr (std::is_same_v<Child, worker>) this->send(child.value(), work{i});
    }
  }

  finish* at_;
};

template <class Child>
void from_actor(benchmark::State& state) {
  finish at;
  sluice::node node{"bench", one_scheduler()};
  if (!node.start()) return state.SkipWithError("no node");
  const auto driver = node.spawn<parent<Child>>({}, at).value();
  time_runs(state, at, [&] { driver.send(begin_run{}); });
  node.stop();
}

void from_foreign_thread(benchmark::State& state) {
  finish at;
  sluice::node node{"bench", one_scheduler()};
  if (!node.start()) return state.SkipWithError("no node");
  time_runs(state, at, [&] {
    at.begin = bench_clock::now();
    for (std::uint64_t i = 0; i < run_length; ++i) {
      node.spawn<worker>({}, at).value().send(work{i});
    }
  });
  node.stop();
}

BENCHMARK(from_actor<worker>)->UseManualTime();
BENCHMARK(from_actor<mayfly>)->UseManualTime();
BENCHMARK(from_foreign_thread)->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
