// The part of waiting.hpp that asks others.
#include <sluice/waiting.hpp>

#include <string>

#include "actor/caller.hpp"
#include "actor/delayed_send.hpp"
#include "actor/process_alias.hpp"
#include "actor/requests.hpp"
#include "actor/suspension.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

// Whether nobody is there; a receiver that ends later answers by its end.
bool is_nobody(execution& by, address to) noexcept {
  if (to.node != by.node.id) return true;
  const slot* const place = by.node.slots.find(to.slot);
  // Relaxed: a look before the send, which decides.
  return place == nullptr || place->generation.load(base::relaxed) != to.generation;
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

envelope* open_call(wait& what, address to, std::uint8_t block, std::size_t bytes,
                    error& why) noexcept {
  slot& self = *what.process;
  execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  to = resolve_alias(by.node, to);
  if (self.state == life::ending) [[unlikely]] {
    why = {error_code::stopping, 0, "call: the caller ends"};
  } else if (is_suspended(self)) [[unlikely]] {
    why = {error_code::not_supported, 0, "call: another handler waits"};
  } else if (is_nobody(by, to)) [[unlikely]] {
    why = {error_code::unknown_address, 0, "call"};
  } else if (to.slot == self.index) [[unlikely]] {  // Its generation is right, so it is itself.
    why = {error_code::bad_argument, 0, "call: to oneself"};
  } else if (watches_calls && closes_circle(by, self, to)) {
    why = {error_code::call_cycle, 0, "call"};
  } else {
    envelope* const carried = by.make_envelope(block, bytes);
    if (carried == nullptr) why = {error_code::out_of_memory, 0, "call"};
    return carried;
  }
  return nullptr;
}

void post_call(wait& what, envelope* carried, reply_address& answer, const completion_kind& kind,
               address to) noexcept {
  slot& self = *what.process;
  execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  what.id = new_ref(by);
  answer.node = by.node.way_in;
  answer.kind = &kind;
  answer.id = what.id;
  answer.deadline_ns = what.deadline_ns;
  answer.node_id = by.node.id;
  answer.slot = self.index;
  answer.generation = self.generation.load(base::relaxed);  // Relaxed: the owner.
  sign(*carried, self);
  static_cast<void>(by.deliver(carried, to.slot, to.generation, priority::main));
}

std::chrono::steady_clock::time_point deadline_of_current(const slot& self) noexcept {
  using clock = std::chrono::steady_clock;
  const execution* const by = self.running_on.load(base::relaxed);  // Relaxed: the owner.
  if (by == nullptr || by->current == nullptr || !by->current->type->is_request) {
    return clock::time_point::max();
  }
  // A request begins with its reply_to, which is a reply_address.
  const auto* const answer = static_cast<const reply_address*>(by->current->payload());
  if (answer->id.number == 0) return clock::time_point::max();
  return clock::time_point{
      std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds{answer->deadline_ns})};
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
