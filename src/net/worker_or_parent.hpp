// worker_or_parent: who is told by a meta whose options may name a worker, and need not.
#pragma once

#include <sluice/pid.hpp>
#include <sluice/result.hpp>

#include "actor/execution.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"

namespace sluice::inline v0::net {

/// `asked` if it is a pid of this node; without one the meta's parent: a process, and not the
/// node's root. In the spawner's thread. `place` names the option in the error.
[[nodiscard]] inline result<pid> worker_or_parent(const core::execution& by,
                                                  const core::meta_state& state, pid asked,
                                                  const char* place) noexcept {
  const error refused{error_code::bad_argument, 0, place};
  if (!asked.is_valid()) {
    const core::slot* const parent = by.node.slots.find(state.parent_slot);
    if (parent == nullptr ||
        parent == by.node.root.load(base::relaxed) ||  // Relaxed: set at start.
        core::is_meta(*parent)) {
      return refused;
    }
    return pid{by.node.id, state.parent_slot, state.parent_generation};
  }
  if (asked.node != by.node.id) return refused;
  return asked;
}

}  // namespace sluice::inline v0::net
