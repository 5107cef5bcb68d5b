#include "actor/activation.hpp"

#include <utility>

#include "actor/attending.hpp"
#include "actor/budget.hpp"
#include "actor/delivery.hpp"
#include "actor/drop_oldest.hpp"
#include "actor/hand_off.hpp"
#include "actor/life.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/process_books.hpp"
#include "actor/receiving.hpp"
#include "actor/room.hpp"
#include "actor/suspension.hpp"
#include "actor/system_messages.hpp"
#include "base/assert.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

namespace {

enum class loop_end : std::uint8_t { parked, yielded, wants_end };

void take_ownership(execution& by, slot& self) noexcept {
  // Relaxed compare and store: a check that always stays on, not a lock (PROTOCOLS 24).
  SLUICE_ASSERT_WORD(self.running_on.load(base::relaxed) == nullptr,
                     "a process is run by two workers at once", self.index);
  self.running_on.store(&by, base::relaxed);
  by.running = &self;
}

void release_ownership(execution& by, slot& self) noexcept {
  self.running_on.store(nullptr, base::relaxed);  // Relaxed: the owner stamp.
  by.running = nullptr;
}

void absorb(execution& by, slot& self, envelope* newest,
            const envelope* beneath = nullptr) noexcept {
  self.mail.absorb(newest, by.worker->coarse_ticks(), beneath);
  // Relaxed: set by the spawner.
  if ((self.bounded_max.load(base::relaxed) & bound_drops_oldest) != 0) drop_oldest(by, self);
}

void absorb_new_mail(execution& by, slot& self) noexcept {
  if (envelope* const newest = self.box.take()) absorb(by, self, newest);
}

void absorb_above(execution& by, slot& self, envelope* held) noexcept {
  if (envelope* const newest = self.box.take_above(held)) absorb(by, self, newest, held);
}

// Relaxed: a count; credits go back once a batch (PROTOCOLS 21).
void return_credits(execution& by, slot& self, std::uint32_t& credits) noexcept {
  if (credits == 0) return;
  const std::uint32_t before = self.bounded_count.fetch_sub(credits, base::relaxed);
  if ((before & room_mark) != 0) [[unlikely]]
    tell_waiting(by, self, credits);  // RO1
  credits = 0;
}

// Gives the right to run back: true, and the slot is another's (A1), or false: there is new mail.
bool try_leave(execution& by, slot& self) noexcept {
  release_ownership(by, self);
  return self.box.try_park();  // A2
}

enum class owner_kind : bool { process, meta };

// As the owner leaves: what its word says then.
enum class leaving : bool { parked, waiting };

[[gnu::always_inline]] inline bool try_leave_after(slot& self, envelope* held,
                                                   leaving how) noexcept {
  return how == leaving::parked ? self.box.try_park_after(held) : self.box.try_wait_after(held);
}

// The held message is handled and nothing else is known of: gives the right to run back, or, of a
// process, lingers. True, and the slot is another's (A1), or false: there is new mail above it, or
// what its handler waits for is there.
template <owner_kind Kind, leaving How>
[[gnu::always_inline]] inline bool leave_after(execution& by, slot& self, envelope* held) noexcept {
  if constexpr (Kind == owner_kind::process) {
    sched::worker& on = *by.worker;
    if (on.may_linger(&self.job) && self.box.has_only(held)) {
      release_ownership(by, self);
      self.job.kept = held;  // A4
      if (sched::work* const before = on.linger(&self.job)) settle_lingering(before, on);
      return true;
    }
  }
  if (How == leaving::waiting && !begin_open_deadline(by, self)) return false;  // SU5
  release_ownership(by, self);
  if (try_leave_after(self, held, How)) [[likely]] {  // A2
    by.free_block(held);
    return true;
  }
  take_ownership(by, self);
  return false;
}

// Owner of one that lingered and has new mail, or was stolen and has none: takes the kept envelope
// from beneath, or leaves. False: it is gone.
[[gnu::always_inline]] inline bool go_on(execution& by, slot& self, envelope* held,
                                         leaving how) noexcept {
  if (self.box.has_only(held)) [[unlikely]] {
    self.job.kept = nullptr;
    release_ownership(by, self);
    if (try_leave_after(self, held, how)) {  // A1, A2
      by.free_block(held);
      return false;
    }
    take_ownership(by, self);
  }
  self.job.kept = nullptr;
  if (!self.box.drop_beneath_one(held)) absorb_above(by, self, held);
  by.free_block(held);
  return true;
}

template <owner_kind Kind>
void count_in(slot& self) noexcept {
  if constexpr (Kind == owner_kind::meta) ++self.meta->messages_in;
}

// What a handler began to wait for is all that its process goes on with.
[[nodiscard]] loop_end leave_suspended(execution& by, slot& self) noexcept;

// Handles mail until there is none, the budget is used up, or the owner is to end.
template <owner_kind Kind>
[[gnu::noinline]] loop_end run_backlog(execution& by, slot& self) noexcept {
  std::uint32_t credits = 0;
  budget left{by.node.budget};
  bool is_over = false;
  while (true) {
    envelope* const next = self.mail.pop();
    if (next == nullptr) {
      return_credits(by, self, credits);
      if (try_leave(by, self)) return loop_end::parked;
      if (is_over) return loop_end::yielded;
      take_ownership(by, self);
      absorb_new_mail(by, self);
      continue;
    }
    credits += next->lane >> 7;
    const std::uint8_t wants = attend(by, self, next);
    count_in<Kind>(self);
    if (wants != 0) [[unlikely]] {
      return_credits(by, self, credits);
      if ((wants & wants_suspension) == 0) let_go_of_block(by, next, wants);
      return (wants & wants_exit) != 0 ? loop_end::wants_end : leave_suspended(by, self);
    }
    by.free_block(next);
    if (!is_over) {
      const budget::verdict verdict = left.after_message();
      is_over = verdict == budget::verdict::used_up;
      // Urgent mail does not wait for what was taken before it.
      if (verdict == budget::verdict::look_for_mail) {
        return_credits(by, self, credits);
        absorb_new_mail(by, self);
      }
    }
    if (is_over && !self.mail.is_empty()) {
      return_credits(by, self, credits);
      release_ownership(by, self);
      return loop_end::yielded;
    }
  }
}

// User mail of any priority waits for the handler that waits; what the library says to the process
// itself does not.
bool is_for_user(const slot& self, const message_type& type) noexcept {
  if (type.bound_to == self.what) return true;
  if (find_handler(*self.what, *type.identity) != nullptr) return true;
  return type.identity->when_unhandled == nullptr && !asks_for_inspection(type);
}

// What is new, and the control mail in it, for a process whose handler waits. False: the activation
// is over, as `how` says.
[[nodiscard]] bool serve_control(execution& by, slot& self, budget& left, loop_end& how) noexcept {
  absorb_new_mail(by, self);
  while (envelope* const next = self.mail.pop_control()) {
    if (is_for_user(self, *next->type)) {
      defer(self, next);
      continue;
    }
    const std::uint8_t wants = attend(by, self, next);
    let_go_of_block(by, next, wants);
    if ((wants & wants_exit) != 0) {
      how = loop_end::wants_end;
      return false;
    }
    if (left.after_message() == budget::verdict::used_up) {
      release_ownership(by, self);
      how = loop_end::yielded;
      return false;
    }
  }
  return true;
}

[[gnu::noinline]] loop_end serve_until_answered(execution& by, slot& self) noexcept;
[[nodiscard]] loop_end leave_resumed(execution& by, slot& self, std::uint8_t wants) noexcept;

// The envelope that is alone in the word was handled, and stays there until the process is about to
// leave: goes on with the handler, if what it waits for is there.
[[gnu::always_inline]] inline loop_end go_on_holding(execution& by, slot& self,
                                                     envelope* held) noexcept {
  std::uint8_t wants = wants_suspension;
  if ((self.wants & wants_resumption) != 0) {
    by.may_leave_open = true;  // SU5
    wants = resume(by, self);
    by.may_leave_open = false;
  }
  if (wants == wants_suspension) {
    self.wants = 0;
    if (leave_after<owner_kind::process, leaving::waiting>(by, self, held)) [[likely]]
      return loop_end::parked;  // A1
  }
  absorb_above(by, self, held);
  by.free_block(held);
  if (!is_suspended(self) || self.wants != 0) return leave_resumed(by, self, self.wants);
  return serve_until_answered(by, self);
}

envelope* lone_reply(slot& self) noexcept {
  if (self.mail.has_control()) return nullptr;
  envelope* const held = self.box.lone();
  // Relaxed: the owner.
  const bool is_reply = held != nullptr && held->type->is_call_reply &&
                        held->to_generation == self.generation.load(base::relaxed);
  return is_reply ? held : nullptr;
}

// Goes on with the handler that takes `found` out of turn.
void hand_over_received(execution& by, slot& self, envelope* found) noexcept {
  std::uint32_t credits = found->lane >> 7;
  settle_received(self, *found);
  base::add_single_writer(by.counters.handled, std::uint64_t{1});
  by.free_envelope(found);
  return_credits(by, self, credits);
}

// A handler that received is over; the rest of the mail is a turn of its own, so however many
// handlers find what they wait for, none runs on top of another.
[[nodiscard]] loop_end leave_received(execution& by, slot& self) noexcept {
  self.job.run = usual_run_of(self);
  const bool is_empty = self.mail.is_empty();
  release_ownership(by, self);
  return is_empty && self.box.try_park() ? loop_end::parked : loop_end::yielded;  // A1, A2
}

// A handler that received waits for something else.
[[nodiscard]] loop_end leave_receiving(execution& by, slot& self, std::uint8_t wants) noexcept {
  self.job.run = &run_suspended;
  self.wants = static_cast<std::uint8_t>(wants & ~wants_suspension);
  const bool is_quiet = self.wants == 0 && !self.mail.has_control();  // M6
  release_ownership(by, self);
  return is_quiet && self.box.try_wait() ? loop_end::parked : loop_end::yielded;  // A1, A2
}

// The owner of a process whose handler receives: as run_waiting, but its mail wakes it, and is
// looked through.
[[gnu::noinline]] loop_end run_receiving(execution& by, slot& self) noexcept {
  budget left{by.node.budget};
  while (true) {
    if (loop_end how{}; !serve_control(by, self, left, how)) return how;
    const mail_search seen = search_mail(self);
    if (seen.found != nullptr) hand_over_received(by, self, seen.found);
    by.end_run_of_sends();  // X2; of a predicate, or of what was in the message.
    if ((self.wants & wants_exit) != 0) return loop_end::wants_end;
    const bool is_settled = (self.wants & wants_resumption) != 0;
    if (!seen.is_over && !(is_settled && has_seen_all(self))) {
      release_ownership(by, self);
      return loop_end::yielded;
    }
    if (!is_settled && sleep_until_received(by, self)) {
      release_ownership(by, self);
      if (self.box.try_park()) return loop_end::parked;  // A1, A2
      take_ownership(by, self);
      continue;
    }
    const std::uint8_t wants = resume(by, self);
    if ((wants & wants_exit) != 0) return loop_end::wants_end;
    const bool receives_again = wants == (wants_suspension | wants_receive);
    if (!receives_again) {
      forget_marks(self);
      return is_suspended(self) ? leave_receiving(by, self, wants) : leave_received(by, self);
    }
    self.wants = 0;
    if (left.after_message() == budget::verdict::used_up) {
      release_ownership(by, self);
      return loop_end::yielded;
    }
  }
}

// A handler begins to receive.
[[nodiscard]] loop_end begin_receiving(execution& by, slot& self) noexcept {
  self.job.run = &run_receiver;
  self.wants = 0;
  return run_receiving(by, self);
}

// A handler was resumed and is over, gives way, or its process ends.
[[nodiscard]] loop_end leave_resumed(execution& by, slot& self, std::uint8_t wants) noexcept {
  if ((wants & wants_exit) != 0) return loop_end::wants_end;
  if (!is_suspended(self)) {
    self.job.run = usual_run_of(self);
    return run_backlog<owner_kind::process>(by, self);
  }
  if ((wants & wants_receive) != 0) return begin_receiving(by, self);
  self.wants = static_cast<std::uint8_t>(wants & ~wants_suspension);
  release_ownership(by, self);
  return loop_end::yielded;
}

// The owner of a process whose handler waits: serves control mail until what it waits for is there,
// goes on with it, and, once it is over, with the mail.
loop_end serve_until_answered(execution& by, slot& self) noexcept {
  budget left{by.node.budget};
  while (true) {
    if (loop_end how{}; !serve_control(by, self, left, how)) return how;
    if ((self.wants & wants_resumption) == 0) {
      release_ownership(by, self);
      if (self.box.try_wait()) return loop_end::parked;  // A1, A2
      take_ownership(by, self);
      continue;
    }
    const std::uint8_t wants = resume(by, self);
    const bool goes_on = wants == wants_suspension;
    if (!goes_on || left.after_message() == budget::verdict::used_up) {
      return leave_resumed(by, self, wants);
    }
    self.wants = 0;
  }
}

// The same; the answer that the handler waits for, if it came alone, is held.
[[gnu::noinline]] loop_end run_waiting(execution& by, slot& self) noexcept {
  envelope* const held = lone_reply(self);
  if (held == nullptr) return serve_until_answered(by, self);
  held->type->when_unhandled(self, *held);
  base::add_single_writer(by.counters.handled, std::uint64_t{1});
  by.destroy_payload(held);
  return go_on_holding(by, self, held);
}

loop_end leave_suspended(execution& by, slot& self) noexcept {
  if ((self.wants & wants_receive) != 0) return begin_receiving(by, self);
  if ((self.wants & wants_yield) != 0) {
    self.wants = static_cast<std::uint8_t>(self.wants & ~wants_yield);
    release_ownership(by, self);
    return loop_end::yielded;
  }
  self.job.run = &run_suspended;
  const bool gives_way = (self.wants & wants_resumption) != 0;
  self.wants = static_cast<std::uint8_t>(self.wants & ~wants_suspension);
  if (!gives_way) return run_waiting(by, self);
  release_ownership(by, self);
  return loop_end::yielded;
}

// A held message was handled, and its owner wants something.
[[gnu::noinline]] loop_end leave_wanting(execution& by, slot& self, envelope* held,
                                         std::uint8_t wants) noexcept {
  if (wants == wants_suspension) {
    self.job.run = &run_suspended;
    self.wants = 0;
    release_ownership(by, self);
    if (self.box.try_wait_after(held)) return loop_end::parked;  // A1, A2
    take_ownership(by, self);
    absorb_above(by, self, held);
    return run_waiting(by, self);
  }
  absorb_above(by, self, held);
  if ((wants & wants_suspension) == 0) let_go_of_block(by, held, wants);
  return (wants & wants_exit) != 0 ? loop_end::wants_end : leave_suspended(by, self);
}

// As run_backlog; a lone message, the common case, is held: no lists, and no take.
template <owner_kind Kind>
[[gnu::always_inline]] inline loop_end run_messages(execution& by, slot& self) noexcept {
  envelope* const lone = self.mail.is_empty() ? self.box.lone() : nullptr;
  if (lone == nullptr) {
    absorb_new_mail(by, self);
    return run_backlog<Kind>(by, self);
  }
  std::uint32_t credits = lone->lane >> 7;
  const std::uint8_t wants = attend(by, self, lone);
  count_in<Kind>(self);
  return_credits(by, self, credits);
  if (wants != 0) [[unlikely]] {
    return leave_wanting(by, self, lone, wants);
  }
  if (leave_after<Kind, leaving::parked>(by, self, lone)) [[likely]]
    return loop_end::parked;  // A1
  absorb_above(by, self, lone);
  by.free_block(lone);
  return run_backlog<Kind>(by, self);
}

// The message in hand, before what is in the word above the kept envelope.
[[gnu::always_inline]] inline loop_end run_in_hand(execution& by, slot& self,
                                                   envelope* given) noexcept {
  envelope* const held = given->older;  // HO3
  self.job.kept = nullptr;
  if (!self.box.has_only(held)) [[unlikely]] {  // HO1
    self.mail.put_last(*given);
    absorb_above(by, self, held);
    by.free_block(held);
    return run_backlog<owner_kind::process>(by, self);
  }
  by.may_leave_open = true;  // SU5
  const std::uint8_t wants = attend(by, self, given);
  by.may_leave_open = false;
  if (wants == 0) [[likely]] {
    by.free_block(given);
    if (leave_after<owner_kind::process, leaving::parked>(by, self, held)) [[likely]]
      return loop_end::parked;  // A1
  } else if (wants == wants_suspension) {
    self.job.run = &run_suspended;
    self.wants = 0;
    if (leave_after<owner_kind::process, leaving::waiting>(by, self, held)) return loop_end::parked;
  }
  absorb_above(by, self, held);
  by.free_block(held);
  if (wants == 0) return run_backlog<owner_kind::process>(by, self);
  if (wants == wants_suspension) return serve_until_answered(by, self);
  if ((wants & wants_suspension) == 0) let_go_of_block(by, given, wants);
  return (wants & wants_exit) != 0 ? loop_end::wants_end : leave_suspended(by, self);
}

// The tenant's slot may be another's.
[[gnu::always_inline]] inline void finish_end(execution& by) noexcept {
  by.running = nullptr;
  by.end_run_of_sends();  // What the end itself sent.
  if (by.last_of_ending != nullptr) by.free_block(std::exchange(by.last_of_ending, nullptr));
}

[[gnu::always_inline]] inline void end_activation(sched::work* job, sched::worker& on,
                                                  loop_end how) noexcept {
  if (how == loop_end::parked) [[likely]]
    return;  // A1
  if (how == loop_end::yielded) return on.schedule_last(job);
  execution& by = execution_on(on);
  end_process(by, slot_of(job), std::exchange(by.ending, exit_reason{}));
  finish_end(by);
}

}  // namespace

void settle_lingering(sched::work* job, sched::worker& on) noexcept {
  slot& self = slot_of(job);
  execution& by = execution_on(on);
  auto* const held = static_cast<envelope*>(job->kept);
  const leaving how = job->run == &run_suspended ? leaving::waiting : leaving::parked;
  const bool is_quiet =
      self.box.has_only(held) && (how == leaving::parked || begin_open_deadline(by, self));  // SU5
  if (is_quiet) {
    job->kept = nullptr;
    if (try_leave_after(self, held, how)) {  // A1
      on.note_lingered(false);
      return by.free_block(held);
    }
    job->kept = held;
  }
  on.note_lingered(true);
  on.schedule(job);
}

void run_process(sched::work* job, sched::worker& on) {
  slot& self = slot_of(job);
  execution& by = execution_on(on);
  take_ownership(by, self);
  if (envelope* const kept = kept_by(self)) {
    if (has_in_hand(self)) return end_activation(job, on, run_in_hand(by, self, kept));
    if (!go_on(by, self, kept, leaving::parked)) return;
  }
  end_activation(job, on, run_messages<owner_kind::process>(by, self));
}

void run_suspended(sched::work* job, sched::worker& on) {
  slot& self = slot_of(job);
  execution& by = execution_on(on);
  take_ownership(by, self);
  if (envelope* const held = kept_by(self)) {
    if (has_in_hand(self)) base::add_single_writer(by.counters.handled, std::uint64_t{1});  // HO4
    const bool is_ready =
        (self.wants & wants_resumption) != 0 || !begin_open_deadline(by, self);  // SU5
    if (is_ready && self.box.has_only(held)) [[likely]] {
      self.job.kept = nullptr;
      return end_activation(job, on, go_on_holding(by, self, held));
    }
    if (!go_on(by, self, held, leaving::waiting)) return;
  }
  end_activation(job, on, run_waiting(by, self));
}

void run_receiver(sched::work* job, sched::worker& on) {
  slot& self = slot_of(job);
  execution& by = execution_on(on);
  take_ownership(by, self);
  end_activation(job, on, run_receiving(by, self));
}

void run_meta(sched::work* job, sched::worker& on) {
  slot& self = slot_of(job);
  execution& by = execution_on(on);
  take_ownership(by, self);
  begin_if_new(by, self);
  switch (run_messages<owner_kind::meta>(by, self)) {
    case loop_end::parked: return;
    case loop_end::yielded:
      if (kind_of(self) == slot_kind::io_meta) {
        on.schedule_affine(job);
      } else {
        on.schedule_last(job);
      }
      return;
    case loop_end::wants_end:
      leave_handler(by, self);
      finish_end(by);
      return;
  }
}

}  // namespace sluice::inline v0::core
