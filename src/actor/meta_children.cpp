#include "actor/meta_children.hpp"

#include <algorithm>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/life.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/system_messages.hpp"

namespace sluice::inline v0::core {

namespace {

constexpr std::int32_t prune_threshold_min = 64;

}  // namespace

void begin_children(slot& parent) noexcept {
  const std::uint32_t generation = parent.generation.load(base::relaxed);  // Relaxed: the owner.
  // [CH1] release: the slot is no alias of the generation before; pairs AL1 (owner_of_alias).
  parent.children.store(pack({generation, slot::no_slot}), base::release);
  parent.prune_countdown.store(prune_threshold_min, base::relaxed);
}

bool link_child(slot& parent, std::uint32_t parent_generation, meta_state& child) noexcept {
  std::uint64_t seen = parent.children.load(base::relaxed);  // Relaxed: the CAS checks it.
  while (true) {
    const child_list_head head = unpack(seen);
    if (head.generation != parent_generation) return false;  // MC1
    child.next_sibling = head.first;
    // [CH3] release: the child's state and link; pairs CH2 (end_children), CH6 (prune).
    // Ends: a failure means another child was linked, or the parent ended.
    if (parent.children.compare_exchange_weak(seen, pack({parent_generation, child.self.index}),
                                              base::release, base::relaxed)) {
      return true;
    }
  }
}

std::uint32_t end_children(slot& parent) noexcept {
  // [CH2] acq_rel: MC1, ends the list for good and sees the children pushed; pairs CH3
  //       (link_child).
  return unpack(parent.children.exchange(pack({0, slot::no_slot}), base::acq_rel)).first;
}

void tell_children(execution& by, std::uint32_t first) noexcept {
  for (std::uint32_t at = first; at != slot::no_slot;) {
    slot& child = *by.node.slots.find(at);
    meta_state& meta = *child.meta;
    at = meta.next_sibling;  // Before the exchange: an orphan may free itself at once.
    // The alias's, not the slot's: that of a child that is just ending names the slot's next
    // tenant.
    const std::uint32_t child_generation = meta.generation;
    // [CH4] acq_rel: decides who frees the child; pairs CH5 (child_ended).
    if (meta.link.exchange(child_link::orphan, base::acq_rel) == child_link::dead) {
      delete child.meta;
      release_slot(by, child);
    } else {
      send_exit(by, child.index, child_generation, {exit_code::parent_exit, {}});
    }
  }
}

void handle_prune_children(slot& parent, envelope&) {
  caller from{parent};
  execution& by = from.by();
  // [CH6] acquire: sees the children pushed; pairs CH3 (link_child).
  std::uint32_t at = unpack(parent.children.load(base::acquire)).first;
  std::int32_t living = 0;
  // The newest stays linked whatever its state: only pushes may move the head.
  meta_state* before = at == slot::no_slot ? nullptr : by.node.slots.find(at)->meta;
  at = before == nullptr ? slot::no_slot : before->next_sibling;
  while (at != slot::no_slot) {
    slot& child = *by.node.slots.find(at);
    meta_state* const meta = child.meta;
    at = meta->next_sibling;
    // [CH7] acquire: sees the child's end; pairs CH5 (child_ended).
    if (meta->link.load(base::acquire) == child_link::dead) {
      before->next_sibling = at;
      delete meta;
      release_slot(by, child);
    } else {
      before = meta;
      ++living;
    }
  }
  // Relaxed: a countdown; early or late by the ends under way.
  parent.prune_countdown.store(std::max(prune_threshold_min, living), base::relaxed);
}

std::uint64_t count_children(const execution& by, const slot& parent) noexcept {
  std::uint64_t living = 0;
  std::uint32_t at = unpack(parent.children.load(base::acquire)).first;  // [CH6]
  while (at != slot::no_slot) {
    const meta_state& child = *by.node.slots.find(at)->meta;
    // Relaxed: a count.
    if (child.link.load(base::relaxed) != child_link::dead) ++living;
    at = child.next_sibling;
  }
  return living;
}

void child_ended(execution& by, meta_state& child) noexcept {
  slot& self = child.self;
  node_core& node = by.node;
  slot* const parent = node.slots.find(child.parent_slot);
  const std::uint32_t parent_generation = child.parent_generation;
  // It has ended, whoever frees its place and whenever.
  base::add_single_writer(by.counters.ended, std::uint64_t{1});
  self.kind.store(slot_kind::ended_meta, base::relaxed);  // Relaxed: a hint for who counts.
  // [CH5] acq_rel: everything of the child before; decides who frees it; pairs CH4, CH7.
  if (child.link.exchange(child_link::dead, base::acq_rel) == child_link::orphan) {
    delete &child;
    release_slot(by, self);
    node.note_ended();
    return;
  }
  node.note_ended();
  // Relaxed: a countdown; a stale parent's slot may be another's, then a prune comes early. Asked
  // for again every so often, since that early one may have gone to a parent that is no more.
  const std::int32_t before = parent->prune_countdown.fetch_sub(1, base::relaxed);
  if (before > 1 || (1 - before) % prune_threshold_min != 0) return;
  send_control(by, parent->index, parent_generation, priority::system, prune_children{});
}

}  // namespace sluice::inline v0::core
