// The part of waiting.hpp that asks others.
#include <sluice/waiting.hpp>

#include <string>

#include "actor/caller.hpp"
#include "actor/delayed_send.hpp"
#include "actor/hand_off.hpp"
#include "actor/process_alias.hpp"
#include "actor/process_extension.hpp"
#include "actor/requests.hpp"
#include "actor/suspension.hpp"
#include "actor/waiting_handler.hpp"
#include "actor/wake_timer.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

// Who is called, no alias, or null: nobody is there. A look before the send, which decides; a
// receiver that ends later answers by its end.
slot* find_called(execution& by, const address& to) noexcept {
  slot* const place = to.node == by.node.id ? by.node.slots.find(to.slot) : nullptr;
  // Relaxed: a look, as just said.
  const bool is_there = place != nullptr && place->generation.load(base::relaxed) == to.generation;
  return is_there ? place : nullptr;
}

// Also names it in the log.
bool closes_circle(execution& by, slot& self, address to) {
  const pid own = pid_of(self);
  const std::string path = by.node.calls.note(own, to);
  if (path.empty()) return false;
  by.node.write_log(log_level::error,
                    std::string{self.what->name} + ' ' + std::to_string(own.slot) + '.' +
                        std::to_string(own.generation) + " calls who waits for it: " + path);
  return true;
}

}  // namespace

std::int64_t deadline_of(slot& self, std::chrono::nanoseconds timeout) noexcept {
  caller from{self};
  return deadline_after(timeout.count(), from.by().clock.not_before_now());
}

namespace {

// The envelope that names who is called, or null and why.
[[gnu::noinline]] opened_call open_slowly(execution& by, wait& what, address to, std::uint8_t block,
                                          std::size_t bytes) noexcept {
  slot& self = *what.process;
  to = resolve_alias(by.node, to);
  slot* const called = find_called(by, to);
  error why;
  if (self.state == life::ending) {
    why = {error_code::stopping, 0, "call: the caller ends"};
  } else if (is_suspended(self)) {
    why = {error_code::not_supported, 0, "call: another handler waits"};
  } else if (called == nullptr) {
    why = {error_code::unknown_address, 0, "call"};
  } else if (called == &self) {
    why = {error_code::bad_argument, 0, "call: to oneself"};
  } else if (watches_calls && closes_circle(by, self, to)) {
    why = {error_code::call_cycle, 0, "call"};
  } else if (extension_or_made(self) == nullptr) {
    why = {error_code::out_of_memory, 0, "call"};
  } else if (envelope* const made = by.make_envelope(block, bytes)) {
    made->to_generation = to.generation;
    return {made, called};
  } else {
    why = {error_code::out_of_memory, 0, "call"};
  }
  what.settle(what, nullptr, why);
  return {nullptr, nullptr};
}

// Sent by way of the mailbox: its deadline is known before.
[[gnu::noinline]] bool post_timed(execution& by, wait& what, const opened_call& call,
                                  reply_address& answer) noexcept {
  slot& self = *what.process;
  answer.deadline_ns = what.deadline_ns =
      deadline_after(timeout_of_open(what.deadline_ns), by.clock.not_before_now());
  if (wake_at(by, self, self.extension->waiting.clock, what.deadline_ns)) {
    const std::uint32_t generation = call.carried->to_generation;
    static_cast<void>(by.deliver(call.carried, call.to->index, generation, priority::main));
    return true;
  }
  answer.id = {};  // Nobody waits for it.
  by.free_envelope(call.carried);
  end_wait(self);
  what.settle(what, nullptr, {error_code::out_of_memory, 0, "call"});
  return false;
}

}  // namespace

opened_call open_call(wait& what, const address& to, std::uint8_t block,
                      std::size_t bytes) noexcept {
  slot& self = *what.process;
  execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  // To and fro: who is called lingers here, and nothing stands against the call.
  slot* const called = lingering_tenant(by, to.slot, to.generation);
  if (called != nullptr && to.node == by.node.id && self.state != life::ending &&
      self.extension != nullptr && self.extension->waiting.handler == nullptr && !watches_calls &&
      block != block_on_heap) [[likely]] {
    if (envelope* const made = by.make_quickly(block)) [[likely]] {
      made->to_generation = to.generation;
      return {made, called};
    }
  }
  return open_slowly(by, what, to, block, bytes);
}

bool post_call(wait& what, process_promise_base& awaiter, const opened_call& call,
               reply_address& answer, const completion_kind& kind,
               std::chrono::nanoseconds timeout) noexcept {
  slot& self = *what.process;
  execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  what.id = new_ref(by);
  what.deadline_ns = open_deadline(timeout);
  answer.node = by.node.way_in;
  answer.kind = &kind;
  answer.id = what.id;
  answer.deadline_ns = what.deadline_ns;
  answer.node_id = by.node.id;
  answer.slot = self.index;
  answer.generation = self.generation.load(base::relaxed);  // Relaxed: the owner.
  sign_as_process(*call.carried, self);
  note_waiting(self, what, awaiter);
  base::add_single_writer(by.counters.suspended, std::uint64_t{1});
  if (by.may_leave_open && by.take_for_hand_off(*call.to)) [[likely]] {  // SU5
    call.carried->lane = static_cast<std::uint8_t>(priority::main);
    call.carried->next = call.carried;
    base::add_single_writer(by.counters.sent, std::uint64_t{1});  // X1
    hand_message(by, *call.to, *call.carried);
    return true;
  }
  return post_timed(by, what, call, answer);
}

void close_deadline(reply_address& to) noexcept {
  to.deadline_ns = deadline_after(timeout_of_open(to.deadline_ns));
}

std::chrono::steady_clock::time_point deadline_of_current(const slot& self) noexcept {
  using clock = std::chrono::steady_clock;
  const execution* const by = self.running_on.load(base::relaxed);  // Relaxed: the owner.
  if (by == nullptr || by->current == nullptr || !by->current->type->is_request) {
    return clock::time_point::max();
  }
  begin_deadline_of(*by->current);
  const auto& answer = *static_cast<const reply_address*>(by->current->payload());
  if (answer.id.number == 0) return clock::time_point::max();
  return clock::time_point{
      std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds{answer.deadline_ns})};
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
