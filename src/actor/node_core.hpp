// node_core: what the actor layer shares within one node.
//
// Built and owned by the node layer; every execution refers to it. No logic of its own beyond
// counting and asking "may this still begin".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "actor/call_graph.hpp"
#include "actor/dead_letter_watchers.hpp"
#include "actor/environment.hpp"
#include "actor/event_directory.hpp"
#include "actor/execution.hpp"
#include "actor/fallback_table.hpp"
#include "actor/group_directory.hpp"
#include "actor/log_outputs.hpp"
#include "actor/name_registry.hpp"
#include "actor/offload_pool.hpp"
#include "actor/room.hpp"
#include "actor/slot_table.hpp"
#include "actor/stop_order.hpp"
#include "base/atomic.hpp"
#include "base/clock.hpp"

namespace sluice::inline v0::sched {
class scheduler;
}

namespace sluice::inline v0::core {

///           start    stop          everything ended
/// built     running  stopped       -
/// running   -        stopping      -
/// stopping  -        (refused)     stopped
enum class node_phase : std::uint32_t { built, running, stopping, stopped };

enum class log_level : std::uint8_t { debug, info, warning, error };
using log_function = std::function<void(log_level, std::string_view)>;

/// Budgets of one activation: it yields at whichever comes first.
struct activation_budget {
  std::uint32_t messages_max = 512;
  std::uint32_t clock_interval = 64;  ///< messages between two looks at the tick counter
  std::uint64_t ticks_max = 0;        ///< set from a time at node start
};

/// Sums over all executions; exact when nothing runs.
struct message_totals {
  std::uint64_t sent = 0;
  std::uint64_t handled = 0;
  std::uint64_t dead[dead_letter_kinds] = {};
  std::uint64_t spawned = 0;
  std::uint64_t ended = 0;
  std::uint64_t envelopes_made = 0;
  std::uint64_t envelopes_freed = 0;
  std::uint64_t late_completions = 0;
  std::uint64_t timed = 0;      ///< envelopes that wait on timers
  std::uint64_t suspended = 0;  ///< envelopes whose handlers wait
  std::uint64_t handed_over = 0;

  [[nodiscard]] std::uint64_t rejected() const noexcept { return dead[0] + dead[1] + dead[2]; }
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dead[3] + dead[4] + dead[5] + dead[6] + dead[7];
  }
  /// Envelopes that wait for something else than a scheduler.
  [[nodiscard]] std::uint64_t at_rest() const noexcept { return timed + suspended; }
  /// Envelopes that exist: from the pool's side, not from the law it is to prove.
  [[nodiscard]] std::uint64_t outstanding() const noexcept {
    return envelopes_made - envelopes_freed;
  }
  void add_consumed(const execution_counters& counters) noexcept;
  void add_sent(const execution_counters& counters) noexcept;
};

class blocking_threads;
class gate;
class send_tap;

struct node_core {
  static constexpr std::size_t log_bytes_max = 4096;  ///< of one line

  explicit node_core(std::uint32_t slots_max) : slots(slots_max) {}

  std::uint32_t id = 0;  ///< the `node` of every pid; never 0, never used twice in a program
  slot_table slots;
  name_registry names;
  event_directory events;
  group_directory groups;
  mutable log_outputs outputs;
  dead_letter_watchers watchers;
  stop_order stops_in_order;
  fallback_table fallbacks;
  sched::scheduler* scheduler = nullptr;
  blocking_threads* blocking = nullptr;
  gate* way_in = nullptr;
  send_tap* tap = nullptr;  ///< null but for tests of one process
  activation_budget budget;
  log_function log;
  environment env;
  base::atomic<slot*> root{nullptr};    ///< the root process's place, from start on
  std::uint32_t ring_worker_first = 0;  ///< workers [first, first + count) own rings
  std::uint32_t ring_worker_count = 0;
  base::atomic<std::uint32_t> next_ring{0};
  room_table rooms;      ///< who waits for room
  call_graph calls;      ///< debug builds only
  offload_pool helpers;  ///< threads of their own for what blocks
  /// Names being looked up; outlives the node with the threads that do it.
  std::shared_ptr<base::atomic<std::uint32_t>> resolving =
      std::make_shared<base::atomic<std::uint32_t>>(0);
  base::atomic<std::uint64_t> next_refs{1};    ///< threads take them by the thousand; 0 names none
  base::atomic<std::uint32_t> quarantined{0};  ///< blocking metas that would not end
  /// Changes whenever something ended while the node stops; a futex.
  base::atomic<std::uint32_t> ended_signal{0};

  [[nodiscard]] node_phase phase() const noexcept {
    // Relaxed: who must be sure asks under the rundown of its thread (foreign_access).
    return static_cast<node_phase>(phase_.load(base::relaxed));
  }
  void set_phase(node_phase now) noexcept {
    phase_.store(static_cast<std::uint32_t>(now), base::relaxed);  // Relaxed: as above.
  }
  /// While it is built only its root comes: the calls of the node say not_started.
  [[nodiscard]] bool may_spawn() const noexcept { return phase() <= node_phase::running; }

  void attach(execution& by);
  /// Folds the counters of a thread that goes, and forgets it.
  void detach(execution& by) noexcept;
  /// The gate is closed: folds the counters of the foreign threads, which may free theirs then.
  void detach_foreign() noexcept;
  [[nodiscard]] message_totals totals() const;
  /// By behaviour; never more that ended than were spawned.
  [[nodiscard]] std::vector<kind_totals> kinds() const;

  /// To the log, of those that somebody may want to know of: unhandled, unknown.
  void report_dead_letter(const envelope& dead, dead_letter why) noexcept;
  /// A line of the runtime's own.
  void write_log(log_level level, std::string_view text) const noexcept;
  /// Takes what is escaped already; adds the time.
  void write_record(log_record&& line) const noexcept;

  /// After something ended: wakes a stop() that waits for it.
  void note_ended() noexcept;

 private:
  void fold(const execution& by) noexcept;
  void say(const log_record& line) const;

  base::atomic<std::uint32_t> phase_{static_cast<std::uint32_t>(node_phase::built)};
  mutable std::mutex executions_guard_;
  std::vector<execution*> executions_;
  message_totals folded_;
  std::vector<kind_totals> folded_kinds_;
  base::atomic<base::nanoseconds_t> next_report_ns_{0};
  base::atomic<std::uint64_t> unreported_{0};
};

[[nodiscard]] const char* to_string(dead_letter why) noexcept;

}  // namespace sluice::inline v0::core
