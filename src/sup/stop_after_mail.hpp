// stop_after_mail: end when what is in the mailbox by now has been handled.
//
// In the system lane, so that no full mailbox refuses it; it then waits its turn in the receiver's
// own main lane.
#pragma once

#include <sluice/message.hpp>

namespace sluice::inline v0::sup {

struct stop_after_mail {};
void take_stop_after_mail(core::slot& self, core::envelope& carried);

}  // namespace sluice::inline v0::sup

namespace sluice::inline v0::core {
template <>
inline constexpr unhandled_function unhandled_action<sup::stop_after_mail> =
    &sup::take_stop_after_mail;
}
