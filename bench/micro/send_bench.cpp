// What does one message cost, from send to handled, by how its receiver is named and who sends?
//
// One scheduler; runs of 1000 messages, timed inside the node. `alternating` changes the receiver
// with every send, so no chain is built; `to_self` is a run of single activations.
#include <benchmark/benchmark.h>

#include <sluice/sluice.hpp>

#include "timed_run.hpp"

namespace {

using namespace micro_bench;

struct item {
  std::uint64_t number;
};

struct sink : sluice::actor<sink, item> {
  explicit sink(finish& at) : at_(&at) {}
  void on(const item& one) {
    benchmark::DoNotOptimize(one.number);
    at_->did_one();
  }
  finish* at_;
};

enum class naming { handle, pid, name, alternating };

template <naming By>
struct source : sluice::actor<source<By>> {
  source(finish& at, sluice::handle<sink> one, sluice::handle<sink> other)
      : at_(&at), to_{one, other} {}

  void on(begin_run) {
    at_->begin = bench_clock::now();
    for (std::uint64_t i = 0; i < run_length; ++i) {
      if constexpr (By == naming::handle) this->send(to_[0], item{i});
      if constexpr (By == naming::pid) this->send(to_[0].id(), item{i});
      if constexpr (By == naming::name) this->send("sink", item{i});
      if constexpr (By == naming::alternating) this->send(to_[i & 1], item{i});
    }
  }

  finish* at_;
  sluice::handle<sink> to_[2];
};

// A message to itself until the run is over: an activation, a park and a send each.
struct looper : sluice::actor<looper, item> {
  explicit looper(finish& at) : at_(&at) {}
  void on(begin_run) {
    at_->begin = bench_clock::now();
    send(self(), item{0});
  }
  void on(const item& one) {
    if (one.number + 1 < run_length) send(self(), item{one.number + 1});
    at_->did_one();
  }
  finish* at_;
};

template <naming By>
void from_actor(benchmark::State& state) {
  finish at;
  sluice::node node{"bench", one_scheduler()};
  if (!node.start()) return state.SkipWithError("no node");
  const auto one = node.spawn<sink>({.name = "sink"}, at).value();
  const auto other = node.spawn<sink>({}, at).value();
  const auto driver = node.spawn<source<By>>({}, at, one, other).value();
  time_runs(state, at, [&] { driver.send(begin_run{}); });
  node.stop();
}

void to_self(benchmark::State& state) {
  finish at;
  sluice::node node{"bench", one_scheduler()};
  if (!node.start()) return state.SkipWithError("no node");
  const auto driver = node.spawn<looper>({}, at).value();
  time_runs(state, at, [&] { driver.send(begin_run{}); });
  node.stop();
}

void from_foreign_thread(benchmark::State& state) {
  finish at;
  sluice::node node{"bench", one_scheduler()};
  if (!node.start()) return state.SkipWithError("no node");
  const auto one = node.spawn<sink>({}, at).value();
  time_runs(state, at, [&] {
    at.begin = bench_clock::now();
    for (std::uint64_t i = 0; i < run_length; ++i) one.send(item{i});
  });
  node.stop();
}

BENCHMARK(from_actor<naming::handle>)->UseManualTime();
BENCHMARK(from_actor<naming::pid>)->UseManualTime();
BENCHMARK(from_actor<naming::name>)->UseManualTime();
BENCHMARK(from_actor<naming::alternating>)->UseManualTime();
BENCHMARK(to_self)->UseManualTime();
BENCHMARK(from_foreign_thread)->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
