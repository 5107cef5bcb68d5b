// What do allocating and freeing a block cost: warm, in runs, cold in a flood, and freed elsewhere?
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "base/atomic.hpp"
#include "mem/block_pool.hpp"
#include "mem/cache.hpp"
#include "pinned.hpp"
#include "sync/take_all_stack.hpp"

namespace {

namespace mem = sluice::mem;

void pair_warm(benchmark::State& state) {
  mem::cache& own = mem::this_thread_cache();
  for (auto _ : state) {
    void* const memory = own.allocate(0);
    benchmark::DoNotOptimize(memory);
    own.free(memory, 0);
  }
}

void pair_malloc(benchmark::State& state) {
  for (auto _ : state) {
    void* const memory = std::malloc(64);
    benchmark::DoNotOptimize(memory);
    std::free(memory);
  }
}

void run_of_blocks(benchmark::State& state) {
  mem::cache& own = mem::this_thread_cache();
  std::vector<void*> blocks(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (void*& memory : blocks) memory = own.allocate(0);
    for (void* const memory : blocks) own.free(memory, 0);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// Ten million blocks written once each, from ground never used: a flood's first time. Then the
// trim.
void flood_cold(benchmark::State& state) {
  constexpr std::size_t count = 10'000'000;
  mem::cache& own = mem::this_thread_cache();
  for (auto _ : state) {
    mem::block* chain = nullptr;
    for (std::size_t i = 0; i < count; ++i) {
      auto* const item = static_cast<mem::block*>(own.allocate(0));
      item->next = chain;
      chain = item;
    }
    state.PauseTiming();
    while (chain != nullptr) own.free(std::exchange(chain, chain->next), 0);
    own.flush();
    while (mem::pool().trim(64) == mem::trim_outcome::more) {
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

void trim_after_flood(benchmark::State& state) {
  constexpr std::size_t count = 10'000'000;
  mem::cache& own = mem::this_thread_cache();
  for (auto _ : state) {
    state.PauseTiming();
    mem::block* chain = nullptr;
    for (std::size_t i = 0; i < count; ++i) {
      auto* const item = static_cast<mem::block*>(own.allocate(0));
      item->next = chain;
      chain = item;
    }
    while (chain != nullptr) own.free(std::exchange(chain, chain->next), 0);
    own.flush();
    state.ResumeTiming();
    while (mem::pool().trim(64) == mem::trim_outcome::more) {
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

// One thread allocates and sends, another frees: batches travel back through the depot.
void freed_elsewhere(benchmark::State& state) {
  struct message {
    message* next;
  };
  using inbox = sluice::sync::take_all_stack<message, &message::next>;
  constexpr std::uint64_t window = 1024;
  inbox mail;
  sluice::base::atomic<std::uint64_t> consumed{0};
  sluice::base::atomic<bool> is_over{false};
  const pinned here{0};
  std::thread consumer([&] {
    const pinned there{1};
    mem::cache& own = mem::this_thread_cache();
    std::uint64_t count = 0;
    std::uint64_t told = 0;
    bool is_last = false;
    while (!is_last) {
      is_last = is_over.load(sluice::base::acquire);
      for (message* one = mail.take_all(); one != nullptr; ++count) {
        own.free(std::exchange(one, one->next), 0);
      }
      if (count != told) consumed.store(told = count, sluice::base::release);
    }
  });
  mem::cache& own = mem::this_thread_cache();
  std::uint64_t sent = 0;
  for (auto _ : state) {
    while (sent >= consumed.load(sluice::base::acquire) + window) sluice::base::spin_pause();
    for (int i = 0; i < 64; ++i, ++sent) {
      static_cast<void>(mail.push(new (own.allocate(0)) message{nullptr}));
    }
  }
  is_over.store(true, sluice::base::release);
  consumer.join();
  state.SetItemsProcessed(static_cast<std::int64_t>(sent));
}

BENCHMARK(pair_warm);
BENCHMARK(pair_malloc);
BENCHMARK(run_of_blocks)->Arg(64)->Arg(1000)->Arg(100'000);
BENCHMARK(flood_cold)->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(trim_after_flood)->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(freed_elsewhere)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
