// stop_after_mail: end when what is in the mailbox by now has been handled.
//
// In the system lane, so that no full mailbox refuses it; it then waits its turn in the receiver's
// own main lane, where it takes no room of a bounded mailbox. A handler that waits is over first.
#pragma once

#include <utility>

#include <sluice/message.hpp>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/suspension.hpp"

namespace sluice::inline v0::sup {

struct stop_after_mail {};
void take_stop_after_mail(core::slot& self, core::envelope& carried);

/// In a handler of `self`: told to itself when what is in its mailbox by now has been handled.
/// False: there is nothing, and nothing was put there.
template <message M>
[[nodiscard]] bool tell_after_mail(core::slot& self, M told) {
  if (self.mail.is_empty() && !core::is_suspended(self)) return false;
  core::caller from{self};
  core::execution& by = from.by();
  core::envelope* const later = core::make_control(by, std::move(told));
  later->to_generation = core::own_generation(self);
  later->lane = static_cast<std::uint8_t>(priority::main);
  base::add_single_writer(by.counters.sent, std::uint64_t{1});
  self.mail.put_last(*later);
  return true;
}

}  // namespace sluice::inline v0::sup

namespace sluice::inline v0::core {
template <>
inline constexpr unhandled_function unhandled_action<sup::stop_after_mail> =
    &sup::take_stop_after_mail;
}
