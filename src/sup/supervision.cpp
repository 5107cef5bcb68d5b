#include "sup/supervision.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace sluice::inline v0::sup {

namespace {

// A start that failed is not tried again within the same turn, whatever the limits say.
constexpr base::nanoseconds_t failed_start_pause_ns = 1'000'000;

bool is_active(child_state state) noexcept {
  return state != child_state::down && state != child_state::disabled;
}

}  // namespace

supervision::supervision(const supervisor_options& options, std::uint64_t seed)
    : options_(options), window_(options.limit), random_(seed) {}

bool supervision::is_simple() const noexcept {
  return options_.strategy == restart_strategy::simple_one_for_one;
}
bool supervision::restarts_groups() const noexcept {
  return options_.strategy == restart_strategy::all_for_one ||
         options_.strategy == restart_strategy::rest_for_one;
}
bool supervision::is_forgotten_when_down(const child& which) const noexcept {
  return is_simple() || which.policy == restart_policy::temporary;
}
bool supervision::is_known(child_key key) const noexcept {
  return key < children_.size() && children_[key].is_used;
}
std::uint32_t supervision::count_going() const noexcept {
  return count(child_state::leaving) + count(child_state::asked) + count(child_state::killed);
}

// splitmix64.
double supervision::chance() noexcept {
  std::uint64_t z = random_ += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

child_key supervision::find(std::string_view id) const noexcept {
  const auto found = by_id_.find(std::string{id});
  return found == by_id_.end() ? no_child : found->second;
}

// -- events

void supervision::on_begin() {
  is_beginning_ = true;
  for (child_key key = head_; key != no_child; key = children_[key].next) {
    if (children_[key].state == child_state::down) {
      set_state(children_[key], child_state::due);
      make_ready(key);
    }
  }
  advance();
}

void supervision::on_started(child_key key, base::nanoseconds_t now_ns) {
  child& which = children_[key];
  SLUICE_ASSERT(which.state == child_state::starting, "a child was started that was not due");
  which.started_ns = now_ns;
  which.is_new = false;
  settle(key, child_state::up);
  advance();
}

void supervision::on_start_failed(child_key key, base::nanoseconds_t now_ns, bool is_final) {
  child& which = children_[key];
  SLUICE_ASSERT(which.state == child_state::starting, "a child was started that was not due");
  if (is_beginning_) return give_up_beginning();
  if (which.is_by_hand || is_final) {
    const bool is_lost = which.is_new || is_forgotten_when_down(which);
    settle(key, child_state::down);
    if (is_lost) forget(key);
  } else {
    which.started_ns = now_ns;  // It has not run.
    judge(key, end_kind::abnormal, now_ns, failed_start_pause_ns);
  }
  advance();
}

void supervision::on_ended(child_key key, end_kind how, base::nanoseconds_t now_ns) {
  if (is_finished_) return;
  switch (children_[key].state) {
    case child_state::up: judge(key, how, now_ns, 0); break;
    case child_state::leaving:
    case child_state::asked:
    case child_state::killed: finish_leaving(key); break;
    default: SLUICE_ASSERT(false, "a child ended that was not running");
  }
  advance();
}

void supervision::on_timer(child_key key, std::uint64_t attempt) {
  if (is_finished_) return;
  if (attempt == group_attempt_) {
    group_attempt_ = 0;
    return advance();
  }
  if (!is_known(key) || children_[key].attempt != attempt) return;
  child& which = children_[key];
  which.attempt = 0;
  if (which.state == child_state::due) {
    make_ready(key);
  } else if (which.state == child_state::asked) {
    set_state(which, child_state::killed);
    emit(action_kind::kill, key);
  }
  advance();
}

void supervision::on_stop() {
  if (is_finished_) return;
  begin_stop(supervision_outcome::stopped);
  advance();
}

bool supervision::next_action(action& what) {
  if (actions_.empty()) return false;
  what = actions_.front();
  actions_.pop_front();
  return true;
}

// -- decisions

// A child has ended by itself, or would not start: what becomes of it and of its siblings.
void supervision::judge(child_key key, end_kind how, base::nanoseconds_t now_ns,
                        base::nanoseconds_t wait_min_ns) {
  child& which = children_[key];
  const bool is_restarted =
      which.policy == restart_policy::permanent ||
      (which.policy == restart_policy::transient && how == end_kind::abnormal);
  if (!is_restarted) return retire(key);
  if (which.has_budget) {  // SV4
    if (!which.budget.admit(now_ns)) return settle(key, child_state::disabled);
  } else if (!window_.admit(now_ns)) {
    set_state(which, child_state::down);
    return begin_stop(supervision_outcome::limit_reached);
  }
  ++which.restarts;
  const base::nanoseconds_t wait_ns =
      std::max(wait_min_ns, which.backoff.next_wait_ns(now_ns - which.started_ns, chance()));
  set_state(which, child_state::due);
  which.is_by_hand = false;
  which.attempt = 0;
  if (restarts_groups()) pull_group_down(key);
  if (wait_ns == 0) return make_due(key, false);
  const std::uint64_t attempt = ++attempts_;
  (restarts_groups() ? group_attempt_ : which.attempt) = attempt;
  group_failed_ = key;
  actions_.push_back({action_kind::wait, key, attempt, wait_ns});
}

// It ended by itself and is not restarted.
void supervision::retire(child_key key) {
  child& which = children_[key];
  const bool is_significant = which.is_significant;
  settle(key, child_state::down);
  if (is_forgotten_when_down(which)) forget(key);
  if (!is_significant) return;
  if (options_.shutdown == auto_shutdown::any_significant ||
      (options_.shutdown == auto_shutdown::all_significant && significant_active_ == 0)) {
    begin_stop(supervision_outcome::significant_ended);
  }
}

void supervision::pull_group_down(child_key failed) {
  clear_ready();
  const bool is_rest = options_.strategy == restart_strategy::rest_for_one;
  for (child_key key = is_rest ? children_[failed].next : head_; key != no_child;) {
    const child_key following = children_[key].next;
    if (children_[key].state == child_state::up) {  // SV5: nobody else.
      const bool is_temporary = children_[key].policy == restart_policy::temporary;
      leave(key, is_temporary ? then::down : then::due);
    }
    key = following;
  }
}

void supervision::begin_stop(supervision_outcome why) {
  if (outcome_ != supervision_outcome::none) return;
  outcome_ = why;
  clear_ready();
  group_attempt_ = 0;
  for (child_key key = head_; key != no_child;) {
    const child_key following = children_[key].next;
    child& which = children_[key];
    switch (which.state) {
      case child_state::up: leave(key, then::down); break;
      case child_state::due: settle(key, child_state::down); break;
      case child_state::leaving:
      case child_state::asked:
      case child_state::killed:
        if (which.next_state == then::due) which.next_state = then::down;
        break;
      default: break;
    }
    key = following;
  }
}

// Nobody can wait for the end of those that did start: they are told, and that is all.
void supervision::give_up_beginning() {
  outcome_ = supervision_outcome::start_failed;
  clear_ready();
  for (child_key key = tail_; key != no_child; key = children_[key].previous) {
    child& which = children_[key];
    if (which.state == child_state::up) {
      set_state(which, child_state::asked);
      emit(action_kind::ask, key);
    } else if (which.state != child_state::disabled) {
      set_state(which, child_state::down);
    }
  }
  finish();
}

// -- what follows from the states

void supervision::advance() {
  if (is_finished_) return;
  issue_stops();
  if (outcome_ != supervision_outcome::none) {
    if (count_going() == 0) finish();
    return;
  }
  issue_starts();
}

void supervision::issue_stops() {
  if (count(child_state::leaving) == 0) return;
  const bool is_ordered = options_.keeps_order && !is_simple();
  while (stop_cursor_ != no_child) {
    if (is_ordered && count(child_state::asked) + count(child_state::killed) != 0) return;  // SV3
    const child_key key = stop_cursor_;
    stop_cursor_ = children_[key].previous;
    if (children_[key].state == child_state::leaving) ask(key);
  }
}

void supervision::issue_starts() {
  if (count(child_state::starting) != 0) return;  // SV1
  if (restarts_groups()) {
    if (count_going() != 0 || group_attempt_ != 0) return;  // SV2
    if (ready_.empty() && count(child_state::due) != 0) {
      for (child_key key = head_; key != no_child; key = children_[key].next) {
        if (children_[key].state == child_state::due) make_ready(key);
      }
    }
  }
  while (!ready_.empty()) {
    const child_key key = ready_.front();
    ready_.pop_front();
    child& which = children_[key];
    if (!std::exchange(which.is_ready, false) || which.state != child_state::due) continue;
    which.attempt = 0;
    set_state(which, child_state::starting);
    return emit(action_kind::start, key);
  }
  is_beginning_ = false;
}

void supervision::finish() {
  is_finished_ = true;
  emit(action_kind::finish, no_child);
}

// -- steps

void supervision::set_state(child& which, child_state state) noexcept {
  --counts_[static_cast<unsigned>(which.state)];
  ++counts_[static_cast<unsigned>(state)];
  if (which.is_significant) {
    significant_active_ += is_active(state) ? 1u : 0u;
    significant_active_ -= is_active(which.state) ? 1u : 0u;
  }
  which.state = state;
}

void supervision::make_ready(child_key key) {
  if (std::exchange(children_[key].is_ready, true)) return;
  ready_.push_back(key);
}

void supervision::clear_ready() noexcept {
  for (const child_key key : ready_) children_[key].is_ready = false;
  ready_.clear();
}

// A group collects those that are due when its turn comes.
void supervision::make_due(child_key key, bool is_by_hand) {
  set_state(children_[key], child_state::due);
  children_[key].is_by_hand = is_by_hand;
  children_[key].attempt = 0;
  if (!restarts_groups()) make_ready(key);
}

void supervision::settle(child_key key, child_state state) {
  set_state(children_[key], state);
  children_[key].attempt = 0;
  emit(action_kind::settled, key);
}

void supervision::leave(child_key key, then next_state) {
  set_state(children_[key], child_state::leaving);
  children_[key].next_state = next_state;
  if (!restarts_groups() && outcome_ == supervision_outcome::none) return ask(key);
  stop_cursor_ = tail_;
}

void supervision::ask(child_key key) {
  child& which = children_[key];
  if (which.patience_ns == 0) {
    set_state(which, child_state::killed);
    return emit(action_kind::kill, key);
  }
  set_state(which, child_state::asked);
  which.attempt = ++attempts_;
  actions_.push_back({action_kind::ask, key, which.attempt, which.patience_ns});
}

void supervision::finish_leaving(child_key key) {
  child& which = children_[key];
  switch (which.next_state) {
    case then::due: return make_due(key, false);
    case then::disabled: return settle(key, child_state::disabled);
    case then::forgotten: break;
    case then::down:
      if (is_forgotten_when_down(which)) break;
      return settle(key, child_state::down);
  }
  settle(key, child_state::down);
  forget(key);
}

void supervision::forget(child_key key) {
  child& which = children_[key];
  --counts_[static_cast<unsigned>(which.state)];
  --count_;
  by_id_.erase(which.id);
  (which.previous == no_child ? head_ : children_[which.previous].next) = which.next;
  (which.next == no_child ? tail_ : children_[which.next].previous) = which.previous;
  if (stop_cursor_ == key) stop_cursor_ = which.previous;
  if (group_failed_ == key) {  // Those that went with it wait for nobody's timer.
    group_failed_ = no_child;
    group_attempt_ = 0;
  }
  which.is_used = false;
  which.is_ready = false;
  which.attempt = 0;
  which.id.clear();
  free_keys_.push_back(key);
  emit(action_kind::forget, key);
}

}  // namespace sluice::inline v0::sup
