// The commands of users on single children.
#include "base/assert.hpp"
#include "sup/supervision.hpp"

namespace sluice {
inline namespace v0 {

const char* to_string(child_state state) noexcept {
  switch (state) {
    case child_state::down: return "down";
    case child_state::disabled: return "disabled";
    case child_state::due: return "due";
    case child_state::starting: return "starting";
    case child_state::up: return "up";
    case child_state::leaving: return "leaving";
    case child_state::asked: return "asked";
    case child_state::killed: return "killed";
  }
  return "?";
}

namespace sup {

namespace {

constexpr error stopping{error_code::stopping, 0, "supervisor"};
constexpr error is_disabled{error_code::bad_argument, 0, "supervisor: the child is disabled"};
constexpr error is_up{error_code::already_started, 0, "supervisor: the child runs"};

error bad(const char* place) noexcept { return {error_code::bad_argument, 0, place}; }

}  // namespace

result<child_key> supervision::add(const child_options& options) {
  if (outcome_ != supervision_outcome::none) return stopping;
  if (options.id.empty() && !is_simple()) return bad("supervisor: a child needs an id");
  if (options.is_significant && options.restart == restart_policy::permanent) {
    return bad("supervisor: a permanent child cannot be significant");
  }
  if (!options.id.empty() && find(options.id) != no_child) {
    return error{error_code::name_taken, 0, "supervisor: the id"};
  }
  const auto patience_ns = options.shutdown_timeout == std::chrono::nanoseconds::max()
                               ? base::no_deadline
                               : options.shutdown_timeout.count();
  if (patience_ns < 0) return bad("supervisor: shutdown_timeout");
  child made{.id = options.id,
             .policy = options.restart,
             .patience_ns = patience_ns,
             .is_significant = options.is_significant,
             .has_budget = options.budget.has_value(),
             .budget = restart_window{options.budget.value_or(restart_limit{})},
             .backoff = sup::backoff{options.backoff}};
  made.state = options.starts_disabled ? child_state::disabled : child_state::down;
  made.is_new = !options.starts_disabled;  // Nobody asked for a start yet that could fail.
  made.previous = tail_;
  child_key key = static_cast<child_key>(children_.size());
  if (free_keys_.empty()) {
    children_.push_back(std::move(made));
  } else {
    key = free_keys_.back();
    free_keys_.pop_back();
    children_[key] = std::move(made);
  }
  (tail_ == no_child ? head_ : children_[tail_].next) = key;
  tail_ = key;
  if (!options.id.empty()) by_id_.emplace(options.id, key);
  ++counts_[static_cast<unsigned>(children_[key].state)];
  ++count_;
  return key;
}

result<void> supervision::start(child_key key) {
  if (outcome_ != supervision_outcome::none) return stopping;
  child& which = children_[key];
  switch (which.state) {
    case child_state::down: make_due(key, true); break;
    case child_state::due:  // Its wait is cut short.
      group_attempt_ = 0;
      which.attempt = 0;
      if (!restarts_groups()) make_ready(key);
      break;
    case child_state::disabled: return is_disabled;
    case child_state::starting:
    case child_state::up: return is_up;
    case child_state::leaving:
    case child_state::asked:
    case child_state::killed:
      if (which.next_state == then::forgotten) return stopping;
      if (which.next_state == then::disabled) return is_disabled;
      which.next_state = then::due;
      break;
  }
  advance();
  return {};
}

result<void> supervision::restart(child_key key) {
  if (outcome_ != supervision_outcome::none) return stopping;
  if (children_[key].state != child_state::up) return start(key);
  leave(key, then::due);
  advance();
  return {};
}

result<void> supervision::enable(child_key key) {
  if (outcome_ != supervision_outcome::none) return stopping;
  child& which = children_[key];
  which.budget.clear();
  switch (which.state) {
    case child_state::disabled:
    case child_state::down: make_due(key, true); break;
    case child_state::leaving:
    case child_state::asked:
    case child_state::killed:
      if (which.next_state == then::forgotten) return stopping;
      which.next_state = then::due;
      break;
    case child_state::up: emit(action_kind::settled, key); break;
    case child_state::due:
    case child_state::starting: break;
  }
  advance();
  return {};
}

result<void> supervision::stop(child_key key) { return stop_then(key, then::down); }
result<void> supervision::disable(child_key key) { return stop_then(key, then::disabled); }
result<void> supervision::remove(child_key key) { return stop_then(key, then::forgotten); }

result<void> supervision::stop_then(child_key key, then next_state) {
  if (outcome_ != supervision_outcome::none) return stopping;
  child& which = children_[key];
  switch (which.state) {
    case child_state::up: leave(key, next_state); break;
    case child_state::leaving:
    case child_state::asked:
    case child_state::killed:
      // The stronger wish stays.
      if (which.next_state == then::due || next_state > which.next_state) {
        which.next_state = next_state;
      }
      break;
    case child_state::starting: SLUICE_ASSERT(false, "a command came within a start"); break;
    case child_state::disabled:
      if (next_state == then::forgotten) {
        forget(key);
      } else {
        emit(action_kind::settled, key);
      }
      break;
    case child_state::down:
    case child_state::due:
      // A temporary child that has never run is kept until it is deleted.
      settle(key, next_state == then::disabled ? child_state::disabled : child_state::down);
      if (next_state == then::forgotten) forget(key);
      break;
  }
  advance();
  return {};
}

}  // namespace sup
}  // namespace v0
}  // namespace sluice
