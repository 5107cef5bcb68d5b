#include <sluice/forwarding.hpp>

#include "actor/caller.hpp"
#include "actor/delivery.hpp"
#include "actor/meta_state.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

// From whom and in which lane the message under way came; else from nobody in the usual lane.
priority sign_as_current(const execution& by, const slot& self, envelope& carried) noexcept {
  const envelope* const now = by.running == &self ? by.current : nullptr;
  if (now == nullptr) {
    leave_unsigned(carried);
    return usual_lane_of(self);
  }
  carried.from_slot = now->from_slot;
  carried.from_generation = now->from_generation;
  carried.from_node = now->from_node;
  carried.block |= now->block & block_from_meta;
  return static_cast<priority>(now->lane & lane_mask);
}

}  // namespace

send_outcome post_forwarded(slot& self, envelope* carried, address to) noexcept {
  caller from{self};
  execution& by = from ? from.by() : *execution_of(self);
  const priority lane = sign_as_current(by, self, *carried);
  if (is_meta(self)) count_out(self);
  if (!from) {
    refuse(by, carried, dead_letter::stopping);
    return send_outcome::stopping;
  }
  if (to.node != by.node.id) {
    refuse(by, carried, dead_letter::unknown);
    return send_outcome::unknown;
  }
  return by.deliver(carried, to.slot, to.generation, lane);
}

send_outcome forward_payload(slot& self, envelope& seen, address to) noexcept {
  const message_type& type = *seen.type;
  const outgoing out =
      open_envelope(self, block_class_for(type.envelope_bytes), type.envelope_bytes);
  if (out.carried == nullptr) return out.refused;
  out.carried->type = &type;
  type.move_payload(seen.payload(), out.carried->payload());
  return post_forwarded(self, out.carried, to);
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
