// waiting_handler: the hot half of suspension, inline: a handler comes to wait, hears, and goes on.
//
// Who: the owner of the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include <sluice/task.hpp>
#include <sluice/waiting.hpp>

#include "actor/call_graph.hpp"
#include "actor/execution.hpp"
#include "actor/process_extension.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

/// Makes the deadline of a request one, if it was left open (SU5).
inline void begin_deadline_of(envelope& request) noexcept {
  if (!request.type->is_request) return;
  // A request begins with its reply_to, which is a reply_address.
  auto& answer = *static_cast<reply_address*>(request.payload());
  if (answer.id.number != 0 && answer.deadline_ns < 0) close_deadline(answer);
}

/// The handler waits from here (SU1 holds). Who asked for it may be told when he gives up.
inline void note_waiting(slot& self, wait& what, process_promise_base& awaiter) noexcept {
  process_promise_base& handler = *awaiter.root;
  begin_deadline_of(*handler.carried);
  self.extension->waiting.handler = &handler;
  handler.next = &awaiter;
  handler.waits_for = &what;
  self.wants |= wants_suspension;
}
/// Of one that waits for a call: that one, if it has this id and its answer may be made in place.
[[nodiscard]] inline wait* open_call_with(const slot& self, ref id) noexcept {
  wait* const what = self.extension->waiting.handler->waits_for;
  const bool is_open =
      what->id == id && what->stage == call_stage::sent && (self.wants & wants_resumption) == 0;
  return is_open ? what : nullptr;
}
/// What is waited for has been put in its place.
inline void note_settled(execution& by, slot& self, wait& what) noexcept {
  base::add_single_writer(by.counters.suspended_over, std::uint64_t{1});
  what.id = {};
  self.wants |= wants_resumption;
}
/// How an open deadline is written, which is not in time yet.
[[nodiscard]] constexpr std::int64_t open_deadline(std::chrono::nanoseconds timeout) noexcept {
  return timeout.count() < 0 ? -1 : -1 - timeout.count();
}
[[nodiscard]] constexpr std::int64_t timeout_of_open(std::int64_t deadline_ns) noexcept {
  return -1 - deadline_ns;
}
/// Resumes until nobody is to be resumed: the handler waits, or is over and goes.
void drive(process_promise_base& root);

/// Debug builds, of a call that is over.
void forget_call(slot& self) noexcept;

/// Ready: the waiting handler, which runs from here; `carried` is its message.
[[nodiscard]] inline process_promise_base& take_handler(slot& self) noexcept {
  process_promise_base& handler = *std::exchange(self.extension->waiting.handler, nullptr);
  wait& what = *std::exchange(handler.waits_for, nullptr);
  if (watches_calls && what.deadline_ns != waits_for_ever) forget_call(self);
  return handler;
}
/// Goes on with it: it waits again, or is over and has gone. What it throws comes out of this.
inline void continue_task(process_promise_base& handler) {
  std::exchange(handler.next, nullptr)->body().resume();
  if (handler.waits_for == nullptr) drive(handler);
}

}  // namespace sluice::inline v0::core
