// What does a process cost from spawn to its end, with no message and with one, and from outside?
//
// One scheduler; runs of 1000 processes, warm after the first, timed inside the node.
#include <benchmark/benchmark.h>

#include <sluice/sluice.hpp>

#include <chrono>
#include <semaphore>

namespace {

using bench_clock = std::chrono::steady_clock;

constexpr unsigned run_length = 1000;

struct work {
  std::uint64_t number;
};
struct begin_run {};

// The benchmark's thread waits here; the destructor of the last process reads the clock.
struct finish {
  bench_clock::time_point begin, end;
  unsigned missing = 0;
  std::binary_semaphore is_over{0};

  void ended_one() {
    if (--missing != 0) return;
    end = bench_clock::now();
    is_over.release();
  }
};

struct worker : sluice::actor<worker> {
  explicit worker(finish& at) : at_(&at) {}
  ~worker() { at_->ended_one(); }
  void on(const work& one) {
    benchmark::DoNotOptimize(one.number);
    exit();
  }
  finish* at_;
};

// It ends in its first breath: a spawn and an end without any mail.
struct mayfly : sluice::actor<mayfly> {
  explicit mayfly(finish& at) : at_(&at) {}
  ~mayfly() { at_->ended_one(); }
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

sluice::node_options one_scheduler() {
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
