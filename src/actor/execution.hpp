// execution: one thread at work for one node. Who is running, what it sends with, what it counts.
//
// Every scheduler has one, every blocking meta's thread has one, and a foreign thread gets one per
// node it talks to. A send needs nothing else: blocks, the chain being built, counters.
// Who: its own thread only; the counters may be read by anyone. The hot part is in delivery.hpp.
// Rules:
//   X1 A message is counted as sent before it is pushed, and as handled, dropped or rejected after.
//   X2 A chain (second and later sends in a row to one receiver on one lane) is published when the
//      target changes, at chain_limit_, at the end of the handler, and before anything that lets
//      others observe this process: spawn, register, ring submission, yield. Causal order is kept.
//   X3 Between the push that grants the right to run and the scheduling of the receiver nothing is
//      allocated, logged or called.
//   X4 Within a chain `older` points chain_look_ahead messages ahead: the receiver, perhaps on
//      another core, fetches that line while it handles this message. Only the chain's last uses it
//      as a link.
#pragma once

#include <cstdint>

#include <sluice/batch.hpp>
#include <sluice/exit_reason.hpp>
#include <sluice/message.hpp>

#include "actor/kind_book.hpp"
#include "actor/slot.hpp"
#include "actor/slot_table.hpp"
#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "io/turn_hook.hpp"
#include "mem/cache.hpp"

namespace sluice::inline v0::sched {
class worker;
}

namespace sluice::inline v0::core {

struct node_core;

/// Why a message was not handled. The first group is counted as rejected: the sender was told.
enum class dead_letter : std::uint8_t {
  unknown,         ///< rejected: no such address at the time of the send
  full,            ///< rejected: bounded mailbox
  stopping,        ///< rejected: the node stops
  stale,           ///< dropped: the receiver ended and its slot has another tenant
  receiver_ended,  ///< dropped: still queued when the receiver ended
  unhandled,       ///< dropped: the receiver has no handler for the type
  cancelled,       ///< dropped: a timer was cancelled, or fired for a dead receiver
  overflowed,      ///< dropped: the oldest of a mailbox that is full and takes new ones
};
inline constexpr unsigned dead_letter_kinds = 8;

/// Single-writer counters of one execution; readers use relaxed loads.
struct execution_counters {
  using counter = base::atomic<std::uint64_t>;
  counter sent{0};
  counter handled{0};
  counter dead[dead_letter_kinds] = {};
  counter spawned{0};
  counter ended{0};
  counter envelopes_made{0};
  counter envelopes_freed{0};
  counter late_completions{0};  ///< of handled: their request was over
  counter timed{0};             ///< envelopes that timers took, and…
  counter timed_over{0};        ///< …that they let go
  counter suspended{0};         ///< envelopes whose handlers began to wait, and…
  counter suspended_over{0};    ///< …whose waits were settled
  counter handed_over{0};       ///< pushed to the fallback of a full mailbox
};

class execution {
 public:
  static constexpr std::uint32_t chain_first_max = 32;  ///< doubles with each chain of a run…
  static constexpr std::uint32_t chain_max = 512;       ///< …up to this
  static constexpr std::uint32_t chain_look_ahead = 16;

  execution(node_core& of, sched::worker* on, mem::cache& from) noexcept;
  execution(const execution&) = delete;
  execution& operator=(const execution&) = delete;

  node_core& node;
  sched::worker* const worker;  ///< null on threads that run no schedulable work
  mem::cache& blocks;
  slot* running = nullptr;             ///< whose flow is under way, or null
  envelope* current = nullptr;         ///< the message being handled, or null
  exit_reason ending{};                ///< why the running flow wants to end; set with wants_exit
  envelope* last_of_ending = nullptr;  ///< the block of the message that asked for that end
  /// Foreign threads: the node has stopped and let go of it.
  base::atomic<bool> is_detached{false};
  bool needs_rundown = false;  ///< a blocking meta's own thread: it may outlive the node
  /// The process at work lingers once its handler waits, so a call may leave its deadline open.
  bool may_leave_open = false;
  std::uint64_t next_ref = 0;  ///< numbers this thread may give away, up to refs_end
  std::uint64_t refs_end = 0;
  slot_cache free_slots;
  execution_counters counters;
  base::tick_clock clock;  ///< of deadlines
  kind_book kinds;

  /// A block for an envelope of class `block`; null when memory is out (an arena limit).
  [[nodiscard]] envelope* make_envelope(std::uint8_t block, std::size_t bytes) noexcept;
  /// The same from what this thread has at hand, not from the heap; null: try make_envelope.
  [[nodiscard]] envelope* make_quickly(std::uint8_t block) noexcept;
  /// The same, for messages that must never be refused: falls back on the reserve, then the heap.
  [[nodiscard]] envelope* make_urgent_envelope(std::uint8_t block, std::size_t bytes) noexcept;
  /// Destroys the payload and gives the block back.
  void free_envelope(envelope* done) noexcept {
    destroy_payload(done);
    free_block(done);
  }
  static void destroy_payload(envelope* done) noexcept {
    if (done->type->destroy != nullptr) done->type->destroy(done->payload());
  }
  /// The envelope without its payload.
  void free_block(envelope* done) noexcept;

  /// Sends `carried` (type, payload and `from` set) to slot + generation of this node. Takes it
  /// over in every case.
  send_outcome deliver(envelope* carried, std::uint32_t to_slot, std::uint32_t to_generation,
                       priority lane) noexcept {
    base::add_single_writer(counters.sent, std::uint64_t{1});  // X1
    return deliver_counted(carried, to_slot, to_generation, lane);
  }
  /// The same for a message that was counted as sent before (a timer).
  send_outcome deliver_counted(envelope* carried, std::uint32_t to_slot,
                               std::uint32_t to_generation, priority lane) noexcept;
  /// Sends one message of a fan-out, in the lane of users: its receiver runs behind what is
  /// runnable here. (That each displaces the one before from the LIFO slot would be an exchange a
  /// message.)
  send_outcome deliver_behind(envelope* carried, std::uint32_t to_slot,
                              std::uint32_t to_generation) noexcept;
  /// Sends a batch in the name of `signer` (null: of whose flow it is); see batch.hpp.
  batch_outcome deliver_batch(const batch_source& source, slot* signer, address to,
                              priority lane) noexcept;
  /// The same in the lane of users, if the receiver has room; false: `carried` is still the
  /// caller's.
  [[nodiscard]] bool deliver_if_room(slot& to, envelope* carried, std::uint32_t to_generation,
                                     send_outcome& sent) noexcept;
  /// The slot while this generation lives there, or null.
  [[nodiscard]] slot* find_tenant(std::uint32_t index, std::uint32_t generation) const noexcept;
  /// Credits of a bounded receiver.
  [[nodiscard]] static std::uint32_t credits_max(const slot& to) noexcept;
  /// Publishes the chain under construction, if any.
  void flush_chain() noexcept {
    if (chain_last_ != nullptr) publish_chain();
    chain_target_ = nullptr;
  }
  /// Whether messages wait to be published.
  [[nodiscard]] bool has_chain() const noexcept { return chain_last_ != nullptr; }
  /// Whether sends since the last flush may still be chained: end_run_of_sends() is owed.
  [[nodiscard]] bool has_run_of_sends() const noexcept { return chain_target_ != nullptr; }
  /// At the end of a handler.
  void end_run_of_sends() noexcept {
    if (chain_target_ != nullptr) flush_chain();
  }
  /// The same for what callbacks of a driver sent: to be called after their turn.
  io::bound_hook<execution, &execution::end_run_of_sends> turn_end{*this};

  /// On a worker: whether a message may be handed off to this process; it was taken for that, and
  /// hand_message must follow.
  [[nodiscard]] bool take_for_hand_off(slot& to) noexcept;

  /// Grants the right to run `ready` to the right queue.
  void schedule(slot& ready) noexcept;

  /// Accounts a message that will not be handled, and lets a request answer itself.
  void count_dead(envelope& dead, dead_letter why) noexcept;
  /// The same, and frees it.
  void bury(envelope* dead, dead_letter why) noexcept;
  /// The same for a whole take (newest chain, linked by `older`). Returns how many.
  std::uint64_t bury_take(envelope* newest, dead_letter why) noexcept;

 private:
  send_outcome push(slot& to, envelope* last, bool is_control) noexcept;
  send_outcome push_unbounded(slot& to, envelope* last, bool is_control) noexcept;
  [[gnu::noinline]] send_outcome push_bounded(slot& to, envelope* last) noexcept;
  [[gnu::noinline]] send_outcome push_after_all(envelope* carried, slot& to,
                                                priority lane) noexcept;
  [[gnu::noinline]] send_outcome deliver_by_hand(envelope* carried, slot& to,
                                                 priority lane) noexcept;
  [[gnu::noinline]] send_outcome deliver_past_chain(envelope* carried, slot& to,
                                                    priority lane) noexcept;
  [[gnu::cold]] send_outcome push_refused(slot& to, envelope* last) noexcept;
  send_outcome forward_chain(slot& owner, std::uint32_t generation, envelope* last) noexcept;
  [[nodiscard]] bool take_credit(slot& to, envelope* last) noexcept;
  [[gnu::cold]] void give_back_credit(slot& to) noexcept;
  [[gnu::cold]] send_outcome push_overflowing(slot& to, envelope* last) noexcept;
  [[nodiscard]] bool hand_over(slot& full, envelope* carried) noexcept;
  [[gnu::noinline]] void schedule_elsewhere(slot& ready) noexcept;
  /// An envelope in `memory`, which is of class `block`; null stays null.
  [[nodiscard]] envelope* place_envelope(void* memory, std::uint8_t block) noexcept;
  void publish_chain() noexcept;
  void publish_and_grow() noexcept;
  send_outcome reject(envelope* carried, dead_letter why, std::uint32_t to_slot) noexcept;
  [[gnu::cold]] void report_dead(const envelope& dead, dead_letter why) noexcept;

  /// lane_may_grow on the only worker that runs processes: they are all its own to take from.
  const std::uint8_t lane_bits_;
  std::uint32_t refused_by_ = slot::no_slot;  // while a refused message is buried: whose it was

  // The chain under construction: receiver, lane, its last envelope (circular) and its length.
  slot* chain_target_ = nullptr;
  std::uint32_t chain_generation_ = 0;
  priority chain_lane_ = priority::main;
  std::uint32_t chain_count_ = 0;
  std::uint32_t chain_limit_ = chain_first_max;
  envelope* chain_last_ = nullptr;
  envelope* chain_window_[chain_look_ahead] = {};
};

/// The execution of the calling thread, or null on a foreign one.
[[nodiscard]] execution* current_execution() noexcept;
void set_current_execution(execution* now) noexcept;

}  // namespace sluice::inline v0::core
