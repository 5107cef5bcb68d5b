#include "sync/parker.hpp"

#include "base/assert.hpp"
#include "base/park.hpp"

namespace sluice::inline v0::sync {

park_result parker::park(base::nanoseconds_t deadline_ns) noexcept {
  std::uint32_t state = idle;
  // [PK1] acquire on failure: a wake that came first shows what was done before it; pairs PK3.
  // On success relaxed would do (the caller announced its sleep elsewhere), but g++ 12 warns of a
  // failure order that is stronger than the success order.
  if (!state_.compare_exchange_strong(state, asleep, base::acquire, base::acquire)) {
    SLUICE_ASSERT_WORD(state == notified, "parker: one owner only", state);
    // [PK2] acquire: takes the wake, with what later wakers did too; pairs PK3 (wake).
    state_.exchange(idle, base::acquire);
    return park_result::woken;
  }
  while (true) {
    const base::wait_outcome why = base::futex_wait(state_, asleep, deadline_ns);
    state = asleep;
    if (why == base::wait_outcome::timed_out) {
      // [PK1] acquire on failure: a wake beat the time-out; pairs PK3.
      if (state_.compare_exchange_strong(state, idle, base::acquire, base::acquire)) {
        return park_result::timed_out;
      }
    } else {
      state = state_.load(base::relaxed);  // Relaxed: the exchange below acquires.
    }
    if (state == notified) {
      state_.exchange(idle, base::acquire);  // [PK2]
      return park_result::woken;
    }
  }
}

void parker::wake() noexcept {
  // [PK3] release: what the waker did is seen by the owner; pairs PK1, PK2 (park). Always an RMW: a
  // load that finds `notified` could be read past by the owner, and this wake's message missed.
  if (state_.exchange(notified, base::release) == asleep) base::futex_wake(state_, 1);
}

}  // namespace sluice::inline v0::sync
