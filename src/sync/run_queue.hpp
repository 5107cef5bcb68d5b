// run_queue: the fixed ring of runnable things that one worker owns and others steal from.
//
// What: FIFO for the owner too, so nothing starves behind its own successors. Thieves take half.
// When not: between threads that do not own a worker; use injection_queue.
// Who: the owner calls try_push, push and pop; any worker calls steal_into with its own queue as
//   the destination; anybody reads size_estimate.
// Progress: try_push is wait-free; pop and steal_into are lock-free (a failed CAS means that
//   somebody else took an entry).
// Memory: Capacity pointers in place, nothing else. Overflow is the caller's affair.
//
// Rules (the packed head is tokio's `{steal, real}` idea, written as `{front, held}`):
//   R1  head_ packs front (48 bits, the next index to be taken) and held (16 bits, how many indices
//       below front a thief is still copying). Whoever moves front by CAS owns what it passed over.
//   R2  One thief at a time: a claim needs held == 0 and sets it; only the claimer clears it.
//   R3  While held != 0 the owner's pops add to it, so [front - held, tail) never exceeds Capacity
//       and no slot is overwritten while a thief reads it. Indices therefore cannot lap a thief.
//   R4  A stale head cannot come back: front has 48 bits, 32 days of pops at 10 ns each.
//   R5  Where nobody steals the owner is alone with head_ and stores it plainly.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "sync/lending.hpp"

namespace sluice::inline v0::sync {

template <class T, std::uint32_t Capacity = 256>
class run_queue {
  static_assert(std::has_single_bit(Capacity) && Capacity >= 4 && Capacity <= 16384,
                "run_queue: Capacity must be a power of two between 4 and 16384");

 public:
  static constexpr std::uint32_t capacity = Capacity;

  /// lending::never: nobody steals from it.
  explicit run_queue(lending how = lending::sometimes) noexcept
      : is_shared_(how == lending::sometimes) {}
  run_queue(const run_queue&) = delete;
  run_queue& operator=(const run_queue&) = delete;

  /// Owner. Appends `item`; false when the ring is full.
  [[nodiscard]] bool try_push(T* item) noexcept {
    const std::uint64_t tail = tail_.load(base::relaxed);  // Relaxed: only the owner writes it.
    // [RQ1] acquire: a thief that let go has read its slots; pairs RQ6 (steal_into).
    const std::uint64_t head = head_.load(base::acquire);
    if (count_between(front_of(head) - held_of(head), tail) >= Capacity) return false;
    slots_[tail & mask] = item;
    // [RQ2] release: publishes the slot; pairs RQ5 (steal_into).
    tail_.store(tail + 1, base::release);
    return true;
  }

  /// Owner. Appends `item`, or hands the older half of the ring and then `item` to
  /// `spill(T** items, std::size_t count)`; `item` alone while a thief is at work.
  template <class Spill>
  void push(T* item, Spill&& spill) {
    while (!try_push(item)) {
      T* spilled[Capacity / 2 + 1];
      const std::size_t count = take_half(spilled);
      if (count == lost_race) continue;
      spilled[count] = item;
      spill(static_cast<T**>(spilled), count + 1);
      return;
    }
  }

  /// Owner. The oldest entry, or null.
  [[nodiscard]] T* pop() noexcept {
    // Relaxed: the owner reads only slots it wrote itself.
    std::uint64_t head = head_.load(base::relaxed);
    const std::uint64_t tail = tail_.load(base::relaxed);
    while (true) {
      const std::uint64_t front = front_of(head);
      if (count_between(front, tail) == 0) return nullptr;
      if (!is_shared_) {  // R5
        head_.store(packed(front + 1, 0), base::relaxed);
        return slots_[front & mask];
      }
      const std::uint64_t held = held_of(head);
      const std::uint64_t next = packed(front + 1, held == 0 ? 0 : held + 1);  // R3
      // [RQ3] release: who sees this front also sees a tail not below it; pairs RQ4 (steal_into).
      // Ends: a failure means a thief claimed or let go, and there is one thief at a time (R2).
      if (head_.compare_exchange_weak(head, next, base::release, base::relaxed)) {
        return slots_[front & mask];
      }
    }
  }

  /// A worker with a queue of its own. Takes the older half (rounded up) of this queue: the oldest
  /// is returned, the rest goes to `destination`. Null: nothing there, another thief is at work, or
  /// the destination is more than half full.
  [[nodiscard]] T* steal_into(run_queue& destination) noexcept {
    const std::uint64_t tail = destination.tail_.load(base::relaxed);  // Relaxed: the caller's own.
    const std::uint64_t own = destination.head_.load(base::acquire);   // [RQ1] as in try_push
    if (count_between(front_of(own) - held_of(own), tail) > Capacity / 2) return nullptr;

    std::uint64_t first = 0;
    const std::uint64_t count = claim_half(first);
    if (count == 0) return nullptr;
    T* oldest = slots_[first & mask];
    for (std::uint64_t i = 1; i < count; ++i) {
      destination.slots_[(tail + i - 1) & mask] = slots_[(first + i) & mask];
    }
    let_go();
    if (count > 1) destination.tail_.store(tail + count - 1, base::release);  // [RQ2]
    return oldest;
  }

  /// Anybody. How many entries there were a moment ago; exact for the owner when nobody steals.
  [[nodiscard]] std::uint32_t size_estimate() const noexcept {
    // Relaxed: an estimate; a pair that does not fit together is cut to the possible range.
    const std::uint64_t head = head_.load(base::relaxed);
    const std::uint64_t tail = tail_.load(base::relaxed);
    const std::uint64_t count = count_between(front_of(head), tail);
    if (count > index_mask / 2) return 0;  // The front is newer than the tail.
    return static_cast<std::uint32_t>(count < Capacity ? count : Capacity);
  }

 private:
  static constexpr std::uint64_t mask = Capacity - 1;
  static constexpr unsigned held_bits = 16;
  static constexpr std::uint64_t index_mask = (std::uint64_t{1} << 48) - 1;
  static constexpr std::size_t lost_race = static_cast<std::size_t>(-1);

  static std::uint64_t front_of(std::uint64_t head) noexcept { return head >> held_bits; }
  static std::uint64_t held_of(std::uint64_t head) noexcept { return head & 0xffff; }
  static std::uint64_t packed(std::uint64_t front, std::uint64_t held) noexcept {
    return (front << held_bits) | held;
  }
  static std::uint64_t count_between(std::uint64_t from, std::uint64_t to) noexcept {
    return (to - from) & index_mask;
  }

  // Owner, after a refused push. Takes half into `items`; 0 while a thief is at work, lost_race
  // when one has been meanwhile, for then the ring need not be full any more.
  std::size_t take_half(T** items) noexcept {
    // Relaxed: the owner's own slots and tail, as in pop.
    std::uint64_t head = head_.load(base::relaxed);
    if (held_of(head) != 0) return 0;
    const std::uint64_t front = front_of(head);
    if (count_between(front, tail_.load(base::relaxed)) < Capacity) return lost_race;
    // [RQ3] release, as in pop.
    if (!head_.compare_exchange_strong(head, packed(front + Capacity / 2, 0), base::release,
                                       base::relaxed)) {
      return lost_race;
    }
    for (std::uint64_t i = 0; i < Capacity / 2; ++i) items[i] = slots_[(front + i) & mask];
    return Capacity / 2;
  }

  // Thief. Marks the older half as held; 0 when there is nothing to claim.
  std::uint64_t claim_half(std::uint64_t& first) noexcept {
    // [RQ4] acquire: the tail read next is not below this front; pairs RQ3 (pop), RQ6.
    std::uint64_t head = head_.load(base::acquire);
    while (true) {
      if (held_of(head) != 0) return 0;  // R2
      // [RQ5] acquire: sees the slots below this tail; pairs RQ2 (try_push).
      const std::uint64_t tail = tail_.load(base::acquire);
      const std::uint64_t count = count_between(front_of(head), tail);
      const std::uint64_t half = count - count / 2;
      if (half == 0) return 0;
      if (half > Capacity / 2) {  // The head was stale: the owner has moved a whole ring since.
        head = head_.load(base::acquire);  // [RQ4] again
        continue;
      }
      // [RQ4] acquire on both outcomes. Ends: a failure means an entry was taken by another.
      if (head_.compare_exchange_weak(head, packed(front_of(head) + half, half), base::acquire,
                                      base::acquire)) {
        first = front_of(head);
        return half;
      }
    }
  }

  // Thief. Gives the claimed slots back to the owner (R2).
  void let_go() noexcept {
    std::uint64_t head = head_.load(base::relaxed);  // Relaxed: the CAS below checks it.
    // [RQ6] release: our slot reads are done; pairs RQ1 (try_push), RQ4 (the next thief).
    // Ends: a failure means that the owner popped, and it has at most Capacity entries to pop.
    while (!head_.compare_exchange_weak(head, packed(front_of(head), 0), base::release,
                                        base::relaxed)) {
    }
  }

  // Written by the owner and by thieves.
  alignas(base::cache_line_bytes) base::atomic<std::uint64_t> head_{0};
  // Written by the owner.
  alignas(base::cache_line_bytes) base::atomic<std::uint64_t> tail_{0};
  const bool is_shared_;
  alignas(base::cache_line_bytes) T* slots_[Capacity] = {};
};

}  // namespace sluice::inline v0::sync
