// What does one message cost in each multi-producer single-consumer queue, on one thread and
// between two?
#include <benchmark/benchmark.h>

#include <thread>
#include <vector>

#include "base/atomic.hpp"
#include "pinned.hpp"
#include "sync/mpsc_queue.hpp"
#include "sync/take_all_stack.hpp"

namespace {

struct stack_node {
  stack_node* next = nullptr;
};
struct link_node : sluice::sync::mpsc_link {};

using stack = sluice::sync::take_all_stack<stack_node, &stack_node::next>;
using queue = sluice::sync::mpsc_queue<link_node>;

constexpr unsigned window = 256;

void push(stack& to, stack_node& node) { static_cast<void>(to.push(&node)); }
void push(queue& to, link_node& node) { to.push(&node); }

unsigned drain(stack& from) {
  unsigned count = 0;
  for (stack_node* node = from.take_all(); node != nullptr; node = node->next) ++count;
  return count;
}
unsigned drain(queue& from) {
  unsigned count = 0;
  while (from.pop().outcome == sluice::sync::pop_outcome::item) ++count;
  return count;
}

template <class Queue, class Node>
void one_thread(benchmark::State& state) {
  Queue inbox;
  const auto run = static_cast<unsigned>(state.range(0));
  std::vector<Node> nodes(run);
  for (auto _ : state) {
    for (Node& node : nodes) push(inbox, node);
    benchmark::DoNotOptimize(drain(inbox));
  }
  state.SetItemsProcessed(state.iterations() * run);
}

// A producer may be `window` nodes ahead of the consumer, which tells how far it is.
template <class Queue, class Node>
void two_threads(benchmark::State& state) {
  Queue inbox;
  std::vector<Node> nodes(window);
  sluice::base::atomic<std::uint64_t> consumed{0};
  sluice::base::atomic<bool> is_over{false};
  const pinned here{0};
  std::thread producer([&] {
    const pinned there{1};
    for (std::uint64_t sent = 0; !is_over.load(sluice::base::relaxed);) {
      const std::uint64_t until = consumed.load(sluice::base::acquire) + window;
      if (sent == until) sluice::base::spin_pause();
      for (; sent < until; ++sent) push(inbox, nodes[sent % window]);
    }
  });
  std::uint64_t received = 0;
  for (auto _ : state) {
    for (const std::uint64_t until = received + window; received < until;) {
      const unsigned count = drain(inbox);
      if (count == 0) continue;
      received += count;
      consumed.store(received, sluice::base::release);
    }
  }
  is_over.store(true, sluice::base::relaxed);
  producer.join();
  state.SetItemsProcessed(static_cast<std::int64_t>(received));
}

BENCHMARK(one_thread<stack, stack_node>)->Arg(1)->Arg(64);
BENCHMARK(one_thread<queue, link_node>)->Arg(1)->Arg(64);
BENCHMARK(two_threads<stack, stack_node>)->UseRealTime();
BENCHMARK(two_threads<queue, link_node>)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
