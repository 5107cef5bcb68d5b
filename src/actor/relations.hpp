// relations: the links and monitors of one process or meta, and the signals that keep both sides
// alike.
//
// Nobody reads or writes another's table: a link or monitor is asked for by a message in the urgent
// lane of the other one, ended by one, and both tables are told of by messages. Signals from one to
// another keep their order, since they share that lane; only `down` travels as system mail, because
// it is a message in the end.
//
// One side of a link, by what its table says of the other:
//              link()       link comes  unlink()        unlink comes  done comes  exit comes
//   (none)     linked, ask  linked      -               done          -           dropped
//   linked     -            -           unlinking, ask  (none), done  -           (none), taken
//   unlinking  linked, ask  -           -               done          (none)      (none), dropped
//   "link comes" says nothing to one that is unlinking: it was sent before the other knew.
//   "done comes" counts if it names the last unlink(). "exit comes" is the end of the other: for
//   one that traps, the entry stays `told` until the message for it was handled, so that unlink()
//   can take it back.
//
// A monitor: watching at the watcher, noted at the watched by the same ref. `down` finds the ref or
// is dropped.
//
// Rules:
//   LM1 The end of one is told by its slot's last owner after everything else is done (life L2):
//       nothing is lost between, for a signal either is in the mailbox when it closes, and is
//       obeyed then, or is refused, and says no_process for itself.
//   LM2 Exit and down messages that wait their turn are queued behind what their sender sent
//       before: they go to the end of the main lane, which has it all by then.
//   LM3 No end tells more than tell_max others in one go; the rest waits its turn in a run queue,
//       in the name of the slot that ended.
#pragma once

#include <cstdint>

#include <sluice/linking.hpp>

#include "actor/small_table.hpp"

namespace sluice::inline v0::core {

/// The other one in a relation; of this node.
struct party {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  [[nodiscard]] std::uint64_t key() const noexcept {
    return std::uint64_t{generation} << 32 | slot;
  }
  friend bool operator==(const party&, const party&) = default;
};

enum class link_state : std::uint8_t { none, linked, unlinking };

struct link_entry {
  std::uint64_t key = 0;  ///< party
  std::uint64_t unlink_number = 0;
  std::uint64_t told_from = 0;   ///< exit messages from this number on are wanted
  std::uint32_t told_count = 0;  ///< so many wait in the mailbox
  link_state state = link_state::none;
};

struct monitor_entry {
  std::uint64_t key = 0;  ///< ref
  address target;         ///< as it was named
  party of{};
  bool is_told = false;  ///< its `down` waits in the mailbox
};

struct watcher_entry {
  std::uint64_t key = 0;  ///< ref
  party who{};
};

struct relations {
  static constexpr std::uint32_t tell_max = 128;

  small_table<link_entry, 2> links;
  small_table<monitor_entry, 1> monitors;
  small_table<watcher_entry, 1> watchers;
  party spawned_by{};  ///< if spawned with `link`; else nobody
  bool traps_exit = false;
  std::uint64_t last_number = 0;  ///< of exit messages and unlinks

  // Of the end that is being told (LM3).
  exit_reason ending{};
  std::uint8_t told_tables = 0;
  std::uint32_t cursor = 0;
};

}  // namespace sluice::inline v0::core
