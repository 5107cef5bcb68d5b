// meta_children: the metas below a process or meta, as a list that anybody pushes to.
//
// Rules (PROTOCOLS 9):
//   MC1 The head carries the parent's generation; the parent's end replaces it, and a push meant
//       for the old generation fails the spawn: no child is born after the end of the list.
//   MC2 Only the parent's owner unlinks the dead. Who frees a child, its parent or its own end, is
//       decided by its link (meta_state.hpp).
#pragma once

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

struct meta_state;

/// Spawner of the parent: a list for its slot's new tenant.
void begin_children(slot& parent) noexcept;
/// Any thread: links a meta below its parent; false when the parent ended (MC1).
[[nodiscard]] bool link_child(slot& parent, std::uint32_t parent_generation,
                              meta_state& child) noexcept;
/// Owner of the parent, which ends: the slot of the last child that was linked, or none.
[[nodiscard]] std::uint32_t end_children(slot& parent) noexcept;
/// The same owner: they are to exit, those from `first` on.
void tell_children(execution& by, std::uint32_t first) noexcept;
/// Owner of the parent: those that live.
[[nodiscard]] std::uint64_t count_children(const execution& by, const slot& parent) noexcept;
/// The child's end: who frees its slot is decided by its link.
void child_ended(execution& by, meta_state& child) noexcept;

}  // namespace sluice::inline v0::core
