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

std::uint64_t ticks_per_us() noexcept {
  static const std::uint64_t per_us = measure_ticks_per_us();
  return per_us;
}

}  // namespace sluice::inline v0::base
