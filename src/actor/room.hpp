// room: who waits for room in bounded mailboxes, and how they are told.
//
// A sender that finds no credit notes itself here, marks the mailbox's bound, and looks again. The
// receiver that gives credits back sees the mark and tells as many as there are credits; each tries
// again by itself and notes itself anew when others were faster. One who is told and does not want
// it any more (time-out, end) tells the next.
// Who: senders and owners of bounded mailboxes, any thread. Progress: a short mutex, taken only
// when somebody waits.
// Rules:
//   RO1 The mark is a bit of the mailbox's count of credits, so who gives credits back learns of it
//       by the same operation, and who sets it learns whether there is room.
//   RO2 It is set and cleared under the lock: it says "there may be somebody here", to the slot's
//       next tenant too, who clears it.
//   RO3 Who ends looks after its generation has moved on; who noted itself looks at that.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>

#include <sluice/pid.hpp>
#include <sluice/send_waiting.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

struct room_waiter {
  std::uint32_t slot;
  std::uint32_t generation;
  ref id;
};

class room_table {
 public:
  /// Returns the credits taken at that moment.
  [[nodiscard]] std::uint32_t add(slot& full, const room_waiter& who);
  /// False: it was not here, so it has been told.
  [[nodiscard]] bool remove(slot& full, ref id) noexcept;
  /// The first who waits for `full`; false when nobody does.
  [[nodiscard]] bool take(slot& full, room_waiter& first) noexcept;

 private:
  std::mutex guard_;
  std::unordered_map<std::uint32_t, std::deque<room_waiter>> waiting_;  // by the full slot's index
};

/// System: there was room.
struct room_there {
  ref id;
};
void try_again(slot& self, envelope& carried);
template <>
inline constexpr unhandled_function unhandled_action<room_there> = &try_again;

/// Tells up to `count` of those who wait for room in `full`.
[[gnu::cold]] void tell_waiting(execution& by, slot& full, std::uint32_t count) noexcept;

/// Owner, its generation has moved on: nobody waits for it any longer (RO3).
inline void tell_all_waiting(execution& by, slot& ended) noexcept {
  // [RO3] acq_rel: the generation before, against a late mark; pairs RO1 (add).
  const std::uint32_t seen = ended.bounded_count.fetch_add(0, base::acq_rel);
  if ((seen & room_mark) != 0) tell_waiting(by, ended, UINT32_MAX);
}

}  // namespace sluice::inline v0::core
