// lanes: what the owner of a mailbox has taken and not yet handled, one FIFO list per priority.
//
// Owner only. A list is circular and named by its last envelope, like the chains it is made of, so
// a whole chain is appended in three stores and a flood is not touched twice.
#pragma once

#include <cstdint>
#include <utility>

#include <sluice/message.hpp>

namespace sluice::inline v0::core {

inline constexpr unsigned lane_count = 4;

class lanes {
 public:
  /// Sorts a take (newest chain, linked by `older`) behind what is here.
  void absorb(envelope* newest) noexcept {
    if (newest->older == nullptr) return append(newest->lane & lane_mask, newest);
    envelope* batch[lane_count] = {};
    while (newest != nullptr) {
      envelope* const older = newest->older;
      envelope*& last = batch[newest->lane & lane_mask];
      if (last == nullptr) {
        last = newest;
      } else {  // What comes later in this walk is older: it goes in front.
        std::swap(last->next, newest->next);
      }
      newest = older;
    }
    for (unsigned lane = 0; lane < lane_count; ++lane) {
      if (batch[lane] != nullptr) append(lane, batch[lane]);
    }
  }

  /// The next envelope by priority, or null. The lower lanes are served at least once in
  /// low_lane_interval: `turn` is any number that grows by one per message.
  [[nodiscard]] envelope* pop(std::uint32_t turn) noexcept {
    if (last_[2] != nullptr && (last_[0] == nullptr && last_[1] == nullptr && last_[3] == nullptr)) {
      return pop_lane(2);
    }
    if (turn % low_lane_interval == 0) {
      // Once in each interval the order is turned round: log first or main first, by turns.
      static constexpr unsigned reversed[lane_count] = {3, 2, 1, 0};
      return pop_in(turn % (2 * low_lane_interval) == 0 ? reversed : middle_first);
    }
    static constexpr unsigned straight[lane_count] = {0, 1, 2, 3};
    return pop_in(straight);
  }

  [[nodiscard]] bool is_empty() const noexcept {
    return last_[0] == nullptr && last_[1] == nullptr && last_[2] == nullptr && last_[3] == nullptr;
  }

  static constexpr std::uint32_t low_lane_interval = 8;

 private:
  static constexpr unsigned middle_first[lane_count] = {2, 1, 3, 0};

  void append(unsigned lane, envelope* last) noexcept {
    if (last_[lane] != nullptr) std::swap(last_[lane]->next, last->next);
    last_[lane] = last;
  }

  envelope* pop_lane(unsigned lane) noexcept {
    envelope* const last = last_[lane];
    envelope* const first = last->next;
    if (first == last) {
      last_[lane] = nullptr;
    } else {
      last->next = first->next;
      __builtin_prefetch(first->next);
    }
    return first;
  }

  envelope* pop_in(const unsigned (&order)[lane_count]) noexcept {
    for (const unsigned lane : order) {
      if (last_[lane] != nullptr) return pop_lane(lane);
    }
    return nullptr;
  }

  envelope* last_[lane_count] = {};
};

}  // namespace sluice::inline v0::core
