// timer_wheel: a worker's timers. Arm and cancel in O(1), exact wake-up times, never early.
//
// What: eight levels of 64 slots over ticks of 65.5 µs; 48 bits of ticks are all of the clock, so
//   no deadline is beyond the wheel. A level-l slot spans 64^l ticks; when the wheel comes to a
//   slot of a higher level, its nodes move down. Nodes are intrusive and chained in both
//   directions.
// When not: sub-tick precision. A timer fires at the first tick boundary not before its deadline.
// Who: one owner thread. A node is armed in one wheel at most and stays put while it is armed.
// Order: nodes of one tick fire in the order in which they were armed.
// Memory: 16 KiB in place, no allocation.
//
// Rules:
//   W1  Never early: a deadline is rounded up to a tick, the clock down.
//   W2  A node is at the highest level where its tick and elapsed_ differ, so the first occupied
//       slot of the lowest occupied level holds the earliest node, always ahead of elapsed_'s own
//       slot.
//   W3  next_deadline() is the tick at which the earliest node fires, not the start of its slot: a
//       sleeper wakes once per due tick. Only a cancelled earliest node in a slot of more than
//       scan_count_max nodes leaves a time that is too early, and that costs one wake-up.
//   W4  What advance() found due is chained apart and fired node by node, so a callback may cancel
//       or re-arm any node; what it arms in the past fires in the next advance().
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/clock.hpp"

namespace sluice::inline v0::sched {

/// Embedded in (or base of) whatever waits for a time. The wheel owns all members while it is
/// armed.
struct timer_node {
  timer_node* previous = nullptr;
  timer_node* next = nullptr;
  base::nanoseconds_t deadline_ns = 0;

  [[nodiscard]] bool is_armed() const noexcept { return next != nullptr; }
};

class timer_wheel {
 public:
  static constexpr unsigned tick_shift = 16;
  static constexpr base::nanoseconds_t tick_ns = base::nanoseconds_t{1} << tick_shift;

  /// `now_ns`: a time not later than any that advance() will be given.
  explicit timer_wheel(base::nanoseconds_t now_ns = 0) noexcept;
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  /// Fires `node` at or after `deadline_ns` (absolute). The node must not be armed.
  void arm(timer_node& node, base::nanoseconds_t deadline_ns) noexcept;

  /// Takes `node` out; false when it was not armed. Also for nodes that advance() has yet to fire.
  bool cancel(timer_node& node) noexcept;

  /// Fires what is due at `now_ns` by `on_due(timer_node&)`, earliest tick first, at most
  /// `count_max` of them; each is disarmed before its call. Returns how many fired.
  template <class OnDue>
  std::size_t advance(base::nanoseconds_t now_ns, OnDue&& on_due,
                      std::size_t count_max = SIZE_MAX) noexcept {
    collect(now_ns);
    std::size_t count = 0;
    while (count < count_max && has_firing()) {
      on_due(take_firing());
      ++count;
    }
    return count;
  }

  /// When advance() will next have something to fire; base::no_deadline when nothing is armed. A
  /// time already past when something is left to fire at once.
  [[nodiscard]] base::nanoseconds_t next_deadline() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  static constexpr unsigned level_bits = 6;
  static constexpr unsigned level_count = 8;
  static constexpr unsigned slot_count = 1u << level_bits;
  static constexpr unsigned scan_count_max = 128;
  static constexpr unsigned due_list = level_count * slot_count;
  static constexpr unsigned firing_list = due_list + 1;
  static constexpr unsigned list_count = firing_list + 1;

  // The two pointers of a timer_node: the end of a ring of nodes.
  struct list_end {
    timer_node node;
    // A tick not after that of any node in the list; W3.
    std::uint64_t earliest_tick;
  };

  struct slot_at {
    unsigned level;
    unsigned slot;
    std::uint64_t start_tick;
  };

  static std::uint64_t tick_of_deadline(base::nanoseconds_t deadline_ns) noexcept;
  static bool is_empty(const list_end& list) noexcept { return list.node.next == &list.node; }
  static void append(list_end& list, timer_node& node) noexcept;
  static void move_all(list_end& from, list_end& to) noexcept;

  void place(timer_node& node, std::uint64_t tick) noexcept;
  void collect(base::nanoseconds_t now_ns) noexcept;
  void open_slot(const slot_at& at) noexcept;
  bool find_first_slot(slot_at& at) const noexcept;
  std::uint64_t rescan(list_end& list, unsigned count_max) noexcept;
  bool has_firing() const noexcept { return !is_empty(lists_[firing_list]); }
  timer_node& take_firing() noexcept;

  // All ticks up to and including this one have been opened.
  std::uint64_t elapsed_tick_;
  std::size_t count_ = 0;
  // One bit a slot that has nodes; one bit a slot whose earliest_tick may be too early.
  std::uint64_t occupied_[level_count] = {};
  std::uint64_t inexact_[level_count] = {};
  list_end lists_[list_count];
};

}  // namespace sluice::inline v0::sched
