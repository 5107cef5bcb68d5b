// hand_off: what a process sends to one that lingers on its own worker, without the mailbox's word.
//
// Who lingers (activation A4) keeps its right to run, and its worker may take that back: the
// sender, which runs there, owns it for a moment. Its word holds nothing but an envelope that was
// handled, so a message put into its hand is what it would find first; it is scheduled and finds
// it. The answer to a call goes where the call waits for it, without even an envelope. To and fro
// in this way costs no read-modify-write.
//
//   lingers ── taken, quiet ──> message or answer in hand, scheduled
//      ^           └ new mail, or it waits for something else: lingers on, and the word is used
//
// Who: the thread of the worker. Rules:
//   HO1 Only onto a word that holds the kept envelope alone: what was pushed before comes first.
//       New mail that shows when it runs goes behind a message in hand, but for its lane.
//   HO2 Not past a chain that is not published (execution X2), nor to who counts its mail.
//   HO3 A mark in job.kept says that something is in hand: a message, which names the kept envelope
//       by `older`, or of a process that waits the answer, which lies where the call waits for it.
//   HO4 Who gives counts it as sent, who goes on with it as handled.
#pragma once

#include <cstdint>

#include <sluice/message.hpp>

#include "actor/activation.hpp"
#include "actor/execution.hpp"
#include "actor/slot.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

/// The process with this identity, if it lingers on the worker of `by`.
[[nodiscard]] inline slot* lingering_tenant(const execution& by, std::uint32_t index,
                                            std::uint32_t generation) noexcept {
  sched::work* const job = by.worker->lingering();
  if (job == nullptr) return nullptr;
  slot& self = slot_of(job);
  // Relaxed: who it is; what it left comes with the taking.
  return self.index == index && self.generation.load(base::relaxed) == generation ? &self : nullptr;
}

/// Takes one that lingers here and runs as `doing`: true, it is the caller's and its word holds the
/// kept envelope alone (HO1).
[[nodiscard]] inline bool take_quiet(execution& by, slot& self,
                                     sched::work::run_function doing) noexcept {
  sched::worker& on = *by.worker;
  if (on.take_lingering() == nullptr) return false;  // A thief was faster.
  if (self.job.run == doing && self.box.has_only(static_cast<envelope*>(self.job.kept)))
    return true;
  on.linger_on(&self.job);
  return false;
}

// HO3
inline constexpr std::uintptr_t in_hand_mark = 1;

/// Of one that lingered: whether it was given a message or an answer.
[[nodiscard]] inline bool has_in_hand(const slot& self) noexcept {
  return (reinterpret_cast<std::uintptr_t>(self.job.kept) & in_hand_mark) != 0;
}
/// Of one that lingered: the message in hand; else the kept envelope, or null.
[[nodiscard]] inline envelope* kept_by(const slot& self) noexcept {
  return reinterpret_cast<envelope*>(reinterpret_cast<std::uintptr_t>(self.job.kept) &
                                     ~in_hand_mark);
}
/// To one that was taken: it runs next, and finds `kept` in its hand.
inline void give_in_hand(execution& by, slot& self, const void* kept) noexcept {
  self.job.kept = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(kept) | in_hand_mark);
  by.worker->schedule_taken(&self.job);
}
/// The same with a message that is counted as sent, with sender, generation and lane.
inline void hand_message(execution& by, slot& self, envelope& carried) noexcept {
  carried.older = kept_by(self);
  give_in_hand(by, self, &carried);
}

}  // namespace sluice::inline v0::core
