// The atomic facade of a mutated copy: std::atomic whose orders are chosen while it runs. Each
// becomes a constant again before the access, because compilers take an order that is none for
// seq_cst.
#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>

namespace sluice::inline v0::base {

inline constexpr std::memory_order relaxed = std::memory_order_relaxed;
inline constexpr std::memory_order acquire = std::memory_order_acquire;
inline constexpr std::memory_order release = std::memory_order_release;
inline constexpr std::memory_order acq_rel = std::memory_order_acq_rel;
inline constexpr std::memory_order seq_cst = std::memory_order_seq_cst;

namespace mutated {

template <std::memory_order Order>
using constant = std::integral_constant<std::memory_order, Order>;

template <class Access>
[[gnu::always_inline]] inline auto load_in(std::memory_order order, Access&& access) {
  if (order == relaxed) return access(constant<relaxed>{});
  if (order == acquire) return access(constant<acquire>{});
  return access(constant<seq_cst>{});
}

template <class Access>
[[gnu::always_inline]] inline void store_in(std::memory_order order, Access&& access) {
  if (order == relaxed) return access(constant<relaxed>{});
  if (order == release) return access(constant<release>{});
  return access(constant<seq_cst>{});
}

template <class Access>
[[gnu::always_inline]] inline auto change_in(std::memory_order order, Access&& access) {
  if (order == relaxed) return access(constant<relaxed>{});
  if (order == acquire) return access(constant<acquire>{});
  if (order == release) return access(constant<release>{});
  if (order == acq_rel) return access(constant<acq_rel>{});
  return access(constant<seq_cst>{});
}

}  // namespace mutated

template <class T>
class atomic : public std::atomic<T> {
  using real = std::atomic<T>;

 public:
  using real::operator=;
  constexpr atomic() noexcept = default;
  constexpr atomic(T value) noexcept : real(value) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  [[nodiscard]] T load(std::memory_order order = seq_cst) const noexcept {
    const real& word = *this;
    return mutated::load_in(order, [&word](auto chosen) { return word.load(chosen.value); });
  }
  void store(T value, std::memory_order order = seq_cst) noexcept {
    real& word = *this;
    mutated::store_in(order, [&](auto chosen) { word.store(value, chosen.value); });
  }
  T exchange(T value, std::memory_order order = seq_cst) noexcept {
    real& word = *this;
    return mutated::change_in(order,
                              [&](auto chosen) { return word.exchange(value, chosen.value); });
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order order = seq_cst,
                             std::memory_order on_failure = seq_cst) noexcept {
    real& word = *this;
    return mutated::change_in(order, [&](auto done) {
      return mutated::load_in(on_failure, [&](auto failed) {
        return word.compare_exchange_weak(expected, value, done.value, failed.value);
      });
    });
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order order,
                               std::memory_order on_failure) noexcept {
    real& word = *this;
    return mutated::change_in(order, [&](auto done) {
      return mutated::load_in(on_failure, [&](auto failed) {
        return word.compare_exchange_strong(expected, value, done.value, failed.value);
      });
    });
  }
  template <class Amount>
  T fetch_add(Amount amount, std::memory_order order = seq_cst) noexcept {
    real& word = *this;
    return mutated::change_in(order,
                              [&](auto chosen) { return word.fetch_add(amount, chosen.value); });
  }
  template <class Amount>
  T fetch_sub(Amount amount, std::memory_order order = seq_cst) noexcept {
    real& word = *this;
    return mutated::change_in(order,
                              [&](auto chosen) { return word.fetch_sub(amount, chosen.value); });
  }
  template <class Bits>
  T fetch_or(Bits bits, std::memory_order order = seq_cst) noexcept {
    real& word = *this;
    return mutated::change_in(order,
                              [&](auto chosen) { return word.fetch_or(bits, chosen.value); });
  }
  template <class Bits>
  T fetch_and(Bits bits, std::memory_order order = seq_cst) noexcept {
    real& word = *this;
    return mutated::change_in(order,
                              [&](auto chosen) { return word.fetch_and(bits, chosen.value); });
  }
};

inline void compiler_barrier() noexcept { asm volatile("" : : : "memory"); }

inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class T>
void store_relaxed(T& place, T value) noexcept {
  std::atomic_ref<T>{place}.store(value, relaxed);
}
template <class T>
[[nodiscard]] T load_relaxed(const T& place) noexcept {
  return std::atomic_ref<T>{const_cast<T&>(place)}.load(relaxed);
}

}  // namespace sluice::inline v0::base
