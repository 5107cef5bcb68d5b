// What the atomic facade stands on under the seeded scheduler: each access is a place where another
// fiber may be the next to run.
//
// base/atomic.hpp includes this header when SLUICE_MODEL_ATOMIC_HEADER names it. All fibers run on
// one thread, so interleavings are sequentially consistent: what weaker orders allow is for
// tests/relacy. Accesses are plain std::atomic ones; a step costs a decrement as long as nothing is
// to happen.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>

namespace sluice::inline v0::base {

namespace interleaved {

/// Steps until the scheduler is asked again.
extern std::int64_t countdown;
/// Not 0: sites of accesses are looked at (planted defects, lists of sites).
extern unsigned is_watched;

/// Lets the scheduler choose.
void reschedule() noexcept;
void yield() noexcept;

enum class defect : unsigned char { none, split, dropped };
/// What is planted at this place.
defect defect_at(const std::source_location& place, const char* operation) noexcept;

inline void step() noexcept {
  if (--countdown <= 0) [[unlikely]]
    reschedule();
}

}  // namespace interleaved

inline constexpr std::memory_order relaxed = std::memory_order_relaxed;
inline constexpr std::memory_order acquire = std::memory_order_acquire;
inline constexpr std::memory_order release = std::memory_order_release;
inline constexpr std::memory_order acq_rel = std::memory_order_acq_rel;
inline constexpr std::memory_order seq_cst = std::memory_order_seq_cst;

template <class T>
class atomic {
 public:
  using place = std::source_location;
  static constexpr bool is_always_lock_free = std::atomic<T>::is_always_lock_free;

  constexpr atomic() noexcept = default;
  constexpr atomic(T value) noexcept : value_(value) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  [[nodiscard]] T load(std::memory_order order) const noexcept {
    interleaved::step();
    return value_.load(order);
  }
  void store(T value, std::memory_order order, place at = place::current()) noexcept {
    interleaved::step();
    if (interleaved::is_watched != 0) [[unlikely]] {
      if (interleaved::defect_at(at, "store") != interleaved::defect::none) return;
    }
    value_.store(value, order);
  }
  T exchange(T value, std::memory_order, place at = place::current()) noexcept {
    return change(at, "exchange", [value](T) { return value; });
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order order,
                             std::memory_order on_failure, place at = place::current()) noexcept {
    return compare_exchange_strong(expected, value, order, on_failure, at);
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order, std::memory_order,
                               place at = place::current()) noexcept {
    const T wanted = expected;
    expected = change(at, "compare_exchange",
                      [wanted, value](T seen) { return seen == wanted ? value : seen; });
    return expected == wanted;
  }
  T fetch_add(T amount, std::memory_order, place at = place::current()) noexcept {
    return change(at, "fetch_add", [amount](T seen) { return static_cast<T>(seen + amount); });
  }
  T fetch_sub(T amount, std::memory_order, place at = place::current()) noexcept {
    return change(at, "fetch_sub", [amount](T seen) { return static_cast<T>(seen - amount); });
  }
  T fetch_and(T bits, std::memory_order, place at = place::current()) noexcept {
    return change(at, "fetch_and", [bits](T seen) { return static_cast<T>(seen & bits); });
  }
  T fetch_or(T bits, std::memory_order, place at = place::current()) noexcept {
    return change(at, "fetch_or", [bits](T seen) { return static_cast<T>(seen | bits); });
  }

 private:
  // Nobody runs between the load and the store, unless that is the planted defect.
  template <class Change>
  T change(const place& at, const char* operation, Change&& changed) noexcept {
    interleaved::step();
    const T seen = value_.load(relaxed);
    if (interleaved::is_watched != 0) [[unlikely]] {
      const interleaved::defect planted = interleaved::defect_at(at, operation);
      if (planted == interleaved::defect::dropped) return seen;
      if (planted == interleaved::defect::split) interleaved::reschedule();
    }
    value_.store(changed(seen), relaxed);
    return seen;
  }

  std::atomic<T> value_{};
};

/// Nothing to do: no access moves across a step.
inline void compiler_barrier() noexcept {}

inline void spin_pause() noexcept { interleaved::yield(); }

template <class T>
void store_relaxed(T& place, T value) noexcept {
  interleaved::step();
  place = value;
}
template <class T>
[[nodiscard]] T load_relaxed(const T& place) noexcept {
  interleaved::step();
  return place;
}

}  // namespace sluice::inline v0::base
