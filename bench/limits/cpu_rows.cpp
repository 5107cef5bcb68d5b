// Instructions and cache lines: what an atomic, a call, a clock and a hop to the other core cost.
#include <time.h>

#include <atomic>
#include <memory>
#include <vector>

#include "rows.hpp"

namespace sluice::bench {
namespace {

struct alignas(128) line {
  std::atomic<std::uint64_t> value{0};
};

template <class Body>
double ns_each(std::uint64_t iterations, Body&& body) {
  const std::uint64_t start = now_ns();
  for (std::uint64_t i = 0; i < iterations; ++i) body(i);
  return static_cast<double>(now_ns() - start) / static_cast<double>(iterations);
}

// Handlers of several types behind one interface: the call cannot be devirtualised, the target
// varies.
struct handler {
  virtual ~handler() = default;
  virtual void on(std::uint64_t value) = 0;
  std::uint64_t sum = 0;
};
struct adding final : handler {
  void on(std::uint64_t value) override { sum += value; }
};
struct mixing final : handler {
  void on(std::uint64_t value) override { sum ^= value; }
};

void measure_calls(rows& out) {
  std::vector<std::unique_ptr<handler>> handlers;
  for (int i = 0; i < 64; ++i) {
    if (i % 2 == 0) {
      handlers.push_back(std::make_unique<adding>());
    } else {
      handlers.push_back(std::make_unique<mixing>());
    }
  }
  out.measure("virtual_call", "ns", 20'000'000, [&](std::uint64_t n) {
    return ns_each(n, [&](std::uint64_t i) {
      handler* target = handlers[i % 64].get();
      keep(target);
      target->on(i);
    });
  });
  out.measure("virtual_call_and_exchange", "ns", 20'000'000, [&](std::uint64_t n) {
    line word;
    return ns_each(n, [&](std::uint64_t i) {
      handler* target = handlers[i % 64].get();
      keep(target);
      target->on(word.value.exchange(i, std::memory_order_acq_rel));
    });
  });
}

void measure_atomics(rows& out) {
  out.measure("exchange_uncontended", "ns", 20'000'000, [](std::uint64_t n) {
    line word;
    return ns_each(
        n, [&](std::uint64_t i) { (void)word.value.exchange(i, std::memory_order_acq_rel); });
  });
  out.measure("fetch_add_uncontended", "ns", 20'000'000, [](std::uint64_t n) {
    line word;
    return ns_each(
        n, [&](std::uint64_t) { (void)word.value.fetch_add(1, std::memory_order_acq_rel); });
  });
  out.measure("cas_uncontended", "ns", 20'000'000, [](std::uint64_t n) {
    line word;
    std::uint64_t seen = 0;
    return ns_each(n, [&](std::uint64_t) {
      if (word.value.compare_exchange_strong(seen, seen + 1, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
        ++seen;
      }
    });
  });
  // Both cores at the same word; the figure is one core's time for one of its own operations.
  const auto contended = [&out](const char* name, auto operation) {
    out.measure_pair(name, "ns", 5'000'000, [&out, operation](std::uint64_t n) {
      line word;
      const auto body = [&word, n, operation] {
        for (std::uint64_t i = 0; i < n; ++i) operation(word.value, i);
      };
      return run_pair(out.cpus(), body, body) / static_cast<double>(n);
    });
  };
  contended("exchange_contended", [](std::atomic<std::uint64_t>& word, std::uint64_t i) {
    (void)word.exchange(i, std::memory_order_acq_rel);
  });
  contended("fetch_add_contended", [](std::atomic<std::uint64_t>& word, std::uint64_t) {
    (void)word.fetch_add(1, std::memory_order_acq_rel);
  });
}

// There and back: the second core answers each value written by the first.
double round_trip(rows& out, std::uint64_t n, line& there, line& back) {
  const auto ask = [&] {
    for (std::uint64_t i = 1; i <= n; ++i) {
      there.value.store(i, std::memory_order_release);
      while (back.value.load(std::memory_order_acquire) != i) {
      }
    }
  };
  const auto answer = [&] {
    for (std::uint64_t i = 1; i <= n; ++i) {
      while (there.value.load(std::memory_order_acquire) != i) {
      }
      back.value.store(i, std::memory_order_release);
    }
  };
  return run_pair(out.cpus(), ask, answer) / static_cast<double>(n);
}

void measure_lines(rows& out) {
  out.measure_pair("line_round_trip", "ns", 1'000'000, [&](std::uint64_t n) {
    // One line: odd values are questions, even ones answers.
    line shared;
    const auto take_turns = [&shared, n](std::uint64_t parity) {
      for (std::uint64_t i = 0; i < n; ++i) {
        while (shared.value.load(std::memory_order_acquire) != 2 * i + parity) {
        }
        shared.value.store(2 * i + parity + 1, std::memory_order_release);
      }
    };
    return run_pair(
               out.cpus(), [&] { take_turns(0); }, [&] { take_turns(1); }) /
           static_cast<double>(n);
  });
  out.measure_pair("two_lines_round_trip", "ns", 1'000'000, [&](std::uint64_t n) {
    line there;
    line back;
    return round_trip(out, n, there, back);
  });
}

void measure_clocks(rows& out) {
  out.measure("clock_gettime", "ns", 5'000'000, [](std::uint64_t n) {
    return ns_each(n, [](std::uint64_t) {
      timespec time{};
      ::clock_gettime(CLOCK_MONOTONIC, &time);
      keep(time);
    });
  });
#if defined(__x86_64__)
  out.measure("rdtsc", "ns", 10'000'000, [](std::uint64_t n) {
    return ns_each(n, [](std::uint64_t) {
      std::uint64_t ticks = __builtin_ia32_rdtsc();
      keep(ticks);
    });
  });
#else
  out.skip("rdtsc", "not on this architecture");
#endif
  out.measure("pause", "ns", 2'000'000,
              [](std::uint64_t n) { return ns_each(n, [](std::uint64_t) { cpu_relax(); }); });
}

}  // namespace

void measure_cpu(rows& out) {
  measure_atomics(out);
  measure_calls(out);
  measure_lines(out);
  measure_clocks(out);
}

}  // namespace sluice::bench
