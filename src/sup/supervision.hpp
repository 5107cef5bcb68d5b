// supervision: what a supervisor decides, as a pure machine: (state, event) -> actions.
//
// What: the children in the order of their start, each in exactly one state, and what is to be done
//   next. It starts nothing and reads no clock: the executor (executor.hpp) performs the actions
//   and reports what became of them; tests do so without a runtime.
// Who: one thread.
// Progress: an event costs O(1) for one_for_one and simple_one_for_one, O(children) for the
//   strategies that restart groups and for stops in order.
//
//            start   started  failed    ended       stop, disable,  its turn   patience  resume
//                                                   delete, group   to end     over
//  down      due     -        -         -           down*           -          -         -
//  disabled  refused -        -         -           disabled*       -          -         -
//  due       due     -        -         -           down*           -          -         starting
//  starting  -       up       judged    -           -               -          -         -
//  up        refused -        -         judged      leaving         -          -         -
//  leaving   (due)   -        -         (then)      leaving         asked!ask  -         -
//  asked     (due)   -        -         (then)      asked           -          killed!kill -
//  killed    (due)   -        -         (then)      killed          -          -         -
//  (then) = what was wanted after it: down, due, disabled or forgotten · (due) = then due
//  * or forgotten, if that was asked for · judged = by policy, limits and strategy · "-" = a bug,
//  or an event that came late and is dropped (timers)
//
// Rules:
//   SV1 A child is started only when it is due, and one at a time; asked or killed only when it
//       runs.
//   SV2 In a group restart nobody is started before everybody who goes has gone; then in order.
//   SV3 Stops in order: the next is asked when the one before has ended.
//   SV4 A failure is counted once: by the child's own limit if it has one, else by the
//       supervisor's.
//   SV5 Who was stopped by hand or ended for good stays so in the restarts of its siblings.
//   SV6 finish comes once; after it there are no actions and events change nothing.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sluice/result.hpp>
#include <sluice/supervision.hpp>

#include "base/clock.hpp"
#include "sup/backoff.hpp"
#include "sup/restart_window.hpp"

namespace sluice::inline v0::sup {

/// Names a child; used again after it was forgotten.
using child_key = std::uint32_t;
inline constexpr child_key no_child = UINT32_MAX;

enum class action_kind : std::uint8_t {
  start,    ///< start it; report on_started or on_start_failed
  ask,      ///< ask it to end; after delay_ns (if not no_deadline) report on_timer
  kill,     ///< it did not end in time
  wait,     ///< report on_timer after delay_ns
  settled,  ///< it has come to down, disabled or up: who asked for that is to be told
  forget,   ///< the key names nobody from here on
  finish,   ///< the supervisor ends; see outcome()
};

struct action {
  action_kind what;
  child_key child = no_child;
  std::uint64_t attempt = 0;  ///< of ask and wait: comes back with on_timer
  base::nanoseconds_t delay_ns = base::no_deadline;
};

enum class end_kind : bool { normal, abnormal };

/// Why the supervisor ends.
enum class supervision_outcome : std::uint8_t {
  none,
  stopped,            ///< it was asked to
  limit_reached,      ///< one restart too many
  significant_ended,  ///< auto_shutdown
  start_failed,       ///< a child did not start when the supervisor began
};

class supervision {
 public:
  /// `seed` decides the jitter of backoffs.
  supervision(const supervisor_options& options, std::uint64_t seed);
  void reseed(std::uint64_t seed) noexcept { random_ = seed; }

  // -- what is known
  /// Adds a child without starting it: before begin(), or followed by start() of it. Errors:
  /// name_taken (the id), bad_argument, stopping.
  [[nodiscard]] result<child_key> add(const child_options& options);
  [[nodiscard]] child_key find(std::string_view id) const noexcept;
  [[nodiscard]] child_key first() const noexcept { return head_; }
  [[nodiscard]] child_key after(child_key key) const noexcept { return children_[key].next; }
  [[nodiscard]] child_state state_of(child_key key) const noexcept { return children_[key].state; }
  [[nodiscard]] std::uint32_t restarts_of(child_key key) const noexcept {
    return children_[key].restarts;
  }
  [[nodiscard]] const std::string& id_of(child_key key) const noexcept { return children_[key].id; }
  [[nodiscard]] bool is_known(child_key key) const noexcept;
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t count(child_state state) const noexcept {
    return counts_[static_cast<unsigned>(state)];
  }
  [[nodiscard]] supervision_outcome outcome() const noexcept { return outcome_; }

  // -- events; each is followed by next_action() until there is none
  void on_begin();
  void on_started(child_key key, base::nanoseconds_t now_ns);
  /// `is_final`: nothing can be started any more (the node stops), so it is not tried again.
  void on_start_failed(child_key key, base::nanoseconds_t now_ns, bool is_final = false);
  void on_ended(child_key key, end_kind how, base::nanoseconds_t now_ns);
  void on_timer(child_key key, std::uint64_t attempt);
  void on_stop();

  // -- commands. Errors: already_started, bad_argument (disabled), stopping
  [[nodiscard]] result<void> start(child_key key);
  [[nodiscard]] result<void> stop(child_key key);
  /// Ends it and starts it again; is no failure. One that is down is started.
  [[nodiscard]] result<void> restart(child_key key);
  [[nodiscard]] result<void> enable(child_key key);
  [[nodiscard]] result<void> disable(child_key key);
  /// Stops and forgets it.
  [[nodiscard]] result<void> remove(child_key key);

  /// False: nothing is left to be done for now.
  [[nodiscard]] bool next_action(action& what);

 private:
  enum class then : std::uint8_t { down, due, disabled, forgotten };

  struct child {
    std::string id;
    restart_policy policy;
    base::nanoseconds_t patience_ns;
    bool is_significant;
    bool has_budget;
    restart_window budget;
    sup::backoff backoff;
    child_state state = child_state::down;
    then next_state = then::down;  // of leaving, asked and killed
    bool is_by_hand = true;        // the start it is due for: a failure is no reason to try again
    bool is_new = true;            // it has never run: a start that fails forgets it
    bool is_ready = false;         // stands in ready_
    bool is_used = true;           // false: the place of a forgotten child
    std::uint64_t attempt = 0;     // of the timer that it waits for
    base::nanoseconds_t started_ns = 0;
    std::uint32_t restarts = 0;
    child_key previous = no_child;
    child_key next = no_child;
  };

  [[nodiscard]] bool is_simple() const noexcept;
  [[nodiscard]] bool restarts_groups() const noexcept;
  [[nodiscard]] bool is_forgotten_when_down(const child& which) const noexcept;
  [[nodiscard]] std::uint32_t count_going() const noexcept;
  [[nodiscard]] double chance() noexcept;

  void set_state(child& which, child_state state) noexcept;
  void make_ready(child_key key);
  void clear_ready() noexcept;
  void make_due(child_key key, bool is_by_hand);
  void settle(child_key key, child_state state);
  void forget(child_key key);
  void leave(child_key key, then next_state);
  void finish_leaving(child_key key);
  void ask(child_key key);
  [[nodiscard]] result<void> stop_then(child_key key, then next_state);

  void judge(child_key key, end_kind how, base::nanoseconds_t now_ns,
             base::nanoseconds_t wait_min_ns);
  void retire(child_key key);
  void pull_group_down(child_key failed);
  void begin_stop(supervision_outcome why);
  void give_up_beginning();
  void advance();
  void issue_stops();
  void issue_starts();
  void finish();
  void emit(action_kind what, child_key key) { actions_.push_back({what, key}); }

  supervisor_options options_;
  restart_window window_;
  std::uint64_t random_;
  std::vector<child> children_;  // by key
  std::vector<child_key> free_keys_;
  std::unordered_map<std::string, child_key> by_id_;
  child_key head_ = no_child;  // in the order of their start
  child_key tail_ = no_child;
  child_key stop_cursor_ = no_child;  // nobody behind it is leaving
  std::deque<child_key> ready_;       // to be started now
  std::deque<action> actions_;
  std::array<std::uint32_t, 8> counts_{};
  std::uint32_t count_ = 0;
  std::uint32_t significant_active_ = 0;
  std::uint64_t attempts_ = 0;
  std::uint64_t group_attempt_ = 0;    // of the timer that a group restart waits for
  child_key group_failed_ = no_child;  // whose timer that is: it goes when the child is forgotten
  supervision_outcome outcome_ = supervision_outcome::none;
  bool is_beginning_ = false;
  bool is_finished_ = false;
};

}  // namespace sluice::inline v0::sup
