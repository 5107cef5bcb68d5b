// attending: one message of an owner at work, from its lane to its handler's end.
//
// The hot part is inline, for the loops of activation.cpp; what few messages need is in the .cpp.
// Who: the owner of the process or meta.
#pragma once

#include <cstdint>

#include <sluice/behaviour.hpp>
#include <sluice/inspection.hpp>
#include <sluice/request.hpp>

#include "actor/delivery.hpp"
#include "actor/slot.hpp"
#include "actor/waiting_handler.hpp"

namespace sluice::inline v0::core {

/// An inspection is a request like those of users: it has no unhandled_action, which would let one
/// that nobody signed past a full bound.
[[nodiscard]] inline bool asks_for_inspection(const message_type& type) noexcept {
  return type.identity == &message_type_of<request_of<inspect>>;
}

/// A message for which the behaviour has no handler of its own. False: nobody took it. May throw
/// what on_inspect throws.
[[nodiscard]] bool dispatch_unlisted(execution& by, slot& self, envelope& carried);

/// Finds the handler and calls it. False: there is none.
[[gnu::always_inline]] inline bool dispatch(execution& by, slot& self, envelope& carried) {
  const message_type& type = *carried.type;
  invoke_function handler = type.invoke;
  if (type.bound_to != self.what) {
    handler = find_handler(*self.what, *type.identity);
    if (handler == nullptr) [[unlikely]]
      return dispatch_unlisted(by, self, carried);
  }
  handler(self.object, carried);
  return true;
}

/// In a catch block: the process's end, and an answer for who waits for its message (A3).
[[gnu::cold]] void end_by_exception(execution& by, slot& self, envelope& carried) noexcept;

/// Of a handler that is over.
[[gnu::always_inline]] inline void finish_message(execution& by, envelope* carried,
                                                  bool is_handled) noexcept {
  if (is_handled) [[likely]] {
    base::add_single_writer(by.counters.handled, std::uint64_t{1});
  } else {
    by.count_dead(*carried, dead_letter::unhandled);
  }
  by.destroy_payload(carried);
  by.end_run_of_sends();  // X2; after the payload's destructor, which may send too.
}

/// A handler that wants something beside the next message: wants_… bits.
std::uint8_t finish_wanting(execution& by, slot& self, envelope* carried, bool is_handled) noexcept;

/// Handles one message that `by` owns and destroys its payload; the block is left to the caller.
/// Else than 0: what the owner wants now. With wants_suspension the message stays whole.
[[gnu::always_inline]] inline std::uint8_t attend(execution& by, slot& self,
                                                  envelope* carried) noexcept {
  // Relaxed: the owner reads its own generation.
  if (carried->to_generation != self.generation.load(base::relaxed)) [[unlikely]] {
    by.count_dead(*carried, dead_letter::stale);  // S4
    by.destroy_payload(carried);
    by.end_run_of_sends();
    return 0;
  }
  by.current = carried;
  bool is_handled = false;
#if defined(__cpp_exceptions)
  try {
    is_handled = dispatch(by, self, *carried);
  } catch (...) {
    end_by_exception(by, self, *carried);
    by.current = nullptr;
    return finish_wanting(by, self, carried, true);
  }
#else
  is_handled = dispatch(by, self, *carried);
#endif
  by.current = nullptr;
  if (self.wants != 0) [[unlikely]] {
    return finish_wanting(by, self, carried, is_handled);
  }
  finish_message(by, carried, is_handled);
  return 0;
}

/// The block of a message that is over. That of one that asked for the end goes when the end is
/// over: while a process ends, something is queued.
[[gnu::always_inline]] inline void let_go_of_block(execution& by, envelope* done,
                                                   std::uint8_t wants) noexcept {
  if ((wants & wants_exit) != 0) [[unlikely]] {
    by.last_of_ending = done;
  } else {
    by.free_block(done);
  }
}

/// Of a handler that waited and is over.
std::uint8_t finish_resumed(execution& by, slot& self, envelope* carried) noexcept;

/// Goes on with the handler that waits; what the owner wants afterwards.
inline std::uint8_t resume(execution& by, slot& self) noexcept {
  self.wants = static_cast<std::uint8_t>(self.wants & ~wants_resumption);
  process_promise_base& handler = take_handler(self);
  envelope* const carried = handler.carried;
  by.current = carried;
#if defined(__cpp_exceptions)
  try {
    continue_task(handler);
  } catch (...) {
    end_by_exception(by, self, *carried);
  }
#else
  continue_task(handler);
#endif
  by.current = nullptr;
  if ((self.wants & wants_suspension) == 0) return finish_resumed(by, self, carried);
  by.end_run_of_sends();
  return self.wants;
}

}  // namespace sluice::inline v0::core
