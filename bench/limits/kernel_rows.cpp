// Sleeping and waking: what it costs to wake a thread that sleeps on the other core, to find nobody
// to wake, to yield.
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>

#include "rows.hpp"

namespace sluice::bench {
namespace {

using futex_word = std::atomic<std::uint32_t>;

void futex_wait(futex_word& word, std::uint32_t expected) {
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
void futex_wake(futex_word& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void sleep_until(futex_word& word, std::uint32_t wanted) {
  for (std::uint32_t seen = word.load(std::memory_order_acquire); seen != wanted;
       seen = word.load(std::memory_order_acquire)) {
    futex_wait(word, seen);
  }
}

void spin_ns(std::uint64_t nanoseconds) {
  const std::uint64_t until = now_ns() + nanoseconds;
  while (now_ns() < until) cpu_relax();
}

struct wake_costs {
  double call = 0;
  double until_runs = 0;
};

// The sleeper is given 200 us to fall asleep before each wake, so that the wake meets a sleeping
// core.
wake_costs measure_wakes(rows& out, std::uint64_t wakes) {
  alignas(64) futex_word word{0};
  alignas(64) std::atomic<std::uint64_t> woken_at{0};
  std::uint64_t call_ns = 0;
  std::uint64_t run_ns = 0;
  const auto wake = [&] {
    for (std::uint32_t i = 1; i <= wakes; ++i) {
      spin_ns(200'000);
      const std::uint64_t start = now_ns();
      word.store(i, std::memory_order_release);
      futex_wake(word);
      call_ns += now_ns() - start;
      while (woken_at.load(std::memory_order_acquire) == 0) cpu_relax();
      run_ns += woken_at.exchange(0, std::memory_order_acq_rel) - start;
    }
  };
  const auto sleep = [&] {
    for (std::uint32_t i = 1; i <= wakes; ++i) {
      sleep_until(word, i);
      woken_at.store(now_ns(), std::memory_order_release);
      while (woken_at.load(std::memory_order_acquire) != 0) cpu_relax();
    }
  };
  (void)run_pair(out.cpus(), wake, sleep);
  const auto count = static_cast<double>(wakes);
  return {static_cast<double>(call_ns) / count, static_cast<double>(run_ns) / count};
}

// Two threads that wake each other in turn and sleep in between.
double round_trip(rows& out, std::uint64_t trips) {
  alignas(64) futex_word there{0};
  alignas(64) futex_word back{0};
  const auto ask = [&] {
    for (std::uint32_t i = 1; i <= trips; ++i) {
      there.store(i, std::memory_order_release);
      futex_wake(there);
      sleep_until(back, i);
    }
  };
  const auto answer = [&] {
    for (std::uint32_t i = 1; i <= trips; ++i) {
      sleep_until(there, i);
      back.store(i, std::memory_order_release);
      futex_wake(back);
    }
  };
  return run_pair(out.cpus(), ask, answer) / static_cast<double>(trips);
}

template <class Body>
double ns_each(std::uint64_t iterations, Body&& body) {
  const std::uint64_t start = now_ns();
  for (std::uint64_t i = 0; i < iterations; ++i) body();
  return static_cast<double>(now_ns() - start) / static_cast<double>(iterations);
}

}  // namespace

void measure_kernel(rows& out) {
  out.measure_pair("futex_wake_call", "ns", 1000,
                   [&](std::uint64_t n) { return measure_wakes(out, n).call; });
  out.measure_pair("futex_wake_until_it_runs", "ns", 1000,
                   [&](std::uint64_t n) { return measure_wakes(out, n).until_runs; });
  out.measure_pair("futex_round_trip", "ns", 5000,
                   [&](std::uint64_t n) { return round_trip(out, n); });
  out.measure("futex_wake_nobody", "ns", 500'000, [](std::uint64_t n) {
    futex_word word{0};
    return ns_each(n, [&] { futex_wake(word); });
  });
  out.measure("sched_yield", "ns", 500'000,
              [](std::uint64_t n) { return ns_each(n, [] { ::sched_yield(); }); });
  out.measure("syscall_getppid", "ns", 1'000'000,
              [](std::uint64_t n) { return ns_each(n, [] { ::syscall(SYS_getppid); }); });
}

}  // namespace sluice::bench
