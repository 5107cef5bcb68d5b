// What the atomic facade stands on in a model build: Relacy's atomics instead of the machine's.
//
// base/atomic.hpp includes this header when SLUICE_MODEL_ATOMIC_HEADER names it. Every access of an
// atomic is then a place where Relacy may run another thread, and every load may find an older
// value that its order allows. The names of a place in a report are those of the code under test.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <type_traits>

#include "model_plain.hpp"
#include "model_relacy.hpp"

namespace sluice::inline v0::base {

inline constexpr rl::memory_order relaxed = rl::mo_relaxed;
inline constexpr rl::memory_order acquire = rl::mo_acquire;
inline constexpr rl::memory_order release = rl::mo_release;
inline constexpr rl::memory_order acq_rel = rl::mo_acq_rel;
inline constexpr rl::memory_order seq_cst = rl::mo_seq_cst;

namespace modelled {

[[nodiscard]] inline rl::debug_info place_of(const std::source_location& at) noexcept {
  return {at.function_name(), at.file_name(), static_cast<unsigned>(at.line())};
}

// Making an atomic is no step that others could come between.
struct quiet {
  quiet() noexcept { rl::ctx().disable_preemption(); }
};

// Relacy prints values, so enumerations, bytes and pointers go in as what a stream prints as
// numbers.
template <class T>
struct kept_as {
  using type = std::conditional_t<sizeof(T) == 1 && !std::is_same_v<T, bool>, unsigned, T>;
};
template <class T>
requires std::is_enum_v<T>
struct kept_as<T> {
  using type = typename kept_as<std::underlying_type_t<T>>::type;
};
template <class T>
struct kept_as<T*> {
  using type = void*;
};

}  // namespace modelled

template <class T>
class atomic {
 public:
  using place = std::source_location;

  atomic() noexcept : atomic(T{}) {}
  atomic(T value) noexcept : cell_(in(value)) { rl::ctx().enable_preemption(); }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  [[nodiscard]] T load(rl::memory_order order, place at = place::current()) const noexcept {
    return out(cell_.load(order, modelled::place_of(at)));
  }
  void store(T value, rl::memory_order order, place at = place::current()) noexcept {
    cell_.store(in(value), order, modelled::place_of(at));
  }
  T exchange(T value, rl::memory_order order, place at = place::current()) noexcept {
    return out(cell_.exchange(in(value), order, modelled::place_of(at)));
  }
  bool compare_exchange_weak(T& expected, T value, rl::memory_order order,
                             rl::memory_order on_failure, place at = place::current()) noexcept {
    return compare_exchange<true>(expected, value, order, on_failure, at);
  }
  bool compare_exchange_strong(T& expected, T value, rl::memory_order order,
                               rl::memory_order on_failure, place at = place::current()) noexcept {
    return compare_exchange<false>(expected, value, order, on_failure, at);
  }
  T fetch_add(T amount, rl::memory_order order,
              place at = place::current()) noexcept requires std::integral<T> {
    return out(cell_.fetch_add(amount, order, modelled::place_of(at)));
  }
  T fetch_sub(T amount, rl::memory_order order,
              place at = place::current()) noexcept requires std::integral<T> {
    return out(cell_.fetch_sub(amount, order, modelled::place_of(at)));
  }

  /// What a kernel finds under its lock: the newest value, in no order with anything else; from
  /// here on this thread finds no older one.
  [[nodiscard]] T newest(place at = place::current()) noexcept requires std::integral<T> {
    T seen = static_cast<T>(~out(cell_.debug_value()));
    compare_exchange_strong(seen, seen, rl::mo_relaxed, rl::mo_relaxed, at);  // It fails.
    return seen;
  }

 private:
  using kept = typename modelled::kept_as<T>::type;

  static kept in(T value) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      return const_cast<void*>(static_cast<const void*>(value));
    } else {
      return static_cast<kept>(value);
    }
  }
  static T out(kept value) noexcept { return static_cast<T>(value); }

  template <bool IsWeak>
  bool compare_exchange(T& expected, T value, rl::memory_order order, rl::memory_order on_failure,
                        const place& at) noexcept {
    kept seen = in(expected);
    // Relacy holds that a failure's order is never stronger than the success's. C++20 has no such
    // rule: where it is, the failed load acquires by a fence, which is a little more.
    const bool is_acquired_after =
        on_failure == rl::mo_acquire && (order == rl::mo_release || order == rl::mo_relaxed);
    const rl::memory_order failure_order = is_acquired_after ? rl::mo_relaxed : on_failure;
    const bool is_done = cell_.compare_exchange(rl::bool_t<IsWeak>{}, seen, in(value), order,
                                                failure_order, modelled::place_of(at));
    if (!is_done && is_acquired_after) {
      rl::atomic_thread_fence(rl::mo_acquire, modelled::place_of(at));
    }
    expected = out(seen);
    return is_done;
  }

  [[no_unique_address]] modelled::quiet quiet_;  // Before cell_, until the constructor's body.
  rl::atomic<kept> cell_;
};

/// Nothing: Relacy never moves accesses across each other, and what a processor may delay is in
/// what its loads find. The other half is heavy_barrier() in model.cpp.
inline void compiler_barrier() noexcept {}

inline void spin_pause() noexcept { rl::yield(1, RL_INFO); }

template <class T>
void store_relaxed(T& place, T value) noexcept {
  place = value;
}
template <class T>
[[nodiscard]] T load_relaxed(const T& place) noexcept {
  return place;
}

}  // namespace sluice::inline v0::base
