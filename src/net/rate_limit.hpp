// rate_limit: so many a second on average, so many at once: a leaky bucket kept as one time.
//
// The generic cell rate algorithm (ITU-T I.371): `empty_ns_` is when the bucket will be empty
// again; each taking moves it on by an interval. Pure arithmetic, one owner.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"

namespace sluice::inline v0::net {

class rate_limit {
 public:
  /// No limit.
  rate_limit() noexcept = default;
  /// Both at least 1.
  rate_limit(std::uint32_t per_second, std::uint32_t at_once) noexcept
      : interval_ns_(std::max<base::nanoseconds_t>(1'000'000'000 / per_second, 1)),
        tolerance_ns_((base::nanoseconds_t{at_once} - 1) * interval_ns_) {}

  [[nodiscard]] bool is_limit() const noexcept { return interval_ns_ != 0; }
  void take(base::nanoseconds_t now_ns) noexcept {
    empty_ns_ = std::max(empty_ns_, now_ns) + interval_ns_;
  }
  /// When one more may be taken; in the past: now.
  [[nodiscard]] base::nanoseconds_t next_ns() const noexcept { return empty_ns_ - tolerance_ns_; }

 private:
  base::nanoseconds_t interval_ns_ = 0;
  base::nanoseconds_t tolerance_ns_ = 0;
  base::nanoseconds_t empty_ns_ = 0;  // when all that was taken has leaked out
};

}  // namespace sluice::inline v0::net
