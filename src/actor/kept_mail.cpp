#include "actor/kept_mail.hpp"

#include "actor/delivery.hpp"
#include "actor/node_core.hpp"
#include "actor/process_extension.hpp"
#include "mem/cache.hpp"

namespace sluice::inline v0::core {

namespace {

void bury_all(execution& by, lanes& mail) noexcept {
  while (envelope* const left = mail.pop()) by.bury(left, dead_letter::receiver_ended);
}

}  // namespace

kept_mail::~kept_mail() {
  if (mail_.is_empty()) return;
  if (execution* const here = current_execution(); here != nullptr && &here->node == &node_) {
    bury_all(*here, mail_);
    return;
  }
  // After the threads have ended (node stop).
  execution by{node_, nullptr, mem::this_thread_cache()};
  node_.attach(by);
  bury_all(by, mail_);
  node_.detach(by);
}

bool kept_mail::take(envelope& left) noexcept {
  const auto lane = static_cast<priority>(left.lane & lane_mask);
  if (is_control_lane(lane) || left.type->identity->when_unhandled != nullptr) return false;  // KM1
  left.lane = static_cast<std::uint8_t>(lane);
  mail_.put_last(left);
  return true;
}

void kept_mail::give_to(slot& successor) noexcept {
  const std::uint32_t generation = successor.generation.load(base::relaxed);  // Relaxed: the owner.
  while (envelope* const next = mail_.pop()) {
    next->to_generation = generation;
    successor.mail.put_last(*next);
  }
}

kept_mail* heir_of(const slot& self) noexcept {
  const seldom_used* const more = seldom_or_null(self);
  return more == nullptr ? nullptr : more->heir.get();
}

void inherit_mail(slot& self, const std::shared_ptr<kept_mail>& mail) noexcept {
  make_seldom(self).heir = mail;
  mail->give_to(self);
}

}  // namespace sluice::inline v0::core
