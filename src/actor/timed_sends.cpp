// The part of context.hpp that is about time: what is sent later, or again and again.
#include <sluice/context.hpp>

#include <algorithm>
#include <utility>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/delayed_send.hpp"
#include "actor/system_messages.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

// Signs and arms `carried` for a receiver of this node; else it is buried.
template <class Arm>
timer arm_signed(slot& self, envelope* carried, address to, priority lane, Arm&& arm) noexcept {
  caller from{self};
  sign(*carried, self);
  execution& by = from ? from.by() : *execution_of(self);
  if (!from || to.node != by.node.id) {
    refuse(by, carried, from ? dead_letter::unknown : dead_letter::stopping);
    return {};
  }
  return timer{arm(by, delayed_target{to.slot, to.generation, lane})};
}

}  // namespace

timer post_later(slot& self, envelope* carried, address to, priority lane,
                 std::chrono::nanoseconds delay) noexcept {
  return arm_signed(self, carried, to, lane, [&](execution& by, delayed_target target) {
    return arm_delayed(by, carried, target,
                       deadline_after(delay.count(), by.clock.not_before_now()));
  });
}

timer post_every(slot& self, envelope* carried, address to, priority lane,
                 std::chrono::nanoseconds period, const repeat_kind& copies) noexcept {
  return arm_signed(
      self, carried, to, lane, [&](execution& by, delayed_target target) -> delayed_send* {
        if (period.count() <= 0) {
          refuse(by, carried, dead_letter::cancelled);
          return nullptr;
        }
        const auto period_ns = std::min<base::nanoseconds_t>(period.count(), latest_deadline_ns);
        return arm_repeated(by, carried, target, period_ns, copies);
      });
}

timer exit_later(slot& self, address who, exit_reason reason,
                 std::chrono::nanoseconds delay) noexcept {
  caller from{self};
  if (!from || who.node != from.by().node.id) return {};
  envelope* const carried = make_control(
      from.by(), exit_request{{own_address(from.by(), self), std::move(reason)}, exit_kind::asked});
  return timer{arm_delayed(from.by(), carried, {who.slot, who.generation, priority::urgent},
                           deadline_after(delay.count()))};
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
