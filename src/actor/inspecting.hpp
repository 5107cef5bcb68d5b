// inspecting: the runtime's answer to `inspect`, by the owner of what is asked about.
#pragma once

#include <sluice/inspection.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

/// Owner, in its handler flow. May throw what on_inspect throws.
[[nodiscard]] inspection inspect_tenant(execution& by, slot& self);

}  // namespace sluice::inline v0::core
