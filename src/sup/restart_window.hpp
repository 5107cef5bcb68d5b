// restart_window: how often within a sliding period. Pure: time is an argument.
#pragma once

#include <cstdint>
#include <vector>

#include <sluice/supervision.hpp>

#include "base/clock.hpp"

namespace sluice::inline v0::sup {

class restart_window {
 public:
  explicit restart_window(const restart_limit& limit) noexcept : limit_(limit) {}

  /// Notes one more restart at `now_ns` (never earlier than the last). False: it is one too many,
  /// and is not noted.
  [[nodiscard]] bool admit(base::nanoseconds_t now_ns);
  void clear() noexcept { restarts_ns_.clear(); }

 private:
  restart_limit limit_;
  std::vector<base::nanoseconds_t> restarts_ns_;  // at most restarts_max, oldest first
};

}  // namespace sluice::inline v0::sup
