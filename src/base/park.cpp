#include "base/park.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace sluice::inline v0::base {

wait_outcome futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected,
                        nanoseconds_t deadline_ns) noexcept {
  static_assert(sizeof(atomic<std::uint32_t>) == 4, "a futex is a plain 32-bit word");
  timespec until{};
  timespec* limit = nullptr;
  if (deadline_ns != no_deadline) {
    if (deadline_ns < 0) deadline_ns = 0;
    until.tv_sec = static_cast<time_t>(deadline_ns / 1'000'000'000);
    until.tv_nsec = static_cast<long>(deadline_ns % 1'000'000'000);
    limit = &until;
  }
  // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC, so an early return needs no sums.
  const long answer = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                                limit, nullptr, FUTEX_BITSET_MATCH_ANY);
  return answer != 0 && errno == ETIMEDOUT ? wait_outcome::timed_out
                                           : wait_outcome::woken_or_changed;
}

void futex_wake(const atomic<std::uint32_t>& word, int count) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0);
}

}  // namespace sluice::inline v0::base
