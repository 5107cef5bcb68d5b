// parker: one thread sleeps, any thread wakes it, and a wake is never lost.
//
// What: a sticky wake. One that comes before park() makes that park return at once; several are
//   one.
// Who: the owner parks; anybody wakes, as long as the parker lives.
// Progress: wake is wait-free; it makes a system call only when the owner is asleep.
//
//   state      wake                park              time-out
//   idle       notified            asleep (sleeps)   -
//   asleep     notified, futex     -                 idle: timed_out
//   notified   notified            idle: woken       idle: woken
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/clock.hpp"

namespace sluice::inline v0::sync {

enum class park_result : unsigned char { woken, timed_out };

class parker {
 public:
  parker() noexcept = default;
  parker(const parker&) = delete;
  parker& operator=(const parker&) = delete;

  /// Owner. Sleeps until a wake or the absolute deadline (base::no_deadline: for ever). Never
  /// returns timed_out before the deadline. What a waker did before its wake is visible after
  /// `woken`.
  [[nodiscard]] park_result park(base::nanoseconds_t deadline_ns) noexcept;

  /// Any thread.
  void wake() noexcept;

  /// Owner. Whether park() would return at once.
  [[nodiscard]] bool has_wake() const noexcept {
    return state_.load(base::relaxed) == notified;  // Relaxed: park() does the acquiring.
  }

 private:
  static constexpr std::uint32_t idle = 0;
  static constexpr std::uint32_t asleep = 1;
  static constexpr std::uint32_t notified = 2;

  base::atomic<std::uint32_t> state_{idle};
};

}  // namespace sluice::inline v0::sync
