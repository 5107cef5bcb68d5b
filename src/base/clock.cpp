#include "base/clock.hpp"

#include <ctime>

namespace sluice::inline v0::base {

namespace {

[[gnu::tls_model(
    "initial-exec")]] constinit thread_local const atomic<nanoseconds_t>* virtual_clock = nullptr;

}  // namespace

nanoseconds_t now_ns() noexcept {
  // Relaxed: a clock orders nothing.
  if (virtual_clock != nullptr) [[unlikely]]
    return virtual_clock->load(relaxed);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<nanoseconds_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void use_virtual_clock(const atomic<nanoseconds_t>* clock) noexcept { virtual_clock = clock; }

namespace {

std::uint64_t measure_ticks_per_us() noexcept {
  const nanoseconds_t begin_ns = now_ns();
  const std::uint64_t begin_ticks = ticks();
  nanoseconds_t end_ns = begin_ns;
  while (end_ns - begin_ns < 1'000'000) end_ns = now_ns();
  const std::uint64_t elapsed = ticks() - begin_ticks;
  const std::uint64_t per_us = elapsed * 1000 / static_cast<std::uint64_t>(end_ns - begin_ns);
  return per_us == 0 ? 1 : per_us;
}

}  // namespace

// Between two readings the rate is at most this: the clock's time over the ticks from the end of
// the first to the begin of the second. A thread that was interrupted within a reading knows
// nothing.
nanoseconds_t tick_clock::read() noexcept {
  constexpr nanoseconds_t trusted_ns = 1'000'000;
  constexpr nanoseconds_t rate_gap_max_ns = 10'000'000'000;
  const std::uint64_t begin_ticks = ticks();
  const nanoseconds_t now = now_ns();
  const std::uint64_t end_ticks = ticks();
  const nanoseconds_t gap_ns = now - read_ns_;
  if (read_ns_ != 0 && gap_ns >= trusted_ns && gap_ns < rate_gap_max_ns &&
      begin_ticks > read_end_ticks_ && virtual_clock == nullptr) {
    const std::uint64_t passed = begin_ticks - read_end_ticks_;
    ns_per_tick_ = (static_cast<std::uint64_t>(gap_ns) << shift) / passed + 1;
    trusted_ticks_ = (static_cast<std::uint64_t>(trusted_ns) << shift) / ns_per_tick_;
  } else if (read_ns_ != 0 && gap_ns < trusted_ns) {
    return now;  // The older reading tells the rate sooner.
  } else {
    trusted_ticks_ = 0;
  }
  if (end_ticks - begin_ticks > trusted_ticks_ / 256) trusted_ticks_ = 0;
  read_ns_ = now;
  read_ticks_ = begin_ticks;
  read_end_ticks_ = end_ticks;
  return now;
}

std::uint64_t ticks_per_us() noexcept {
  static const std::uint64_t per_us = measure_ticks_per_us();
  return per_us;
}

}  // namespace sluice::inline v0::base
