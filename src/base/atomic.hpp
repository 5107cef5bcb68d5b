// The atomic facade: every lock-free part of sluice takes its atomics from here.
//
// Under the ordinary build base::atomic is std::atomic. A model build (meson option `model`)
// defines SLUICE_MODEL_ATOMIC_HEADER, and the same code then runs on what that header puts in the
// place of the machine (tests/relacy). There are no defaults for orders: callers write one of the
// five constants below. No fences exist here, but for one half of an asymmetric barrier
// (asymmetric_barrier.hpp).
#pragma once

#ifdef SLUICE_MODEL_ATOMIC_HEADER
#include SLUICE_MODEL_ATOMIC_HEADER
#else

#include <atomic>
#include <cstddef>

namespace sluice::inline v0::base {

template <class T>
using atomic = std::atomic<T>;

inline constexpr std::memory_order relaxed = std::memory_order_relaxed;
inline constexpr std::memory_order acquire = std::memory_order_acquire;
inline constexpr std::memory_order release = std::memory_order_release;
inline constexpr std::memory_order acq_rel = std::memory_order_acq_rel;
inline constexpr std::memory_order seq_cst = std::memory_order_seq_cst;

/// Keeps the compiler from moving accesses across; costs nothing and orders nothing by itself.
inline void compiler_barrier() noexcept { asm volatile("" : : : "memory"); }

/// Tells the core that this is a spin loop.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// A word that its owner reads and writes as it likes, but for these two: others may look at it.
template <class T>
void store_relaxed(T& place, T value) noexcept {
  std::atomic_ref<T>{place}.store(value, relaxed);
}
template <class T>
[[nodiscard]] T load_relaxed(const T& place) noexcept {
  return std::atomic_ref<T>{const_cast<T&>(place)}.load(relaxed);
}

}  // namespace sluice::inline v0::base

#endif

namespace sluice::inline v0::base {

/// The unit of sharing. A constant, not std::hardware_destructive_interference_size, because layout
/// must not depend on compiler flags.
inline constexpr std::size_t cache_line_bytes = 64;

/// Adds to a counter that has one writer: a relaxed load and store, no read-modify-write. Readers
/// on other threads see some recent value; relaxed is enough because nothing is published by it.
template <class T>
void add_single_writer(atomic<T>& counter, T amount) noexcept {
  counter.store(static_cast<T>(counter.load(relaxed) + amount), relaxed);
}

}  // namespace sluice::inline v0::base
