// delayed_send: a message on a timer wheel, and the handle that can cancel it from any thread.
//
//           due                 cancel
//  armed    fired: delivered    cancelled: true
//  fired    -                   false
//  cancelled (buried)           false
//
// Two owners, the wheel and the handle; who lets go last frees it. Armed on its home worker only, a
// thread without a wheel posts it there. Cancelled on its home it leaves the wheel at once,
// elsewhere the wheel finds it cancelled when it comes due.
// Rules: T1 the transition out of armed is one CAS, so a timer either fires or was cancelled.
#pragma once

#include <cstdint>

#include <sluice/message.hpp>
#include <sluice/timer.hpp>

#include "actor/execution.hpp"
#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

/// No deadline is later: the last sweep of a wheel must reach it.
inline constexpr base::nanoseconds_t latest_deadline_ns = INT64_MAX / 4;

/// Null when memory is out: `carried` is buried as full then. Takes `carried` over. `deadline_ns`
/// is absolute.
[[nodiscard]] delayed_send* arm_delayed(execution& by, envelope* carried, std::uint32_t to_slot,
                                        std::uint32_t to_generation, priority lane,
                                        base::nanoseconds_t deadline_ns) noexcept;

/// Node stop, on each worker's thread: buries what is still armed there.
void bury_delayed(execution& by) noexcept;

}  // namespace sluice::inline v0::core
