// The part of waiting.hpp that asks others.
#include <sluice/waiting.hpp>

#include "actor/caller.hpp"
#include "actor/delayed_send.hpp"
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

}  // namespace

std::int64_t deadline_of(std::chrono::nanoseconds timeout) noexcept {
  return deadline_after(timeout.count());
}

result<request_opening> open_call(slot& self, address to, const completion_kind& kind,
                                  std::int64_t deadline, std::uint8_t block,
                                  std::size_t bytes) noexcept {
  caller from{self};
  execution& by = from.by();
  if (self.state == life::ending) return error{error_code::stopping, 0, "call: the caller ends"};
  if (is_suspended(self)) {
    return error{error_code::not_supported, 0, "call: another handler waits"};
  }
  if (is_nobody(by, to)) return error{error_code::unknown_address, 0, "call"};
  const std::uint32_t generation = own_generation(self);
  if (to.slot == self.index && to.generation == generation) {
    return error{error_code::bad_argument, 0, "call: to oneself"};
  }
  envelope* const carried = by.make_envelope(block, bytes);
  if (carried == nullptr) return error{error_code::out_of_memory, 0, "call"};
  reply_address answer;
  answer.node = by.node.way_in;
  answer.kind = &kind;
  answer.id = new_ref(by);
  answer.deadline_ns = deadline;
  answer.node_id = by.node.id;
  answer.slot = self.index;
  answer.generation = generation;
  return request_opening{carried, answer};
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
