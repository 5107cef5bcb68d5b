// worker_finder: who a worker_name stands for at this moment.
//
// A pid is a pid for ever. A name is looked up when it is first asked for, and again when who had
// it has ended, so that a worker that was restarted under its name gets connections again.
// Who: one owner.
#pragma once

#include <sluice/pid.hpp>
#include <sluice/result.hpp>
#include <sluice/tcp_options.hpp>

#include "actor/node_core.hpp"

namespace sluice::inline v0::net {

/// False: no pid of this node, or no name.
[[nodiscard]] inline bool can_be_worker(const core::node_core& node,
                                        const tcp::worker_name& asked) noexcept {
  if (asked.name.empty()) return asked.who.is_valid() && asked.who.node == node.id;
  return asked.name.size() <= core::name_registry::name_bytes_max;
}

/// The process that lives, or a pid that names nobody. Keeps what it finds in `asked`.
[[nodiscard]] inline pid find_worker(core::node_core& node, tcp::worker_name& asked) {
  const auto is_alive = [&node](pid who) {
    if (!who.is_valid()) return false;
    const core::slot* const place = node.slots.find(who.slot);
    // Relaxed: a hint; a send or link_child has the last word.
    return place != nullptr && place->generation.load(base::relaxed) == who.generation;
  };
  if (is_alive(asked.who)) return asked.who;
  if (asked.name.empty()) return {};
  asked.who = node.names.find(asked.name);
  return is_alive(asked.who) ? asked.who : pid{};
}

}  // namespace sluice::inline v0::net
