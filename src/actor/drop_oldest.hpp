// drop_oldest: what overflow_policy::drop_oldest does when its owner has taken new mail.
#pragma once

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

/// Owner. A mailbox that is too full and takes new mail all the same loses its oldest. Credits of
/// what was handled have been given back. What no bound counts stays in its place: exit and down
/// messages that wait their turn (relations LM2) above all.
void drop_oldest(execution& by, slot& self) noexcept;

}  // namespace sluice::inline v0::core
