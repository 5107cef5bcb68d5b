// Which mailbox is cheaper, the take-all stack or the exchange-linked lists?
//
// Both through one interface, with 64-byte messages on the data lane, in the runtime's own pattern:
// whoever is told to schedule sets the owner's flag, the owner runs until it has parked.
#include <benchmark/benchmark.h>
#include <pthread.h>
#include <sched.h>

#include <memory>
#include <thread>
#include <vector>

#include "actor/lanes.hpp"
#include "actor/mailbox.hpp"
#include "base/atomic.hpp"
#include "base/cpu_topology.hpp"
#include "candidate_exchange_mailbox.hpp"

namespace {

namespace base = sluice::base;
namespace core = sluice::core;
using sluice::bench::exchange_mailbox;
using sluice::bench::exchange_node;
using sluice::bench::next_outcome;

void pin_this_thread(std::size_t index) {
  static const std::vector<int> allowed = base::allowed_cores();  // Before the first pin.
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(allowed[index % allowed.size()]), &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

// The runtime's mailbox and lanes, as activation.cpp uses them.
struct take_all {
  struct alignas(64) node : core::envelope {
    std::uint64_t number;
  };

  take_all() { box.open(), static_cast<void>(box.try_park()); }

  // `count` nodes in a row; true: schedule.
  bool push(node* first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) first[i].next = &first[(i + 1) % count];
    for (std::size_t i = 0; i < count; ++i) first[i].lane = 2;
    return box.push(&first[count - 1], false) == core::push_outcome::schedule;
  }
  /// Handles each message, and gives its node back when a producer may use it again.
  template <class Handle, class GiveBack>
  void run(Handle&& handle, GiveBack&& give_back) {
    const auto finish_one = [&](core::envelope* done) {
      handle(static_cast<node&>(*done));
      give_back(static_cast<node&>(*done));
    };
    do {
      core::envelope* const newest = box.take();
      if (newest == nullptr) continue;
      if (newest->older == nullptr && newest->next == newest) {  // Alone: without lists.
        finish_one(newest);
        continue;
      }
      mail.absorb(newest);
      while (core::envelope* const each = mail.pop()) finish_one(each);
    } while (!box.try_park());
  }

  core::mailbox box;
  core::lanes mail;
};

struct exchange_linked {
  struct alignas(64) node : exchange_node {
    std::uint64_t number;
  };

  exchange_linked() {
    static_cast<void>(box.try_park([](exchange_node*) {}));
  }

  bool push(node* first, std::size_t count) {
    // Relaxed: published by the push.
    for (std::size_t i = 0; i + 1 < count; ++i) first[i].next.store(&first[i + 1], base::relaxed);
    return box.push(first, &first[count - 1], false);
  }
  template <class Handle, class GiveBack>
  void run(Handle&& handle, GiveBack&& give_back) {
    const auto give_node_back = [&](exchange_node* done) { give_back(static_cast<node&>(*done)); };
    unsigned pauses = 0;
    while (true) {
      const auto [outcome, each] = box.next(false, give_node_back);
      if (outcome == next_outcome::item) {
        handle(static_cast<node&>(*each));
        pauses = 0;
      } else if (outcome == next_outcome::busy) {
        ++pauses < 64 ? base::spin_pause() : std::this_thread::yield();
      } else if (box.try_park(give_node_back)) {
        return;
      }
    }
  }

  exchange_mailbox box;
};

constexpr auto nothing = [](auto&) {};

// Pushes a run of messages, then handles it: one activation, or a flood when the run is long.
template <class Form>
void one_thread(benchmark::State& state) {
  pin_this_thread(0);
  Form inbox;
  const auto length = static_cast<std::size_t>(state.range(0));
  const auto chain = static_cast<std::size_t>(state.range(1));
  std::vector<typename Form::node> nodes(length);
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < length; i += chain) {
      benchmark::DoNotOptimize(inbox.push(&nodes[i], chain));
    }
    inbox.run([&sum](auto& each) { sum += each.number; }, nothing);
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// Two mailboxes on one thread, one message to and fro: what a local pingpong pays.
template <class Form>
void ping_pong_local(benchmark::State& state) {
  pin_this_thread(0);
  Form one, other;
  typename Form::node ball{};
  static_cast<void>(one.push(&ball, 1));
  typename Form::node spare{};
  typename Form::node* thrown[2] = {&ball, &spare};
  for (auto _ : state) {
    one.run([&](auto&) { benchmark::DoNotOptimize(other.push(thrown[1], 1)); }, nothing);
    other.run([&](auto&) { benchmark::DoNotOptimize(one.push(thrown[0], 1)); }, nothing);
  }
  one.run(nothing, nothing);
  state.SetItemsProcessed(2 * state.iterations());
}

// A mailbox whose owner is a thread that looks at a flag, in the run queue's place.
template <class Form>
struct alignas(64) owner {
  Form inbox;
  alignas(64) base::atomic<bool> is_scheduled{false};

  void push(typename Form::node* first, std::size_t count) {
    // [MX1] release: the right to run; pairs MX2 (run_if_scheduled).
    if (inbox.push(first, count)) is_scheduled.store(true, base::release);
  }
  template <class Handle, class GiveBack>
  bool run_if_scheduled(Handle&& handle, GiveBack&& give_back) {
    // [MX2] acquire: pairs MX1 (push).
    if (!is_scheduled.load(base::acquire)) return false;
    is_scheduled.store(false, base::relaxed);  // Relaxed: only the next grant sets it again.
    inbox.run(handle, give_back);
    return true;
  }
};

// The message goes to the other core and back.
template <class Form>
void ping_pong_across(benchmark::State& state) {
  pin_this_thread(0);
  auto here = std::make_unique<owner<Form>>();
  auto there = std::make_unique<owner<Form>>();
  // Two of each: the last one may still be in its owner's hands when the next is thrown.
  typename Form::node pings[2] = {}, pongs[2] = {};
  std::size_t round = 0, answer = 0;
  base::atomic<bool> is_over{false};
  std::thread answering([&] {
    pin_this_thread(1);
    while (!is_over.load(base::relaxed)) {  // Relaxed: the join orders what follows.
      if (!there->run_if_scheduled([&](auto&) { here->push(&pongs[answer++ & 1], 1); }, nothing))
        base::spin_pause();
    }
  });
  for (auto _ : state) {
    there->push(&pings[round++ & 1], 1);
    while (!here->run_if_scheduled(nothing, nothing)) base::spin_pause();
  }
  is_over.store(true, base::relaxed);
  answering.join();
  state.SetItemsProcessed(2 * state.iterations());
}

constexpr std::size_t window = 1024;

// What one producer and the owner share: so many nodes were given back.
template <class Form>
struct alignas(64) producer {
  base::atomic<std::uint64_t> returned{0};
  alignas(64) std::uint64_t expected = 0;  // the owner's: the next number
  std::uint64_t freed = 0;                 // the owner's
  std::unique_ptr<typename Form::node[]> nodes{new typename Form::node[window]};

  // At most a window of messages ahead of the owner.
  void send_until(const base::atomic<bool>& is_over, owner<Form>& to, std::uint64_t index,
                  std::size_t chain) {
    for (std::uint64_t sent = 0;; sent += chain) {
      unsigned pauses = 0;
      // [MX3] acquire: the nodes are free again; pairs MX4 (give_back).
      while (sent + chain > returned.load(base::acquire) + window) {
        if (is_over.load(base::relaxed)) return;  // Relaxed: the join orders what follows.
        // Another producer may need this core.
        ++pauses % 64 == 0 ? std::this_thread::yield() : base::spin_pause();
      }
      typename Form::node* const first = &nodes[sent % window];
      for (std::size_t i = 0; i < chain; ++i) first[i].number = (sent + i) << 1 | index;
      to.push(first, chain);
    }
  }
  void give_back() {
    // [MX4] release: these nodes may be written again, a batch at a time; pairs MX3 (send_until).
    if (++freed % 32 == 0) returned.store(freed, base::release);
  }
};

// One or two threads on the second core send to the owner on the first, which checks the order.
template <class Form>
void across(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto chain = static_cast<std::size_t>(state.range(1));
  pin_this_thread(0);
  auto to = std::make_unique<owner<Form>>();
  producer<Form> producers[2];
  base::atomic<bool> is_over{false};
  std::vector<std::thread> threads;
  for (std::size_t p = 0; p < count; ++p) {
    threads.emplace_back([&, p] {
      pin_this_thread(1);
      producers[p].send_until(is_over, *to, p, chain);
    });
  }
  std::uint64_t received = 0;
  bool is_in_order = true;
  const auto handle = [&](auto& each) {
    is_in_order = is_in_order && each.number >> 1 == producers[each.number & 1].expected++;
    ++received;
  };
  const auto give_back = [&](auto& each) { producers[each.number & 1].give_back(); };
  for (auto _ : state) {
    const std::uint64_t until = received + window;
    while (received < until) {
      if (!to->run_if_scheduled(handle, give_back)) base::spin_pause();
    }
  }
  is_over.store(true, base::relaxed);
  for (auto& thread : threads) thread.join();
  if (!is_in_order) state.SkipWithError("out of order");
  state.SetItemsProcessed(static_cast<std::int64_t>(received));
}

void runs_and_chains(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"run", "chain"});
  for (const std::int64_t length : {1, 64, 4096, 1 << 20}) bench->Args({length, 1});
  for (const std::int64_t length : {64, 4096, 1 << 20}) bench->Args({length, 64});
}
void producers_and_chains(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"producers", "chain"})->UseRealTime();
  for (const std::int64_t producers : {1, 2}) bench->Args({producers, 1})->Args({producers, 32});
}

BENCHMARK(one_thread<take_all>)->Apply(runs_and_chains);
BENCHMARK(one_thread<exchange_linked>)->Apply(runs_and_chains);
BENCHMARK(ping_pong_local<take_all>);
BENCHMARK(ping_pong_local<exchange_linked>);
BENCHMARK(ping_pong_across<take_all>)->UseRealTime();
BENCHMARK(ping_pong_across<exchange_linked>)->UseRealTime();
BENCHMARK(across<take_all>)->Apply(producers_and_chains);
BENCHMARK(across<exchange_linked>)->Apply(producers_and_chains);

}  // namespace

BENCHMARK_MAIN();
