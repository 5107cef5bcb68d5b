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

class lanes {
 public:
  /// A lower lane waits for at most so many messages of higher ones.
  static constexpr std::uint32_t fairness_interval = 16;

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

  [[nodiscard]] bool is_empty() const noexcept { return occupied_ == 0; }

 private:
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
      __builtin_prefetch(first->next);
      __builtin_prefetch(first->older);  // Some messages ahead in a chain (execution X4).
    }
    return first;
  }

  envelope* last_[lane_count] = {};
  std::uint8_t occupied_ = 0;  // one bit a lane that has something
  std::uint8_t turn_ = 0;      // of the choice between several lanes; kept across activations
};

}  // namespace sluice::inline v0::core
