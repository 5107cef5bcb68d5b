// Messages of the runtime to a process or meta itself; no behaviour sees them.
#pragma once

#include <sluice/exit_reason.hpp>

namespace sluice::inline v0::core {

/// Urgent: end, for this reason.
struct exit_request {
  exit_reason reason;
};

/// System: enough children have ended; unlink them (PROTOCOLS 9).
struct prune_children {};

/// Urgent, from a meta's start() to its own handler flow: start has returned.
struct start_over {
  exit_reason reason;
};

}  // namespace sluice::inline v0::core
