// What do a push and a pop of the run queue cost its owner, alone and beside a thief?
#include <benchmark/benchmark.h>

#include <thread>
#include <vector>

#include "base/atomic.hpp"
#include "pinned.hpp"
#include "sync/run_queue.hpp"

namespace {

struct item {};
using queue = sluice::sync::run_queue<item, 256>;

void push_pop(benchmark::State& state) {
  queue own;
  const auto run = static_cast<unsigned>(state.range(0));
  std::vector<item> items(run);
  for (auto _ : state) {
    for (item& one : items) benchmark::DoNotOptimize(own.try_push(&one));
    for (unsigned i = 0; i < run; ++i) benchmark::DoNotOptimize(own.pop());
  }
  state.SetItemsProcessed(state.iterations() * run);
}

void push_pop_beside_a_thief(benchmark::State& state) {
  queue own;
  std::vector<item> items(128);
  sluice::base::atomic<bool> is_over{false};
  const pinned here{0};
  std::thread thief([&] {
    const pinned there{1};
    queue loot;
    while (!is_over.load(sluice::base::relaxed)) {
      benchmark::DoNotOptimize(own.steal_into(loot));
      while (loot.pop() != nullptr) {
      }
    }
  });
  for (auto _ : state) {
    for (item& one : items) benchmark::DoNotOptimize(own.try_push(&one));
    while (own.pop() != nullptr) {
    }
  }
  is_over.store(true, sluice::base::relaxed);
  thief.join();
  state.SetItemsProcessed(state.iterations() * 128);
}

void steal_half(benchmark::State& state) {
  queue victim;
  queue thief;
  std::vector<item> items(64);
  for (auto _ : state) {
    for (item& one : items) benchmark::DoNotOptimize(victim.try_push(&one));
    while (victim.steal_into(thief) != nullptr) {
      while (thief.pop() != nullptr) {
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * 64);
}

BENCHMARK(push_pop)->Arg(1)->Arg(64);
BENCHMARK(push_pop_beside_a_thief)->UseRealTime();
BENCHMARK(steal_half);

}  // namespace

BENCHMARK_MAIN();
