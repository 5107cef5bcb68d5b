// lent_place: one place for one thing. Its owner fills and empties it with plain loads and stores;
// now and then somebody else takes what lies there.
//
// What: who takes from outside says so (thieves_), makes the kernel run a barrier, and looks for
//   an owner that is just taking; the owner says that it is taking, and looks for a thief.
//   One of the two always sees the other (base/asymmetric_barrier.hpp). An owner that sees a thief
//   takes by exchange, a thief that sees the owner leaves. Without such barriers both always use
//   read-modify-writes.
// When not: where thefts are frequent: one costs microseconds and interrupts the owner's core.
// Who: put, take and is_empty by the owner; peek and steal by anybody.
// Progress: wait-free, all of it.
//
// Rules:
//   LR1 Only the owner fills the place, so what it saw empty stays empty until its own put.
//   LR2 While thieves_ is not 0 nobody empties the place but by a read-modify-write.
#pragma once

#include <cstdint>

#include "base/asymmetric_barrier.hpp"
#include "base/atomic.hpp"
#include "sync/lending.hpp"

namespace sluice::inline v0::sync {

template <class T>
class lent_place {
 public:
  /// lending::never: there are no thieves.
  explicit lent_place(lending how) noexcept
      : thieves_(how == lending::sometimes && !base::has_asymmetric_barrier() ? 1 : 0) {}
  lent_place(const lent_place&) = delete;
  lent_place& operator=(const lent_place&) = delete;

  /// Owner.
  [[nodiscard]] bool is_empty() const noexcept {
    return item_.load(base::relaxed) == nullptr;  // Relaxed: a thief may yet be faster (take).
  }

  /// Owner, empty (LR1).
  void put(T* item) noexcept {
    // [LP1] release: the item's content; pairs LP4 (take_out).
    item_.store(item, base::release);
  }

  /// Owner. What lies there, or null.
  [[nodiscard]] T* take() noexcept {
    if (is_empty()) return nullptr;
    // Relaxed: ordered before the look at thieves_ by the barriers; see steal.
    taking_.store(true, base::relaxed);
    base::compiler_barrier();
    // [LP7] acquire: after a theft, that the place is empty; pairs LP6 (steal).
    if (thieves_.load(base::acquire) != 0) [[unlikely]] {
      taking_.store(false, base::relaxed);  // Relaxed: what follows is a read-modify-write (LR2).
      // [LP2] acquire: sees whether a thief was faster; pairs LP4 (take_out).
      return item_.exchange(nullptr, base::acquire);
    }
    T* const item = item_.load(base::relaxed);  // Relaxed: the owner's own.
    item_.store(nullptr, base::relaxed);
    // [LP3] release: the place is empty before the owner has left; pairs LP5 (steal).
    taking_.store(false, base::release);
    return item;
  }

  /// Anybody: what lay there a moment ago; to compare, and to steal.
  [[nodiscard]] T* peek() const noexcept { return item_.load(base::relaxed); }

  /// Anybody but the owner: takes `expected` if it still lies there.
  [[nodiscard]] bool steal(T* expected) noexcept {
    if (!base::has_asymmetric_barrier()) return take_out(expected);
    std::uint32_t none = 0;
    // Relaxed: the heavy barrier orders it. One thief at a time.
    if (!thieves_.compare_exchange_strong(none, 1, base::relaxed, base::relaxed)) return false;
    base::heavy_barrier();
    // [LP5] acquire: if the owner has left, what it did; pairs LP3 (take). Who enters from here on
    // sees thieves_.
    const bool is_owner_out = !taking_.load(base::acquire);
    const bool is_taken = is_owner_out && take_out(expected);
    // [LP6] release: the theft before its end; pairs LP7 (take).
    thieves_.store(0, base::release);
    return is_taken;
  }

 private:
  bool take_out(T* expected) noexcept {
    // [LP4] acq_rel: takes over the item's content; pairs LP1 (put), LP2 (take).
    return item_.compare_exchange_strong(expected, nullptr, base::acq_rel, base::relaxed);
  }

  base::atomic<T*> item_{nullptr};
  base::atomic<std::uint32_t> thieves_;  // written by thieves
  base::atomic<bool> taking_{false};     // written by the owner
};

}  // namespace sluice::inline v0::sync
