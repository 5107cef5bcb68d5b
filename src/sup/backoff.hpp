// backoff: how long the next restart of one child waits. Pure: time and chance are arguments.
#pragma once

#include <cstdint>

#include <sluice/supervision.hpp>

#include "base/clock.hpp"

namespace sluice::inline v0::sup {

class backoff {
 public:
  explicit backoff(const restart_backoff& options) noexcept : options_(options) {}

  /// The wait before the next restart of a child that has run for `ran_ns`; `chance` in [0, 1)
  /// decides the jitter.
  [[nodiscard]] base::nanoseconds_t next_wait_ns(base::nanoseconds_t ran_ns,
                                                 double chance) noexcept;

 private:
  restart_backoff options_;
  double wait_ns_ = 0;  // without jitter, of the last restart; 0 = begins anew
};

}  // namespace sluice::inline v0::sup
