// life: how processes begin and end.
//
// Rules (PROTOCOLS 4):
//   L1 A spawn runs on the spawner's thread: construct, on_start; an error leaves nothing behind.
//   L2 End: terminate hook, name, generation + 1 (release), close, bury the rest, children, object,
//      slot. A push that sees closed keeps its envelope.
#pragma once

#include <sluice/exit_reason.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>
#include <sluice/spawn_order.hpp>

#include "actor/environment.hpp"
#include "actor/execution.hpp"
#include "actor/slot.hpp"
#include "actor/system_messages.hpp"

namespace sluice::inline v0::core {

/// Makes a process; `by` is the spawner's thread, `spawner` who hands its environment down.
[[nodiscard]] result<pid> spawn_process(execution& by, const spawn_order& order,
                                        slot* spawner = nullptr) noexcept;

/// Owner: ends the process for `reason`. The slot has another tenant afterwards, or none.
void end_process(execution& by, slot& self, const exit_reason& reason) noexcept;

/// Sends an exit request. Never refused for lack of room.
send_outcome send_exit(execution& by, std::uint32_t to_slot, std::uint32_t to_generation,
                       exit_reason reason, exit_kind kind = exit_kind::ordered,
                       address from = {}) noexcept;

// -- shared by processes and metas
/// Takes a slot and builds the object in it; on an error the slot is free again.
[[nodiscard]] result<slot*> make_tenant(execution& by, const spawn_order& order,
                                        slot_kind kind) noexcept;
/// What one sees who is spawned by `spawner` (null = the node itself) with `changes`.
[[nodiscard]] shared_environment environment_for(execution& by, const slot* spawner,
                                                 const env_variables* changes);
/// Runs a start hook (on_start, init) for the owner; exceptions become errors.
[[nodiscard]] result<void> run_start_hook(execution& by, slot& self) noexcept;
/// L2 from the generation on: nobody can reach the tenant any more, its mail is buried, its metas
/// are told.
void close_tenant(execution& by, slot& self) noexcept;
/// Destroys the object.
void destroy_tenant(execution& by, slot& self) noexcept;
/// Of a tenant just made, whose mailbox has not been opened: as if it had not been.
void unmake_tenant(execution& by, slot& self) noexcept;
/// Gives the closed, empty slot back, or retires it (S3).
void release_slot(execution& by, slot& self) noexcept;
/// The same, and counts its tenant as ended.
void free_slot(execution& by, slot& self) noexcept;
void run_terminate_hook(execution& by, slot& self, const exit_reason& reason) noexcept;

/// The exception under way as a reason. Only inside a catch block.
[[nodiscard]] exit_reason reason_of_current_exception(exit_code code) noexcept;

}  // namespace sluice::inline v0::core
