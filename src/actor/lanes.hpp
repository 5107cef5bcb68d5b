// lanes: what the owner of a mailbox has taken and not yet handled, one FIFO list per priority.
//
// Owner only. A list is circular and named by its last envelope, like the chains it is made of, so
// a whole chain is appended in three stores and a flood is not touched twice.
// Fairness: in every 16 messages each non-empty lane is served at least once; else highest first.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>

#include <sluice/message.hpp>

namespace sluice::inline v0::core {

inline constexpr unsigned lane_count = 4;

/// What waits in one lane.
struct lane_view {
  std::uint64_t count = 0;        ///< one by one, up to a limit
  std::uint64_t oldest_mark = 0;  ///< of the oldest; see absorb; 0 = not known
};

class lanes {
 public:
  /// A lower lane waits for at most so many messages of higher ones.
  static constexpr std::uint32_t fairness_interval = 16;

  /// Sorts a take (newest chain, linked by `older`) behind what is here, but for `beneath` at its
  /// end, if given. `mark` is kept with it: a time of the caller's, to say how old the oldest
  /// message is.
  void absorb(envelope* newest, std::uint64_t mark = 0,
              const envelope* beneath = nullptr) noexcept {
    if (newest->older == beneath) {
      put_mark(*newest, mark);
      return append(newest->lane & lane_mask, newest);
    }
    envelope* batch[lane_count] = {};
    envelope* visited[look_ahead] = {};
    for (unsigned at = 0; newest != beneath; at = (at + 1) % look_ahead) {
      envelope* const older = newest->older;
      prefetch_beyond(*newest, older);
      newest->older = std::exchange(visited[at], newest);
      envelope*& last = batch[newest->lane & lane_mask];
      if (last == nullptr) {
        last = newest;
      } else {  // What comes later in this walk is older: it goes in front.
        std::swap(last->next, newest->next);
      }
      newest = older;
    }
    for (unsigned lane = 0; lane < lane_count; ++lane) {
      if (batch[lane] == nullptr) continue;
      put_mark(*batch[lane], mark);
      append(lane, batch[lane]);
    }
  }

  /// The next envelope, or null.
  [[nodiscard]] envelope* pop() noexcept {
    if (occupied_ == 0) return nullptr;
    if ((occupied_ & (occupied_ - 1)) == 0) return pop_lane(lowest_bit(occupied_));
    // Several lanes: four turns in sixteen belong to one lane each, if it has something.
    const unsigned turn = turn_++ % fairness_interval;
    const unsigned favoured = turn / 4;
    if (turn % 4 == 0 && (occupied_ >> favoured & 1) != 0) return pop_lane(favoured);
    return pop_lane(lowest_bit(occupied_));
  }

  /// The next envelope of the lanes that are served while a process waits, or null.
  [[nodiscard]] envelope* pop_control() noexcept {
    const unsigned control = occupied_ & control_lanes;
    return control == 0 ? nullptr : pop_lane(lowest_bit(control));
  }

  [[nodiscard]] bool has_control() const noexcept { return (occupied_ & control_lanes) != 0; }

  /// In front of what is in its lane: a chain of one lane, named by its last.
  void prepend(envelope* last) noexcept {
    const unsigned lane = last->lane & lane_mask;
    if (last_[lane] == nullptr) return append(lane, last);
    std::swap(last_[lane]->next, last->next);
  }

  /// Takes out the oldest of those that a bound counts, the lowest lane first, as long as
  /// `go_on(next)` says so. What holds no credit stays where it is. The last of a chain, or null.
  template <class GoOn>
  [[nodiscard]] envelope* take_out_counted(GoOn&& go_on) noexcept {
    envelope* taken = nullptr;
    for (const priority lane : {priority::log, priority::main}) {
      const auto at = static_cast<unsigned>(lane);
      envelope* before = last_[at];
      const envelope* const end = before;
      for (bool is_end = before == nullptr; !is_end;) {
        envelope* const each = before->next;
        is_end = each == end;
        if ((each->lane & lane_has_credit) == 0) {
          before = each;
          continue;
        }
        if (!go_on(*each)) return taken;
        take_out(at, before, each);
        each->next = each;
        if (taken != nullptr) std::swap(taken->next, each->next);
        taken = each;
      }
    }
    return taken;
  }

  [[nodiscard]] bool is_empty() const noexcept { return occupied_ == 0; }
  [[nodiscard]] bool is_empty(priority lane) const noexcept {
    return last_[static_cast<unsigned>(lane)] == nullptr;
  }

  /// The owner's own: behind all that was taken on the envelope's lane. The owner must go on with
  /// its backlog then, so not where it holds a lone message.
  void put_last(envelope& own) noexcept {
    own.next = &own;
    own.older = nullptr;
    append(own.lane & lane_mask, &own);
  }

  /// The last of a lane, which names its list, or null.
  [[nodiscard]] envelope* last_of(priority lane) const noexcept {
    return last_[static_cast<unsigned>(lane)];
  }
  /// Takes `each` out of its lane, where it follows `before`.
  void take_out(unsigned lane, envelope* before, envelope* each) noexcept {
    take_from(last_[lane], before, each);
    if (last_[lane] == nullptr) occupied_ = static_cast<std::uint8_t>(occupied_ & ~(1u << lane));
  }
  /// The same, of any such list, named by its last.
  static void take_from(envelope*& last, envelope* before, envelope* each) noexcept {
    if (before == each) {  // Alone.
      last = nullptr;
      return;
    }
    before->next = each->next;
    if (last == each) last = before;
  }

  /// Counts at most `count_max` messages of a lane.
  [[nodiscard]] lane_view look_at(unsigned lane, std::uint64_t count_max) const noexcept {
    lane_view seen;
    const envelope* const last = last_[lane];
    if (last == nullptr) return seen;
    const envelope* each = last;
    do {
      each = each->next;
      ++seen.count;
      if (seen.oldest_mark == 0 && has_mark(*each)) seen.oldest_mark = mark_of(*each);
    } while (each != last && seen.count < count_max);
    return seen;
  }

 private:
  static constexpr unsigned control_lanes = 0b11;  // urgent, system

  static constexpr unsigned look_ahead = 32;
  static constexpr unsigned stride_ahead = 32;

  // Who sends to many by turns takes blocks at even distances: a walk along a long backlog, each
  // step a miss, need not wait for them one by one. A hint, wherever it points.
  static void prefetch_beyond(const envelope& before, const envelope* behind) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(behind);
    const std::uintptr_t distance = at - reinterpret_cast<std::uintptr_t>(&before);
    __builtin_prefetch(reinterpret_cast<const void*>(at + stride_ahead * distance), 1);
  }

  // The last envelope of a take keeps the mark where its link was; links are even.
  static void put_mark(envelope& last, std::uint64_t mark) noexcept {
    last.older = reinterpret_cast<envelope*>(static_cast<std::uintptr_t>(mark << 1 | 1));
  }
  static bool has_mark(const envelope& last) noexcept {
    return (reinterpret_cast<std::uintptr_t>(last.older) & 1) != 0;
  }
  static std::uint64_t mark_of(const envelope& last) noexcept {
    return reinterpret_cast<std::uintptr_t>(last.older) >> 1;
  }

  static unsigned lowest_bit(unsigned mask) noexcept {
    return static_cast<unsigned>(std::countr_zero(mask));
  }

  void append(unsigned lane, envelope* last) noexcept {
    if (last_[lane] != nullptr) std::swap(last_[lane]->next, last->next);
    last_[lane] = last;
    occupied_ = static_cast<std::uint8_t>(occupied_ | 1u << lane);
  }

  envelope* pop_lane(unsigned lane) noexcept {
    envelope* const last = last_[lane];
    envelope* const first = last->next;
    if (first == last) {
      last_[lane] = nullptr;
      occupied_ = static_cast<std::uint8_t>(occupied_ & ~(1u << lane));
    } else {
      last->next = first->next;
      prefetch_beyond(*first, first->next);
      __builtin_prefetch(first->older);  // Some messages ahead in a chain (execution X4).
    }
    return first;
  }

  envelope* last_[lane_count] = {};
  std::uint8_t occupied_ = 0;  // one bit a lane that has something
  std::uint8_t turn_ = 0;      // of the choice between several lanes; kept across activations
};

}  // namespace sluice::inline v0::core
