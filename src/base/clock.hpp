// Time. One monotonic clock in nanoseconds for deadlines, and the processor's tick counter for
// budgets (a tick read costs 10 ns, a clock read 25).
#pragma once

#include <cstdint>

#include "base/atomic.hpp"

namespace sluice::inline v0::base {

/// Nanoseconds on the monotonic clock. Absolute deadlines are values of this type.
using nanoseconds_t = std::int64_t;

inline constexpr nanoseconds_t no_deadline = INT64_MAX;

/// Now, from CLOCK_MONOTONIC, or from the thread's virtual clock. Any thread.
[[nodiscard]] nanoseconds_t now_ns() noexcept;

/// From here now_ns() of the calling thread answers from `clock`, which outlives that; null: from
/// the system again. For simulations.
void use_virtual_clock(const atomic<nanoseconds_t>* clock) noexcept;

#ifdef SLUICE_MODEL_TICKS
std::uint64_t model_ticks() noexcept;
#endif

/// The processor's counter. Only differences on one thread mean something.
[[nodiscard]] inline std::uint64_t ticks() noexcept {
#if defined(SLUICE_MODEL_TICKS)
  return model_ticks();
#elif defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return static_cast<std::uint64_t>(now_ns());
#endif
}

/// Of one thread: now_ns() for little, extrapolated by the counter for a millisecond at a time.
class tick_clock {
 public:
  /// Not earlier than now, and at most some microseconds later.
  [[nodiscard]] nanoseconds_t not_before_now() noexcept {
    const std::uint64_t passed = ticks() - read_ticks_;
    if (passed >= trusted_ticks_) [[unlikely]]
      return read();
    return read_ns_ + static_cast<nanoseconds_t>(passed * ns_per_tick_ >> shift) + 1;
  }

 private:
  static constexpr unsigned shift = 20;
  nanoseconds_t read() noexcept;

  std::uint64_t read_ticks_ = 0;      // taken just before read_ns_
  std::uint64_t read_end_ticks_ = 0;  // and just after
  nanoseconds_t read_ns_ = 0;
  std::uint64_t trusted_ticks_ = 0;  // 0: as long as the counter's rate is not known
  std::uint64_t ns_per_tick_ = 0;    // times 2^shift, rounded up
};

/// Ticks in a microsecond, measured once per process over about a millisecond. Any thread.
[[nodiscard]] std::uint64_t ticks_per_us() noexcept;

}  // namespace sluice::inline v0::base
