#include "sup/stop_after_mail.hpp"

#include <sluice/stop_request.hpp>

#include <utility>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

void end_as_requested(slot& self, envelope& carried) {
  caller from{self};
  from.by().ending = std::move(static_cast<stop_request*>(carried.payload())->reason);
  self.wants |= wants_exit;
}

}  // namespace core

namespace sup {

void take_stop_after_mail(core::slot& self, core::envelope&) {
  if (tell_after_mail(self, stop_request{})) return;
  core::caller from{self};
  from.by().ending = exit_reason::shutdown();
  self.wants |= core::wants_exit;
}

}  // namespace sup
}  // namespace v0
}  // namespace sluice
