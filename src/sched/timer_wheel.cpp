#include "sched/timer_wheel.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace sluice::inline v0::sched {

namespace {

std::uint64_t tick_of_now(base::nanoseconds_t now_ns) noexcept {
  return now_ns <= 0 ? 0 : static_cast<std::uint64_t>(now_ns) >> timer_wheel::tick_shift;
}

void unlink(timer_node& node) noexcept {
  node.previous->next = node.next;
  node.next->previous = node.previous;
  node.previous = nullptr;
  node.next = nullptr;
}

}  // namespace

timer_wheel::timer_wheel(base::nanoseconds_t now_ns) noexcept : elapsed_tick_(tick_of_now(now_ns)) {
  for (list_end& list : lists_) {
    list.node.previous = &list.node;
    list.node.next = &list.node;
    list.earliest_tick = 0;
  }
}

void timer_wheel::arm(timer_node& node, base::nanoseconds_t deadline_ns) noexcept {
  SLUICE_ASSERT(!node.is_armed(), "timer: armed twice");
  node.deadline_ns = deadline_ns;
  ++count_;
  place(node, tick_of_deadline(deadline_ns));
}

bool timer_wheel::cancel(timer_node& node) noexcept {
  if (!node.is_armed()) return false;
  timer_node* const neighbour = node.next;
  const bool is_last = neighbour == node.previous;
  unlink(node);
  --count_;
  const std::uint64_t tick = tick_of_deadline(node.deadline_ns);
  if (tick <= elapsed_tick_) return true;  // It was due or firing: those lists keep no bits.
  const unsigned level =
      static_cast<unsigned>(std::bit_width(tick ^ elapsed_tick_) - 1) / level_bits;
  const auto slot = static_cast<unsigned>(tick >> (level * level_bits)) % slot_count;
  const std::uint64_t bit = std::uint64_t{1} << slot;
  if (is_last) {
    occupied_[level] &= ~bit;
    inexact_[level] &= ~bit;
  } else if (level > 0 && lists_[level * slot_count + slot].earliest_tick == tick) {
    inexact_[level] |= bit;
  }
  return true;
}

base::nanoseconds_t timer_wheel::next_deadline() noexcept {
  if (count_ == 0) return base::no_deadline;
  if (has_firing() || !is_empty(lists_[due_list])) {
    return static_cast<base::nanoseconds_t>(elapsed_tick_ << tick_shift);
  }
  slot_at at{};
  const bool is_found = find_first_slot(at);
  SLUICE_ASSERT(is_found, "timer: counted but in no list");
  std::uint64_t tick = at.start_tick;
  if (at.level > 0) {
    list_end& list = lists_[at.level * slot_count + at.slot];
    const std::uint64_t bit = std::uint64_t{1} << at.slot;
    tick = list.earliest_tick;
    if ((inexact_[at.level] & bit) != 0) {
      // A bound that is still ahead costs one wake-up at worst; one behind would be a busy loop.
      const unsigned scan_max = tick > elapsed_tick_ ? scan_count_max : UINT32_MAX;
      const std::uint64_t exact = rescan(list, scan_max);
      if (exact != 0) {
        list.earliest_tick = exact;
        inexact_[at.level] &= ~bit;
        tick = exact;
      }
    }
  }
  return tick > (static_cast<std::uint64_t>(base::no_deadline) >> tick_shift)
             ? base::no_deadline
             : static_cast<base::nanoseconds_t>(tick << tick_shift);
}

std::uint64_t timer_wheel::tick_of_deadline(base::nanoseconds_t deadline_ns) noexcept {
  if (deadline_ns <= 0) return 0;
  return (static_cast<std::uint64_t>(deadline_ns) + (tick_ns - 1)) >> tick_shift;  // W1
}

void timer_wheel::append(list_end& list, timer_node& node) noexcept {
  node.previous = list.node.previous;
  node.next = &list.node;
  list.node.previous->next = &node;
  list.node.previous = &node;
}

void timer_wheel::move_all(list_end& from, list_end& to) noexcept {
  if (is_empty(from)) return;
  from.node.next->previous = to.node.previous;
  to.node.previous->next = from.node.next;
  from.node.previous->next = &to.node;
  to.node.previous = from.node.previous;
  from.node.next = &from.node;
  from.node.previous = &from.node;
}

// Chains the node where W2 says; a tick that has been opened is due.
void timer_wheel::place(timer_node& node, std::uint64_t tick) noexcept {
  if (tick <= elapsed_tick_) return append(lists_[due_list], node);
  const unsigned level =
      static_cast<unsigned>(std::bit_width(tick ^ elapsed_tick_) - 1) / level_bits;
  const auto slot = static_cast<unsigned>(tick >> (level * level_bits)) % slot_count;
  const std::uint64_t bit = std::uint64_t{1} << slot;
  list_end& list = lists_[level * slot_count + slot];
  const bool was_empty = (occupied_[level] & bit) == 0;
  occupied_[level] |= bit;
  list.earliest_tick = was_empty ? tick : std::min(list.earliest_tick, tick);
  append(list, node);
}

// Opens every slot that starts by now and chains what is due for firing.
void timer_wheel::collect(base::nanoseconds_t now_ns) noexcept {
  const std::uint64_t target = tick_of_now(now_ns);
  move_all(lists_[due_list], lists_[firing_list]);
  if (target <= elapsed_tick_) return;
  slot_at at{};
  while (find_first_slot(at) && at.start_tick <= target) open_slot(at);
  elapsed_tick_ = target;
}

// The wheel comes to a slot: its nodes are due (level 0, or exactly at its start) or move down.
void timer_wheel::open_slot(const slot_at& at) noexcept {
  elapsed_tick_ = at.start_tick;
  const std::uint64_t bit = std::uint64_t{1} << at.slot;
  occupied_[at.level] &= ~bit;
  inexact_[at.level] &= ~bit;
  list_end& list = lists_[at.level * slot_count + at.slot];
  if (at.level == 0) return move_all(list, lists_[firing_list]);
  timer_node* node = list.node.next;
  list.node.next = &list.node;
  list.node.previous = &list.node;
  while (node != &list.node) {
    timer_node* const next = node->next;
    place(*node, tick_of_deadline(node->deadline_ns));
    node = next;
  }
  move_all(lists_[due_list], lists_[firing_list]);
}

bool timer_wheel::find_first_slot(slot_at& at) const noexcept {
  for (unsigned level = 0; level < level_count; ++level) {
    if (occupied_[level] == 0) continue;
    const unsigned shift = level * level_bits;
    at.level = level;
    at.slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
    // The digits above this level are elapsed_tick_'s, those below are zero (W2).
    const std::uint64_t above = (elapsed_tick_ >> shift) & ~std::uint64_t{slot_count - 1};
    at.start_tick = (above | at.slot) << shift;
    return true;
  }
  return false;
}

// The earliest tick in the list, or 0 when it has more than `count_max` nodes.
std::uint64_t timer_wheel::rescan(list_end& list, unsigned count_max) noexcept {
  base::nanoseconds_t earliest_ns = base::no_deadline;
  unsigned count = 0;
  for (const timer_node* node = list.node.next; node != &list.node; node = node->next) {
    if (++count > count_max) return 0;
    earliest_ns = std::min(earliest_ns, node->deadline_ns);
  }
  return tick_of_deadline(earliest_ns);
}

timer_node& timer_wheel::take_firing() noexcept {
  timer_node& node = *lists_[firing_list].node.next;
  unlink(node);
  --count_;
  return node;
}

}  // namespace sluice::inline v0::sched
