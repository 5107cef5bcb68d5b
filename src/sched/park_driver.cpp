#include "sched/park_driver.hpp"

namespace sluice::inline v0::sched {

result<void> park_driver::attach() { return {}; }

bool park_driver::has_ready() const noexcept { return false; }

unsigned park_driver::poll() noexcept { return 0; }

park_outcome park_driver::park(base::nanoseconds_t deadline_ns) noexcept {
  return parker_.park(deadline_ns) == sync::park_result::woken ? park_outcome::woken
                                                               : park_outcome::timed_out;
}

void park_driver::wake() noexcept { parker_.wake(); }

void park_driver::detach() noexcept {}

}  // namespace sluice::inline v0::sched
