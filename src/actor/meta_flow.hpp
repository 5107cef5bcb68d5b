// meta_flow: the two flows of a meta process, from spawn to the last one out.
//
//            handler flow                       start flow
//  spawned   (nothing yet)                      posted to its thread or ring
//  alive     activated by mail                  runs
//  exit      asks start to stop, closes, leaves ends when its operations or its code have
//  return    start_over: closes, leaves         leaves
//  both left: who left last runs terminate, destroys the object, ends the slot
//
// Rules (DESIGN §5, PROTOCOLS 6): F1 the handler flow leaves only after closing the mailbox. F2
// each flow leaves by one fetch_sub on `flows`; who saw 1 finishes. F3 terminate sees no live flow.
#pragma once

#include <sluice/exit_reason.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>
#include <sluice/spawn_order.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

struct meta_state;

/// Makes a meta below `parent` (a process or meta of this node). It sees what `spawner` sees, or
/// what the node does.
[[nodiscard]] result<alias> spawn_meta(execution& by, const meta_order& order, slot& parent,
                                       std::uint32_t parent_generation,
                                       const slot* spawner = nullptr) noexcept;

/// Handler flow, first activation of an I/O meta: begins its start flow.
void begin_if_new(execution& by, slot& self) noexcept;
/// Handler flow: asked to end. True: the meta ends by itself when it has drained.
[[nodiscard]] bool ends_by_itself(slot& self, const exit_reason& reason) noexcept;
/// Handler flow, the meta is to end (by.ending): asks start to stop, closes, leaves.
void leave_handler(execution& by, slot& self) noexcept;
/// Frees a start coroutine's flow that never ran (io_flow.cpp).
void drop_io_flow(meta_state& meta) noexcept;
/// Start flow, last thing it does: nothing of the meta may be touched afterwards.
void leave_start(execution& by, meta_state& meta, exit_reason reason) noexcept;

}  // namespace sluice::inline v0::core
