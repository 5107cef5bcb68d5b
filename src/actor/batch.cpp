#include <sluice/batch.hpp>

#include "actor/caller.hpp"
#include "actor/delivery.hpp"
#include "actor/meta_state.hpp"
#include "actor/process_alias.hpp"
#include "actor/rundown.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

// Null: memory is out.
envelope* make_next(execution& by, const batch_source& batch, slot* signer) noexcept {
  const std::uint32_t bytes = batch.type->envelope_bytes;
  envelope* const made = by.make_envelope(block_class_for(bytes), bytes);
  if (made == nullptr) return nullptr;
  made->type = batch.type;
  batch.build_next(made->payload(), batch.source);
  if (signer != nullptr) {
    sign(*made, *signer);
  } else {
    sign_by_flow(by, *made);
  }
  return made;
}

batch_outcome deliver_one_by_one(execution& by, const batch_source& batch, slot* signer, address to,
                                 priority lane) noexcept {
  for (std::size_t done = 0; done < batch.count; ++done) {
    envelope* const next = make_next(by, batch, signer);
    if (next == nullptr) return {done, send_outcome::full};
    const send_outcome outcome = by.deliver(next, to.slot, to.generation, lane);
    if (outcome != send_outcome::accepted) return {done, outcome};
  }
  return {batch.count, send_outcome::accepted};
}

}  // namespace

batch_outcome execution::deliver_batch(const batch_source& batch, slot* signer, address to,
                                       priority lane) noexcept {
  if (batch.count == 0) return {};
  to = resolve_alias(node, to);  // Else nobody could say how many a bounded owner took.
  if (to.node != node.id) {
    if (envelope* const first = make_next(*this, batch, signer)) {
      refuse(*this, first, dead_letter::unknown);
    }
    return {0, send_outcome::unknown};
  }
  slot* const target = find_tenant(to.slot, to.generation);
  if (target == nullptr || is_bounded(*target)) {
    return deliver_one_by_one(*this, batch, signer, to, lane);
  }
  flush_chain();  // What was sent before stays before.
  envelope* last = nullptr;
  envelope* window[chain_look_ahead];
  std::size_t made = 0;
  while (made < batch.count) {
    envelope* const next = make_next(*this, batch, signer);
    if (next == nullptr) break;
    next->to_generation = to.generation;
    next->lane = static_cast<std::uint8_t>(lane);
    next->older = nullptr;
    next->next = last == nullptr ? next : last->next;
    if (last != nullptr) last->next = next;
    last = next;
    envelope*& behind = window[made % chain_look_ahead];
    if (made >= chain_look_ahead) behind->older = next;  // X4
    behind = next;
    ++made;
  }
  if (last == nullptr) return {0, send_outcome::full};
  base::add_single_writer(counters.sent, std::uint64_t{made});  // X1
  const send_outcome outcome = push(*target, last, is_control_lane(lane));
  if (outcome != send_outcome::accepted) return {0, outcome};
  return {made, made == batch.count ? send_outcome::accepted : send_outcome::full};
}

batch_outcome post_batch(slot& self, const batch_source& batch, address to,
                         priority lane) noexcept {
  caller from{self};
  if (!from) return {0, send_outcome::stopping};
  return from.by().deliver_batch(batch, &self, to, lane);
}

batch_outcome post_batch(gate* node, const batch_source& batch, address to,
                         priority lane) noexcept {
  if (node == nullptr) return {0, send_outcome::unknown};
  if (execution* const here = own_thread_of(to.node)) {
    return here->deliver_batch(batch, nullptr, to, lane);
  }
  foreign_access access{*node, to.node};
  if (!access) return {0, send_outcome::stopping};
  execution& by = access.by();
  // A stopping node drains, so it takes nothing more from outside.
  if (current_execution() != &by && by.node.phase() == node_phase::stopping) {
    return {0, send_outcome::stopping};
  }
  return by.deliver_batch(batch, nullptr, to, lane);
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
