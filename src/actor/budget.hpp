// budget: what bounds one activation.
//
// The clock is read at the 4th message and then at the 8th, 16th… and every clock_interval-th: a
// flood pays next to nothing, slow handlers are noticed within eight.
#pragma once

#include <cstdint>

#include "actor/node_core.hpp"
#include "base/clock.hpp"

namespace sluice::inline v0::core {

class budget {
 public:
  explicit budget(const activation_budget& limits) noexcept : limits_(limits) {}

  enum class verdict : std::uint8_t { go_on, look_for_mail, used_up };

  [[nodiscard]] verdict after_message() noexcept {
    ++count_;
    if (count_ >= limits_.messages_max) return verdict::used_up;
    const bool is_early_mark = count_ < limits_.clock_interval && (count_ & (count_ - 1)) == 0;
    if (!is_early_mark && count_ % limits_.clock_interval != 0) return verdict::go_on;
    if (count_ < 4) return verdict::go_on;
    const std::uint64_t now = base::ticks();
    if (begin_ticks_ == 0) begin_ticks_ = now;
    return now - begin_ticks_ >= limits_.ticks_max ? verdict::used_up : verdict::look_for_mail;
  }

 private:
  const activation_budget& limits_;
  std::uint32_t count_ = 0;
  std::uint64_t begin_ticks_ = 0;
};

}  // namespace sluice::inline v0::core
