// What do arming, cancelling and firing a timer cost, with few and with a million armed?
#include <benchmark/benchmark.h>

#include <vector>

#include "base/random.hpp"
#include "sched/timer_wheel.hpp"

namespace {

using sluice::base::nanoseconds_t;
using sluice::sched::timer_node;
using sluice::sched::timer_wheel;

constexpr nanoseconds_t start = 1'000'000'000'000;

std::vector<nanoseconds_t> random_delays(std::size_t count) {
  sluice::base::random_source random{1};
  std::vector<nanoseconds_t> delays(count);
  for (auto& delay : delays) delay = 1'000'000 + random.next_below(1'000'000'000) * 10LL;
  return delays;
}

void arm_and_cancel(benchmark::State& state) {
  timer_wheel wheel{start};
  std::vector<timer_node> armed(static_cast<std::size_t>(state.range(0)));
  const auto delays = random_delays(4096);
  std::size_t i = 0;
  for (auto& node : armed) wheel.arm(node, start + delays[i++ % delays.size()]);
  timer_node node;
  for (auto _ : state) {
    wheel.arm(node, start + delays[i++ % delays.size()]);
    benchmark::DoNotOptimize(wheel.cancel(node));
  }
}

// As an idle connection's deadline: one of many is moved on.
void move_one_of_many(benchmark::State& state) {
  timer_wheel wheel{start};
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<timer_node> armed(count);
  const auto delays = random_delays(4096);
  std::size_t i = 0;
  for (auto& node : armed) wheel.arm(node, start + delays[i++ % delays.size()]);
  for (auto _ : state) {
    timer_node& node = armed[i * 7919 % count];
    wheel.cancel(node);
    wheel.arm(node, start + delays[i++ % delays.size()]);
  }
}

void arm_and_fire(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<timer_node> nodes(count);
  const auto delays = random_delays(4096);
  nanoseconds_t now = start;
  timer_wheel wheel{now};
  for (auto _ : state) {
    std::size_t i = 0;
    for (auto& node : nodes) wheel.arm(node, now + delays[i++ % delays.size()]);
    while (wheel.size() != 0) {
      now = wheel.next_deadline();
      wheel.advance(now, [](timer_node& node) { benchmark::DoNotOptimize(&node); });
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(arm_and_cancel)->Arg(0)->Arg(1'000'000);
BENCHMARK(move_one_of_many)->Arg(1000)->Arg(1'000'000);
BENCHMARK(arm_and_fire)->Arg(1000)->Arg(1'000'000);

}  // namespace

BENCHMARK_MAIN();
