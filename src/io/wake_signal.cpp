#include "io/wake_signal.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::inline v0::io {

result<void> wake_signal::open() {
  // Not blocking: nobody waits in a write, whatever the counter says.
  event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_.is_open()) return error_from_errno(errno, "eventfd");
  return {};
}

bool wake_signal::announce() noexcept {
  std::uint32_t word = awake;
  // [WS1] acq_rel: announces the sleep; a failure is a wake that came before, taken by the exchange
  // below; pairs WS2.
  if (word_.compare_exchange_strong(word, asleep, base::acq_rel, base::acquire)) return true;
  // [WS3] acq_rel: takes the wake and sees what the wakers did; pairs WS2.
  word_.exchange(awake, base::acq_rel);
  return false;
}

bool wake_signal::end() noexcept {
  // [WS4] acq_rel: ends the sleep and takes a wake that came meanwhile; pairs WS2.
  return word_.exchange(awake, base::acq_rel) == woken;
}

void wake_signal::wake() noexcept {
  // [WS2] acq_rel: publishes what the waker did; pairs WS1, WS3, WS4. Always a read-modify-write: a
  // plain load that skips would lose the wake.
  if (word_.exchange(woken, base::acq_rel) != asleep) return;
  const std::uint64_t one = 1;
  writes_.fetch_add(1, base::relaxed);  // Relaxed: a counter.
  while (::write(event_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

}  // namespace sluice::inline v0::io
