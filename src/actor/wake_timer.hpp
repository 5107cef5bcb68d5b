// wake_timer: what tells a process that waits that its time may have come.
//
// At most one a process, touched as rarely as can be: a deadline later than the armed one needs no
// timer, a wait that ends before its deadline leaves it armed. When it fires the process looks at
// its clock and arms it again for what it waits for then. So a call costs no timer at all.
//
//             arm, earlier   fires                  let go              job comes
//   armed     (moved)        fired, process told    dropped, fetched    -
//   fired     armed          -                      (freed)             -
//   dropped   -              (freed)                -                   -
//   fetched   -              fetched                -                   (freed)
//
// It stays on the wheel of the worker that armed it, wherever its process goes. A process that is
// elsewhere and needs an earlier time drops it and makes another.
// On its home thread its process moves and frees it at once.
// Rules: WT1 the way out of armed is one CAS, so either its home frees it or its process.
//        WT2 one that will fire soon is dropped; for one of long a job is posted home.
#pragma once

#include <cstdint>

#include "actor/execution.hpp"
#include "base/clock.hpp"
#include "sched/timer_wheel.hpp"

namespace sluice::inline v0::core {

struct wake_timer;

/// Owner of `self`: time_is_up comes at or before `deadline_ns` (not early for the one it was armed
/// for). `clock` is the process's; false when memory is out.
[[nodiscard]] bool wake_at(execution& by, const slot& self, wake_timer*& clock,
                           base::nanoseconds_t deadline_ns) noexcept;
/// The process ends.
void let_go(execution& by, wake_timer* clock) noexcept;

/// Of a wheel whose thread ends: true when `due` is one of these.
[[nodiscard]] bool bury_wake_timer(execution& by, sched::timer_node& due) noexcept;

}  // namespace sluice::inline v0::core
