// attachments: what a process is part of beyond itself: events it owns or hears, groups it is in.
//
// Made when first needed, held by process_extension; its owner's handlers alone touch it. Its end
// takes the process out of everything without a search.
#pragma once

#include <string>
#include <vector>

#include <sluice/exit_reason.hpp>
#include <sluice/pid.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

struct attachments {
  std::vector<pid> owned_events;
  std::vector<pid> heard_events;
  std::vector<std::string> groups;
};

/// Owner.
[[nodiscard]] attachments& attachments_of(slot& self);
/// Owner: null when there is none.
[[nodiscard]] attachments* find_attachments(const slot& self) noexcept;

/// Owner, at its end, while its generation is still its own: leaves everything.
void leave_attachments(execution& by, slot& self, const exit_reason& reason) noexcept;

}  // namespace sluice::inline v0::core
