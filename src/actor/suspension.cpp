#include "actor/suspension.hpp"

#include <new>
#include <utility>

#include "actor/caller.hpp"
#include "actor/delayed_send.hpp"
#include "actor/process_extension.hpp"
#include "actor/waiting_handler.hpp"
#include "actor/wake_timer.hpp"
#include "base/assert.hpp"
#include "base/clock.hpp"
#include "mem/cache.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

suspension* suspension_or_null(slot& self) noexcept {
  return is_meta(self) || self.extension == nullptr ? nullptr : &self.extension->waiting;
}

// Null when memory is out.
suspension* make_suspension(slot& self) noexcept {
  process_extension* const more = extension_or_made(self);
  return more == nullptr ? nullptr : &more->waiting;
}

// Only a process has handlers that wait, and what happens to its wait happens on who runs it.
execution_counters& counters_of(slot& self) noexcept {
  return self.running_on.load(base::relaxed)->counters;  // Relaxed: the owner.
}
void count_waiting(slot& self) noexcept {
  base::add_single_writer(counters_of(self).suspended, std::uint64_t{1});
}
void count_waiting_over(slot& self) noexcept {
  base::add_single_writer(counters_of(self).suspended_over, std::uint64_t{1});
}

// SU4
void destroy_frames(process_promise_base* innermost) noexcept {
  while (innermost != nullptr) {
    const bool is_root = innermost->root == innermost;
    process_promise_base* const awaiter = is_root ? nullptr : innermost->awaiter;
    if (!is_root) *innermost->holder = nullptr;
    innermost->body().destroy();
    innermost = awaiter;
  }
}

}  // namespace

void put_back_deferred(slot& self) noexcept {
  envelope* const last = std::exchange(self.extension->waiting.deferred, nullptr);
  if (last == nullptr) return;
  // One chain a lane again.
  envelope* chains[lane_count] = {};
  envelope* each = last->next;
  while (true) {
    envelope* const following = each->next;
    envelope*& chain = chains[each->lane & lane_mask];
    each->next = each;
    if (chain != nullptr) std::swap(chain->next, each->next);
    chain = each;
    if (each == last) break;
    each = following;
  }
  for (envelope* const chain : chains) {
    if (chain != nullptr) self.mail.prepend(chain);
  }
}

void drive(process_promise_base& root) {
  while (root.waits_for == nullptr && root.next != nullptr) {
    std::exchange(root.next, nullptr)->body().resume();
  }
  if (root.waits_for != nullptr) return;
  SLUICE_ASSERT(root.body().done(),
                "a handler awaited what does not resume its process: await tasks, "
                "call(), sleep() and the other members of a process");
  struct frame_guard {
    process_promise_base& root;
    ~frame_guard() { root.body().destroy(); }
  };
  const frame_guard goes{root};
  root.finish(root, *root.carried);
}

namespace {

// The handler is to wait; what the process knows of it. Null: it has been refused.
suspension* enter_wait(wait& what) noexcept {
  slot& self = *what.process;
  suspension* const made = make_suspension(self);
  if (made == nullptr) {
    what.settle(what, nullptr, {error_code::out_of_memory, 0, "wait"});
    return nullptr;
  }
  if (made->handler != nullptr) {  // SU1
    what.settle(what, nullptr, {error_code::not_supported, 0, "wait: another handler waits"});
    return nullptr;
  }
  return made;
}

}  // namespace

// -- frames

void* process_promise_base::operator new(std::size_t bytes) {
  if (void* const memory = mem::this_thread_cache().allocate_bytes(bytes)) return memory;
#if defined(__cpp_exceptions)
  throw std::bad_alloc{};
#else
  SLUICE_ASSERT(false, "no memory left for the frame of a coroutine");
  return nullptr;
#endif
}

void process_promise_base::operator delete(void* frame, std::size_t bytes) noexcept {
  mem::this_thread_cache().free_bytes(frame, bytes);
}

// -- the runtime's side

void begin_task(slot&, envelope& carried, process_promise_base& root) {
  root.root = &root;
  root.carried = &carried;
  root.next = &root;
  drive(root);
}

wait* open_wait(slot& self) noexcept {
  if ((self.wants & wants_resumption) != 0) return nullptr;
  const suspension* const there = suspension_or_null(self);
  return there == nullptr || there->handler == nullptr ? nullptr : there->handler->waits_for;
}

void settle_open(slot& self, wait& what, void* payload, const error& why) noexcept {
  count_waiting_over(self);
  what.id = {};
  what.settle(what, payload, why);
  self.wants |= wants_resumption;
}

bool begin_open_deadline(execution& by, slot& self) noexcept {
  if ((self.wants & wants_resumption) != 0) return true;
  wait& what = *self.extension->waiting.handler->waits_for;
  if (what.deadline_ns >= 0) return true;
  what.deadline_ns = deadline_after(timeout_of_open(what.deadline_ns), by.clock.not_before_now());
  if (wake_at(by, self, self.extension->waiting.clock, what.deadline_ns)) return true;
  note_settled(by, self, what);
  what.settle(what, nullptr, {error_code::out_of_memory, 0, "call"});
  return false;
}

bool is_suspended(const slot& self) noexcept {
  return !is_meta(self) && self.extension != nullptr && self.extension->waiting.handler != nullptr;
}

void defer(slot& self, envelope* carried) noexcept {
  envelope*& last = self.extension->waiting.deferred;
  carried->next = carried;
  if (last != nullptr) std::swap(last->next, carried->next);
  last = carried;
}

void forget_call(slot& self) noexcept {
  caller from{self};
  from.by().node.calls.forget(pid_of(self));
}

void close_suspension(execution& by, slot& self) noexcept {
  suspension* const there = suspension_or_null(self);
  if (there == nullptr) return;
  if (process_promise_base* const handler = std::exchange(there->handler, nullptr)) {
    wait& what = *handler->waits_for;
    envelope* const carried = handler->carried;
    const bool still_waits = (self.wants & wants_resumption) == 0;
    // Its frames act for it, also in a node's last sweep, where nobody runs it. Relaxed: the owner.
    execution* const stamp = self.running_on.load(base::relaxed);
    self.running_on.store(&by, base::relaxed);
    if (still_waits) count_waiting_over(self);
    put_back_deferred(self);
    if (watches_calls && what.deadline_ns != waits_for_ever) forget_call(self);
    destroy_frames(handler->next);
    self.running_on.store(stamp, base::relaxed);  // Relaxed: as above.
    if (carried->type->when_lost != nullptr) {
      carried->type->when_lost(by, carried->payload(), error_code::receiver_ended);
    }
    base::add_single_writer(by.counters.handled, std::uint64_t{1});  // SU2
    by.free_envelope(carried);
  }
  let_go(by, std::exchange(there->clock, nullptr));
}

void look_at_clock(slot& self, envelope&) {
  wait* const what = open_wait(self);
  if (what == nullptr || what->deadline_ns == waits_for_ever) return;
  caller from{self};
  if (what->deadline_ns <= base::now_ns()) return settle_open(self, *what, nullptr, {});
  if (!wake_at(from.by(), self, self.extension->waiting.clock, what->deadline_ns)) {
    settle_open(self, *what, nullptr, {error_code::out_of_memory, 0, "wait"});
  }
}

// -- the awaiters' side

bool begin_wait(wait& what, process_promise_base& awaiter) noexcept {
  suspension* const there = enter_wait(what);
  if (there == nullptr) return false;
  slot& self = *what.process;
  if (what.deadline_ns != waits_for_ever) {
    caller from{self};
    if (!wake_at(from.by(), self, there->clock, what.deadline_ns)) {
      what.settle(what, nullptr, {error_code::out_of_memory, 0, "wait"});
      return false;
    }
  }
  note_waiting(self, what, awaiter);
  count_waiting(self);
  return true;
}

void end_wait(slot& self) noexcept {
  process_promise_base& handler = *std::exchange(self.extension->waiting.handler, nullptr);
  handler.waits_for = nullptr;
  handler.next = nullptr;
  count_waiting_over(self);
  self.wants = static_cast<std::uint8_t>(self.wants & ~wants_suspension);
}

bool begin_open_wait(wait& what, process_promise_base& awaiter) noexcept {
  if (enter_wait(what) == nullptr) return false;
  note_waiting(*what.process, what, awaiter);
  count_waiting(*what.process);
  return true;
}

bool begin_yield(wait& what, process_promise_base& awaiter) noexcept {
  if (enter_wait(what) == nullptr) return false;
  note_waiting(*what.process, what, awaiter);
  what.process->wants |= wants_resumption;
  return true;
}

bool settle_wait(slot& self, ref id, void* payload) noexcept {
  wait* const what = open_wait(self);
  if (what != nullptr && what->id == id && id.number != 0) {
    settle_open(self, *what, payload, {});
    return true;
  }
  base::add_single_writer(counters_of(self).late_completions, std::uint64_t{1});  // SU3
  return false;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
