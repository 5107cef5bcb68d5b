#include "actor/receiving.hpp"

#include <memory>
#include <new>

#include "actor/process_extension.hpp"
#include "actor/suspension.hpp"
#include "actor/wake_timer.hpp"
#include "base/assert.hpp"
#include "base/clock.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

receive_wait& wait_of(const slot& self) noexcept {
  return static_cast<receive_wait&>(*self.extension->waiting.handler->waits_for);
}

receive_verdict judge(const slot& self, receive_wait& what, envelope& each) noexcept {
  // Relaxed: the owner.
  if (each.type->identity != what.wanted ||
      each.to_generation != self.generation.load(base::relaxed)) {
    return receive_verdict::other;
  }
  return what.judge == nullptr ? receive_verdict::fits : what.judge(what, each.payload());
}

// One search: through several lists, with one limit.
struct walk {
  const slot& self;
  receive_wait& what;
  std::uint32_t room = search_max;
  bool has_failed = false;

  // Looks through a list from its mark on. The one before what fits, or null.
  envelope* find_in(envelope* last, receive_marks::mark& at) noexcept {
    if (last == nullptr || has_failed) return nullptr;
    if (at.first != last->next) at = {};  // RE1
    if (at.seen == last) return nullptr;
    envelope* before = at.seen == nullptr ? last : at.seen;
    while (room != 0) {
      envelope* const each = before->next;
      --room;
      const receive_verdict verdict = judge(self, what, *each);
      SLUICE_ASSERT(before->next == each, "the predicate of a receive_if only looks");
      if (verdict == receive_verdict::fits) return before;
      if (verdict == receive_verdict::failed) {
        has_failed = true;
        return nullptr;
      }
      if (at.seen == nullptr) at.first = each;
      at.seen = before = each;
      if (each == last) return nullptr;
    }
    return nullptr;
  }
};

// Null when memory is out.
receive_marks* marks_or_made(slot& self) noexcept {
  seldom_used* const more = seldom_or_made(self);
  if (more == nullptr) return nullptr;
  if (more->receives == nullptr) more->receives.reset(new (std::nothrow) receive_marks);
  return more->receives.get();
}

}  // namespace

mail_search search_mail(slot& self) noexcept {
  receive_marks& marks = *self.extension->seldom->receives;
  receive_wait& what = wait_of(self);
  // Relaxed: set by the spawner.
  if ((self.bounded_max.load(base::relaxed) & bound_drops_oldest) != 0) marks = {};  // RE1
  walk search{self, what};
  envelope*& deferred = self.extension->waiting.deferred;
  if (envelope* const before = search.find_in(deferred, marks.deferred)) {
    envelope* const found = before->next;
    lanes::take_from(deferred, before, found);
    return {found, true};
  }
  for (const priority lane : {priority::main, priority::log}) {
    const auto at = static_cast<unsigned>(lane);
    if (envelope* const before = search.find_in(self.mail.last_of(lane), marks.lanes[at])) {
      envelope* const found = before->next;
      self.mail.take_out(at, before, found);
      return {found, true};
    }
  }
  if (search.has_failed) {
    settle_open(self, what, nullptr, {error_code::threw, 0, "receive_if: the predicate"});
    return {};
  }
  return {nullptr, search.room != 0};
}

void settle_received(slot& self, envelope& found) noexcept {
  receive_wait& what = wait_of(self);
  if (open_wait(self) == nullptr) return what.settle(what, found.payload(), {});  // RE3
  settle_open(self, what, found.payload(), {});
}

bool sleep_until_received(execution& by, slot& self) noexcept {
  receive_wait& what = wait_of(self);
  if (what.has_seen_all) return true;
  what.has_seen_all = true;
  if (what.deadline_ns == waits_for_ever) return true;
  if (what.deadline_ns <= base::now_ns()) {
    settle_open(self, what, nullptr, {});
    return false;
  }
  if (wake_at(by, self, self.extension->waiting.clock, what.deadline_ns)) return true;
  settle_open(self, what, nullptr, {error_code::out_of_memory, 0, "receive"});
  return false;
}

bool has_seen_all(const slot& self) noexcept { return wait_of(self).has_seen_all; }

void forget_marks(slot& self) noexcept { *self.extension->seldom->receives = {}; }

bool begin_receive(receive_wait& what, process_promise_base& awaiter) noexcept {
  slot& self = *what.process;
  if (!begin_open_wait(what, awaiter)) return false;
  receive_marks* const marks = marks_or_made(self);
  if (marks == nullptr) {
    end_wait(self);
    what.settle(what, nullptr, {error_code::out_of_memory, 0, "receive"});
    return false;
  }
  const message_type* const wanted = what.judge == nullptr ? what.wanted : nullptr;
  if (wanted == nullptr || marks->wanted != wanted) *marks = {wanted, {}, {}};  // RE2
  self.wants |= wants_receive;
  return true;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
