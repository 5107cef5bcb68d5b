// delayed_send: what a timer wheel sends, and the handle that can cancel it from any thread.
//
// Three kinds: a message once; a copy of a message at a fixed rate; the time-out of a request.
//
//              on the wheel   due                    cancel
//  travelling  armed          -                      cancelled: true
//  armed       -              fired, or armed again  cancelled: true
//  fired       -              -                      false
//  cancelled   (let go)       -                      false
//
// Two owners, the wheel and the handle; who lets go last frees it. On the wheel of its home worker
// only, whose thread arms it, fires it and takes it off: a thread without a wheel posts it there,
// and a cancel from elsewhere does too, so that the memory of a long timer comes back soon.
// At a fixed rate: next = previous + period. Ticks that were missed are left out, in phase. It ends
// by itself when who armed it or who it sends to is no more.
// Rules: T1 the transition out of armed is one CAS, so a timer either fires or was cancelled; a
//           plain store in a cancel on the home's thread, which has both owners then.
//        T2 who made it cancelled takes it off: at home at once, else by posting it home. Only the
//        end of the home's thread (bury_delayed) may be earlier.
#pragma once

#include <cstdint>

#include <sluice/message.hpp>
#include <sluice/timer.hpp>

#include "actor/execution.hpp"
#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

struct completion_kind;
struct repeat_kind;

/// No deadline is later: the last sweep of a wheel must reach it.
inline constexpr base::nanoseconds_t latest_deadline_ns = INT64_MAX / 4;

/// From `now` on, cut to what a wheel can hold.
[[nodiscard]] inline base::nanoseconds_t deadline_after(base::nanoseconds_t delay,
                                                        base::nanoseconds_t now) noexcept {
  const base::nanoseconds_t wait = delay < 0 ? 0 : delay;
  return wait > latest_deadline_ns - now ? latest_deadline_ns : now + wait;
}
[[nodiscard]] inline base::nanoseconds_t deadline_after(base::nanoseconds_t delay) noexcept {
  return deadline_after(delay, base::now_ns());
}

/// To whom it sends.
struct delayed_target {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  priority lane = priority::main;
};

/// Null when memory is out: `carried` is buried as full then. Takes `carried` over. `deadline_ns`
/// is absolute.
[[nodiscard]] delayed_send* arm_delayed(execution& by, envelope* carried, delayed_target to,
                                        base::nanoseconds_t deadline_ns) noexcept;
/// The same, first after one period. The envelope stays with the timer; copies are sent.
[[nodiscard]] delayed_send* arm_repeated(execution& by, envelope* carried, delayed_target to,
                                         base::nanoseconds_t period_ns,
                                         const repeat_kind& copies) noexcept;
/// A completion that says timed_out. Null when memory is out.
[[nodiscard]] delayed_send* arm_time_out(execution& by, delayed_target to, ref request,
                                         const completion_kind& kind,
                                         base::nanoseconds_t deadline_ns) noexcept;

/// Node stop, on each worker's thread: buries what is still armed there.
void bury_delayed(execution& by) noexcept;

}  // namespace sluice::inline v0::core
