// stop_request: please end, in order. What a supervisor sends its children and node::stop the
// supervisors, in the urgent lane, before they lose patience and kill.
//
// A process that has a handler for it does what it has left to do and ends itself by exit(); all
// others end with the reason as soon as their handler returns. It is obeyed also by a process that
// traps exits or waits in a call.
#pragma once

#include <sluice/exit_reason.hpp>
#include <sluice/message.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

struct stop_request {
  exit_reason reason = exit_reason::shutdown();
};

namespace core {

void end_as_requested(slot& self, envelope& carried);

template <>
inline constexpr unhandled_function unhandled_action<stop_request> = &end_as_requested;

}  // namespace core
}  // namespace v0
}  // namespace sluice
