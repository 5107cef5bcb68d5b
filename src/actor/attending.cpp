#include "actor/attending.hpp"

#include "actor/inspecting.hpp"
#include "actor/life.hpp"
#include "actor/suspension.hpp"

namespace sluice::inline v0::core {

bool dispatch_unlisted(execution& by, slot& self, envelope& carried) {
  if (asks_for_inspection(*carried.type)) {
    static_cast<request_of<inspect>*>(carried.payload())->answer.reply(inspect_tenant(by, self));
    return true;
  }
  if (const unhandled_function action = carried.type->identity->when_unhandled) {
    action(self, carried);
    return true;
  }
  if (self.what->catch_all == nullptr) return false;
  self.what->catch_all(self.object, carried);
  return true;
}

void end_by_exception(execution& by, slot& self, envelope& carried) noexcept {
  by.ending = reason_of_current_exception(exit_code::exception);
  if (carried.type->when_lost != nullptr) {
    carried.type->when_lost(by, carried.payload(), error_code::receiver_ended);
  }
  self.wants |= wants_exit;
}

std::uint8_t finish_wanting(execution& by, slot& self, envelope* carried,
                            bool is_handled) noexcept {
  if ((self.wants & wants_suspension) == 0) {
    finish_message(by, carried, is_handled);
  } else {
    by.end_run_of_sends();  // SU2
  }
  return self.wants;
}

std::uint8_t finish_resumed(execution& by, slot& self, envelope* carried) noexcept {
  put_back_deferred(self);
  finish_message(by, carried, true);
  let_go_of_block(by, carried, self.wants);
  return self.wants;
}

}  // namespace sluice::inline v0::core
