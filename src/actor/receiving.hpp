// receiving: what a handler that waits for a message of its own mailbox has looked at so far.
//
// While a handler receives, its process's job is run_receiver (activation.cpp) and its mailbox is
// idle, so that any message wakes it; new mail goes to its lanes and stays there. User mail of
// control lanes is deferred, as in every wait, and looked at first.
// Who: the owner of the process.
// Rules:
//   RE1 A mark names the last envelope of a list that was looked at. Nothing is taken from the
//       lists while marks are of use, but by the search itself and by mailboxes that drop their
//       oldest, which have none. What comes in front of a list (unstash) shows in its first.
//   RE2 Marks outlive a receive only into one for the same type, in the same handler.
//   RE3 A message that fits goes before a time that is up.
#pragma once

#include <sluice/receiving.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

/// Of a process, made by its first receive.
struct receive_marks {
  struct mark {
    envelope* seen = nullptr;  ///< the last one that was looked at; null = none
    const envelope* first = nullptr;
  };
  const message_type* wanted = nullptr;  ///< what all that was seen is not; null = nobody knows
  mark deferred;
  mark lanes[lane_count];
};

/// How many messages one turn looks at.
inline constexpr std::uint32_t search_max = 4096;

struct mail_search {
  envelope* found = nullptr;  ///< out of its list; the caller's
  bool is_over = true;        ///< false: there is more to look at
};

/// Owner, its handler receives, control mail served: looks for the message. A predicate that throws
/// settles the wait.
[[nodiscard]] mail_search search_mail(slot& self) noexcept;
/// Settles the wait with `found`, which is left moved from.
void settle_received(slot& self, envelope& found) noexcept;
/// Nothing in the mailbox fits. True: the process may sleep; false: the wait is settled.
[[nodiscard]] bool sleep_until_received(execution& by, slot& self) noexcept;
/// Whether all that was in the mailbox at its begin has been looked at.
[[nodiscard]] bool has_seen_all(const slot& self) noexcept;
/// The handler is over or waits for something else (RE2).
void forget_marks(slot& self) noexcept;

}  // namespace sluice::inline v0::core
