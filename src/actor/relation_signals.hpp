// relation_signals: what processes and metas tell each other about links and monitors, and what the
// end of one tells the others. The rules (LM) are in relations.hpp.
//
// Who: the handlers run as messages of the receiver; the rest is for the owner of the slot.
#pragma once

#include <sluice/message.hpp>
#include <sluice/spawn_order.hpp>

#include "actor/execution.hpp"
#include "actor/relations.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

struct link_request {
  party from;
  party to;
  bool to_is_meta = false;
};
struct unlink_request {
  party from;
  party to;
  std::uint64_t number = 0;
};
/// The answer to it: nothing of the link is under way any more.
struct unlink_done {
  party from;
  std::uint64_t number = 0;
};
struct monitor_request {
  ref id;
  party watcher;
};
struct demonitor_request {
  ref id;
};
/// Begins with what the watcher is told; `who` is filled in there.
struct down_signal {
  down told;
};

/// To the root process: the node begins to stop, which is what those related to the root wait for.
struct node_stops {};

void handle_node_stops(slot& self, envelope& carried);
void handle_link_request(slot& self, envelope& carried);
void handle_unlink_request(slot& self, envelope& carried);
void handle_unlink_done(slot& self, envelope& carried);
void handle_monitor_request(slot& self, envelope& carried);
void handle_demonitor_request(slot& self, envelope& carried);
void handle_down_signal(slot& self, envelope& carried);
void lose_link_request(execution& by, void* payload, error_code why) noexcept;
void lose_unlink_request(execution& by, void* payload, error_code why) noexcept;
void lose_monitor_request(execution& by, void* payload, error_code why) noexcept;

template <>
inline constexpr unhandled_function unhandled_action<node_stops> = &handle_node_stops;
template <>
inline constexpr unhandled_function unhandled_action<link_request> = &handle_link_request;
template <>
inline constexpr unhandled_function unhandled_action<unlink_request> = &handle_unlink_request;
template <>
inline constexpr unhandled_function unhandled_action<unlink_done> = &handle_unlink_done;
template <>
inline constexpr unhandled_function unhandled_action<monitor_request> = &handle_monitor_request;
template <>
inline constexpr unhandled_function unhandled_action<demonitor_request> = &handle_demonitor_request;
template <>
inline constexpr unhandled_function unhandled_action<down_signal> = &handle_down_signal;
template <>
inline constexpr lose_function lose_action<link_request> = &lose_link_request;
template <>
inline constexpr lose_function lose_action<unlink_request> = &lose_unlink_request;
template <>
inline constexpr lose_function lose_action<monitor_request> = &lose_monitor_request;

/// Whether it is obeyed even by one that ends (LM1).
[[nodiscard]] bool is_relation_signal(const envelope& carried) noexcept;

/// Owner: what there is, or null; what there is from now on.
[[nodiscard]] relations* relations_or_null(const slot& self) noexcept;
[[nodiscard]] relations& make_relations(slot& self);

/// Links and monitors a process that is being spawned, as the order says. The number of the
/// monitor, or 0.
ref relate_spawned(execution& by, const spawn_order& order, slot* spawner, slot& child);
/// The spawn has failed: its spawner is told by that alone.
void forget_spawned(slot& spawner, slot& child, ref monitored_as) noexcept;

/// Owner of one that is closed and empty: tells those it has relations with, and frees the slot;
/// perhaps later (LM3), so nothing of it may be touched after.
void tell_and_free(execution& by, slot& self, const exit_reason& reason) noexcept;
/// The same without a rest for later, and without freeing the slot.
void tell_all(execution& by, slot& self, const exit_reason& reason) noexcept;
/// What was left for later when the threads went.
void tell_rest(execution& by, slot& self) noexcept;

}  // namespace sluice::inline v0::core
