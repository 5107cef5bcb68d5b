// Messages of the runtime to a process or meta itself; no behaviour sees them.
#pragma once

#include <sluice/exit_reason.hpp>
#include <sluice/linking.hpp>
#include <sluice/message.hpp>

namespace sluice::inline v0::core {

/// What an exit request comes of, and so whether a process may trap or ignore it.
enum class exit_kind : std::uint8_t {
  ordered,  ///< by the runtime: it ends
  asked,    ///< somebody called exit(who, reason)
  link,     ///< a link broke
};

/// Urgent: end, for this reason. Begins with what one that traps it is told.
struct exit_request {
  exit_signal told;
  exit_kind kind = exit_kind::ordered;
};
void handle_exit_request(slot& self, envelope& carried);
template <>
inline constexpr unhandled_function unhandled_action<exit_request> = &handle_exit_request;

/// System: enough children have ended; unlink them (PROTOCOLS 9).
struct prune_children {};
void handle_prune_children(slot& self, envelope& carried);
template <>
inline constexpr unhandled_function unhandled_action<prune_children> = &handle_prune_children;

/// Urgent, from a meta's start() to its own handler flow: start has returned.
struct start_over {
  exit_reason reason;
};
void handle_start_over(slot& self, envelope& carried);
template <>
inline constexpr unhandled_function unhandled_action<start_over> = &handle_start_over;

}  // namespace sluice::inline v0::core
