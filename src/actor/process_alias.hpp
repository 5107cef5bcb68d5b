// process_alias: further addresses of a process.
//
// An alias is a slot of its own kind whose mailbox is closed for ever, so a send pays nothing for
// there being aliases: it is refused, and the way of the refused finds the owner and goes on there.
// The slot's generation is the alias's; `children`, which an alias has none of, holds the owner.
//
//             create   send, owner alive   send, owner gone   destroyed, or the owner ends
//   free      alias    -                   -                  -
//   alias     -        forwarded           unknown            free, generation + 1
//
// Rules:
//   PA1 The owner in the word is read before the generation, and belongs to the alias asked for
//       only if the generation still is its own: a slot's next tenant writes the one after the
//       other.
//   PA2 An alias ends before its owner's mailbox closes.
// Who: created and destroyed by its owner; looked up by any thread.
#pragma once

#include <sluice/pid.hpp>

#include "actor/node_core.hpp"
#include "actor/relations.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

/// The owner of the alias in this slot with this generation; generation 0 = there is none.
[[nodiscard]] inline party owner_of_alias(const slot& place, std::uint32_t generation) noexcept {
  // [AL1] acquire: PA1; pairs AP2 (create_alias), CH1 (begin_children).
  const child_list_head owner = unpack(place.children.load(base::acquire));
  // [AL2] acquire: the owner was still this one's; pairs AP1 (end_alias).
  if (place.generation.load(base::acquire) != generation) return {};
  return {owner.first, owner.generation};
}

/// The process behind an alias; any other address is its own answer.
[[nodiscard]] inline address resolve_alias(const node_core& node, const address& who) noexcept {
  if (!who.is_meta || who.node != node.id) return who;
  const slot* const place = node.slots.find(who.slot);
  if (place == nullptr || kind_of(*place) != slot_kind::alias) return who;
  const party owner = owner_of_alias(*place, who.generation);
  if (owner.generation == 0) return who;
  return pid{node.id, owner.slot, owner.generation};
}

/// Owner: all of its aliases name nobody from here on (PA2).
void end_aliases(execution& by, slot& self) noexcept;

}  // namespace sluice::inline v0::core
