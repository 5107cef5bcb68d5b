// suspension: a handler that waits. Its coroutine, the message it handles, what it waits for.
//
//              wait begins   settled    time comes     resumed          exit
//  running     waiting       -          -              -                -
//  waiting     refused       ready      ready          -                gone
//  ready       refused       late       -              running          gone
//
// The coroutine's frame holds everything (task.hpp, waiting.hpp); the process knows its root. While
// a process waits its job is run_suspended (activation.cpp) and its mailbox waits (M6); for one
// that receives see receiving.hpp.
// Who: the owner of the process.
// Rules:
//   SU1 One handler a process waits; one served meanwhile may not.
//   SU2 The message stays until its handler is over, and is counted as handled then.
//   SU3 What settles a wait is known by its ref; what comes for a past one is counted as late.
//   SU4 Frames go from the innermost outward, without recursion.
//   SU5 A call that was handed off (hand_off.hpp) by a process that lingers next leaves its
//       deadline open, and so reads no clock. The deadline begins before the right to run is given
//       back and before anybody else looks at it; so it is never early, and late by the time that
//       the process lingered: as a rule its answer is there first.
#pragma once

#include <sluice/waiting.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

struct wake_timer;

struct suspension {
  process_promise_base* handler = nullptr;  ///< its root; null = none waits
  wake_timer* clock = nullptr;              ///< null until a wait has a deadline
  envelope* deferred = nullptr;  ///< user mail of control lanes that came meanwhile; a chain (M4)
};

/// System, from the process's own timer: look at the clock.
struct time_is_up {};
void look_at_clock(slot& self, envelope& carried);
template <>
inline constexpr unhandled_function unhandled_action<time_is_up> = &look_at_clock;

/// As begin_wait, but nothing looks at the clock.
[[nodiscard]] bool begin_open_wait(wait& what, process_promise_base& awaiter) noexcept;
/// Takes back a begin_wait in the same breath: the handler goes on.
void end_wait(slot& self) noexcept;

/// What is waited for and not yet settled, or null.
[[nodiscard]] wait* open_wait(slot& self) noexcept;
/// Settles what is open.
void settle_open(slot& self, wait& what, void* payload, const error& why) noexcept;

/// Whether a handler of `self` waits.
[[nodiscard]] bool is_suspended(const slot& self) noexcept;

/// A deadline that was left open, if what is waited for has one, begins now (SU5). False: memory is
/// out, and the wait has been settled with that.
[[nodiscard]] bool begin_open_deadline(execution& by, slot& self) noexcept;
/// Keeps user mail of a control lane for after the wait.
void defer(slot& self, envelope* carried) noexcept;
/// The wait's handler is over: to where it was taken from.
void put_back_deferred(slot& self) noexcept;

/// The process ends: its waiting handler goes, with its message.
void close_suspension(execution& by, slot& self) noexcept;

}  // namespace sluice::inline v0::core
