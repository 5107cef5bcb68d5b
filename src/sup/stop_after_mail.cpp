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

void take_stop_after_mail(core::slot& self, core::envelope& carried) {
  core::caller from{self};
  core::execution& by = from.by();
  if (self.mail.is_empty()) {
    by.ending = exit_reason::shutdown();
    self.wants |= core::wants_exit;
    return;
  }
  core::envelope* const later = core::make_control(by, stop_request{});
  later->to_generation = carried.to_generation;
  later->lane = static_cast<std::uint8_t>(priority::main);
  base::add_single_writer(by.counters.sent, std::uint64_t{1});
  self.mail.put_last(*later);
}

}  // namespace sup
}  // namespace v0
}  // namespace sluice
