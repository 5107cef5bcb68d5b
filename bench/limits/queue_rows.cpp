// Raw queues from one producer core to one consumer core: the ceiling of anything that sends
// between schedulers. Nodes are preallocated and the producer stays at most `window` ahead, so that
// neither allocation nor a growing footprint is measured. The consumer checks that every value
// comes once and in order.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#if __has_include(<concurrentqueue/concurrentqueue.h>)
#include <concurrentqueue/concurrentqueue.h>
#define SLUICE_BENCH_MOODYCAMEL 1
#elif __has_include(<concurrentqueue/moodycamel/concurrentqueue.h>)
#include <concurrentqueue/moodycamel/concurrentqueue.h>
#define SLUICE_BENCH_MOODYCAMEL 1
#elif __has_include(<concurrentqueue.h>)
#include <concurrentqueue.h>
#define SLUICE_BENCH_MOODYCAMEL 1
#else
#define SLUICE_BENCH_MOODYCAMEL 0
#endif

#include "rows.hpp"

namespace sluice::bench {
namespace {

constexpr std::uint64_t window = 256;       // how far the producer may be ahead
constexpr std::uint64_t report_every = 64;  // the consumer tells its progress that often
// A consumer that found nothing looks again after this many pauses, as a scheduler does between two
// looks. Without any it fights the producer for the line and the same queues carry a third
// (measured: 33 for 107, 22 for 121 M/s).
constexpr int pauses_when_empty = 4;

struct alignas(64) node {
  std::atomic<node*> next{nullptr};
  std::uint64_t value = 0;
};

// Exchange-linked (Vyukov): a push is one exchange and one store; a gap is possible between them.
class linked_queue {
 public:
  void push(node& item) {
    item.next.store(nullptr, std::memory_order_relaxed);
    node* before = head_.exchange(&item, std::memory_order_acq_rel);
    before->next.store(&item, std::memory_order_release);
  }
  template <class Visit>
  void take(Visit&& visit) {
    while (node* next = tail_->next.load(std::memory_order_acquire)) {
      tail_ = next;
      visit(next->value);
    }
  }

 private:
  node stub_;
  alignas(64) std::atomic<node*> head_{&stub_};
  alignas(64) node* tail_ = &stub_;
};

// CAS push, the consumer takes everything with one exchange and reverses it.
class stack_queue {
 public:
  void push(node& item) {
    node* top = top_.load(std::memory_order_relaxed);
    do {
      item.next.store(top, std::memory_order_relaxed);
    } while (!top_.compare_exchange_weak(top, &item, std::memory_order_release,
                                         std::memory_order_relaxed));
  }
  template <class Visit>
  void take(Visit&& visit) {
    if (top_.load(std::memory_order_relaxed) == nullptr) return;
    node* reversed = nullptr;
    for (node* item = top_.exchange(nullptr, std::memory_order_acquire); item != nullptr;) {
      node* next = item->next.load(std::memory_order_relaxed);
      item->next.store(reversed, std::memory_order_relaxed);
      reversed = item;
      item = next;
    }
    for (; reversed != nullptr; reversed = reversed->next.load(std::memory_order_relaxed)) {
      visit(reversed->value);
    }
  }

 private:
  alignas(64) std::atomic<node*> top_{nullptr};
};

#if SLUICE_BENCH_MOODYCAMEL
class moodycamel_queue {
 public:
  void push(node& item) {
    if (!queue_.enqueue(token_, &item)) std::abort();
  }
  template <class Visit>
  void take(Visit&& visit) {
    node* item = nullptr;
    while (queue_.try_dequeue_from_producer(token_, item)) visit(item->value);
  }

 private:
  moodycamel::ConcurrentQueue<node*> queue_{4096};
  moodycamel::ProducerToken token_{queue_};
};
#endif

// Million messages a second from the first CPU to the second.
template <class Queue>
double transfer(rows& out, std::uint64_t messages) {
  // A linked queue keeps its last node, so one more than the window circulates; a power of two is
  // simplest.
  std::vector<node> nodes(2 * window);
  Queue queue;
  alignas(64) std::atomic<std::uint64_t> consumed{0};
  const auto produce = [&] {
    std::uint64_t limit = window;
    for (std::uint64_t i = 0; i < messages; ++i) {
      while (i >= limit) {
        limit = consumed.load(std::memory_order_acquire) + window;
        if (i >= limit) cpu_relax();
      }
      node& item = nodes[i % nodes.size()];
      item.value = i;
      queue.push(item);
    }
  };
  const auto consume = [&] {
    std::uint64_t expected = 0;
    while (expected < messages) {
      const std::uint64_t before = expected;
      queue.take([&](std::uint64_t value) {
        if (value != expected) {
          std::fprintf(stderr, "limits: a queue lost its order\n");
          std::abort();
        }
        if (++expected % report_every == 0) consumed.store(expected, std::memory_order_release);
      });
      for (int i = 0; i < pauses_when_empty && expected == before; ++i) cpu_relax();
    }
  };
  return static_cast<double>(messages) / run_pair(out.cpus(), produce, consume) * 1000.0;
}

// Push and take on one core, one message at a time.
template <class Queue>
double local(std::uint64_t messages) {
  std::vector<node> nodes(2);
  Queue queue;
  std::uint64_t sum = 0;
  const std::uint64_t start = now_ns();
  for (std::uint64_t i = 0; i < messages; ++i) {
    nodes[i % 2].value = i;
    queue.push(nodes[i % 2]);
    queue.take([&sum](std::uint64_t value) { sum += value; });
  }
  keep(sum);
  return static_cast<double>(now_ns() - start) / static_cast<double>(messages);
}

}  // namespace

void measure_queues(rows& out) {
  const auto both = [&out]<class Queue>(const std::string& name, Queue*) {
    out.measure(name + "_local", "ns", 10'000'000, local<Queue>);
    out.measure_pair(name + "_1_to_1", "M/s", 10'000'000,
                     [&out](std::uint64_t n) { return transfer<Queue>(out, n); });
  };
  both("mpsc_exchange_linked", static_cast<linked_queue*>(nullptr));
  both("mpsc_cas_stack", static_cast<stack_queue*>(nullptr));
#if SLUICE_BENCH_MOODYCAMEL
  both("moodycamel_single", static_cast<moodycamel_queue*>(nullptr));
#else
  out.skip("moodycamel_single", "its header is not installed");
#endif
}

}  // namespace sluice::bench
