// slot: the place of one process or meta process. Type-stable: never unmapped while the node lives.
//
// Two cache lines. Senders touch the first, the owner both. A slot is free, or has one tenant; the
// tenant's identity is slot index + generation, and a generation is never used twice (S3).
//
// Rules:
//   S1 Who holds the right to run (mailbox M1) owns everything below but the words marked "any".
//   S2 The life state is written by the owner only and never grants ownership.
//   S3 A tenant's end adds one to the generation before the mailbox is closed; a slot that would
//      wrap is retired for ever.
//   S4 An envelope meant for another generation is accounted and dropped by whoever finds it.
#pragma once

#include <cstdint>

#include <sluice/pid.hpp>

#include "actor/lanes.hpp"
#include "actor/mailbox.hpp"
#include "base/atomic.hpp"
#include "sched/work.hpp"

namespace sluice::inline v0::core {

class execution;
struct behaviour;
struct meta_state;
struct process_extension;

/// alias: of a process, see process_alias.hpp. ended_meta: terminated, and its parent has yet to
/// let go of its place.
enum class slot_kind : std::uint8_t { free, alias, process, io_meta, blocking_meta, ended_meta };

///           spawn      init ok     exit wanted   terminated
/// free      starting   -           -             -
/// starting  -          running     ending        -
/// running   -          -           ending        -
/// ending    -          -           ending        free
enum class life : std::uint8_t { free, starting, running, ending };

/// Children of a process or meta: a CAS-push list whose head carries the parent's generation, so
/// that a push meant for a dead parent fails (PROTOCOLS 9).
struct child_list_head {
  std::uint32_t generation;
  std::uint32_t first;  ///< slot index of the newest child, or none
};

inline constexpr std::uint8_t wants_exit = 1;        ///< execution::ending says why
inline constexpr std::uint8_t wants_suspension = 2;  ///< its handler waits (suspension.hpp)
inline constexpr std::uint8_t wants_resumption = 4;  ///< what its handler waited for is there
inline constexpr std::uint8_t wants_yield = 8;       ///< to the tail of the run queue
inline constexpr std::uint8_t wants_receive = 16;    ///< with wants_suspension: for its own mail

struct alignas(base::cache_line_bytes) slot {
  static constexpr std::uint32_t no_slot = UINT32_MAX;

  // -- written by senders and by the owner
  mailbox box;                                    // any
  base::atomic<std::uint32_t> generation{1};      // owner; any reads
  std::uint32_t index = 0;                        // set once
  sched::work job;                                // whoever holds the right to run
  base::atomic<std::uint64_t> children{0};        // any: packed child_list_head
  base::atomic<std::int32_t> prune_countdown{0};  // any: dead children until the owner is told
  base::atomic<std::uint32_t> bounded_count{0};   // any: user messages queued, if bounded
  // 0 = unbounded; the high bits: its policy. Set by the spawner; any reads.
  base::atomic<std::uint32_t> bounded_max{0};
  base::atomic<slot_kind> kind{slot_kind::free};  // owner; any reads
  life state = life::free;
  std::uint8_t is_named = 0;
  std::uint8_t wants = 0;  // owner: wants_… bits, looked at once after each handler
  union {
    meta_state* meta = nullptr;    // metas only; type-stable while linked to a parent
    process_extension* extension;  // processes only: null until something needs one
  };

  // -- owner only
  alignas(base::cache_line_bytes) base::atomic<execution*> running_on{nullptr};  // owner stamp
  void* object = nullptr;
  const behaviour* what = nullptr;
  lanes mail;
};
static_assert(sizeof(slot) == 2 * base::cache_line_bytes, "two lines a slot");

[[nodiscard]] inline slot_kind kind_of(const slot& self) noexcept {
  return self.kind.load(base::relaxed);  // Relaxed: owners know it; others take it as a hint.
}
[[nodiscard]] inline bool is_bounded(const slot& to) noexcept {
  // Relaxed: a sender late for the last tenant may read the next one's; its message is stale then.
  return to.bounded_max.load(base::relaxed) != 0;
}
[[nodiscard]] inline bool has_exit_wanted(const slot& self) noexcept {
  return (self.wants & wants_exit) != 0;
}
inline constexpr std::uint32_t bound_drops_oldest = 1u << 31;
/// To its entry in node_core::fallbacks.
inline constexpr std::uint32_t bound_hands_over = 1u << 30;
/// In bounded_count: somebody waits for room (room.hpp).
inline constexpr std::uint32_t room_mark = 1u << 31;
inline constexpr std::uint32_t bound_flags = bound_drops_oldest | bound_hands_over;
[[nodiscard]] inline bool is_meta(const slot& self) noexcept {
  return kind_of(self) >= slot_kind::io_meta;
}

[[nodiscard]] constexpr std::uint64_t pack(child_list_head head) noexcept {
  return std::uint64_t{head.generation} << 32 | head.first;
}
[[nodiscard]] constexpr child_list_head unpack(std::uint64_t word) noexcept {
  return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
}

}  // namespace sluice::inline v0::core
