#include "sup/child_keeper.hpp"

#include <type_traits>
#include <utility>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/life.hpp"
#include "base/clock.hpp"
#include "sup/stop_after_mail.hpp"

namespace sluice::inline v0::core {

namespace {

using sup::action_kind;
using sup::child_key;
using sup::end_kind;
using sup::no_child;
using sup::supervision_outcome;

constexpr error cancelled{error_code::cancelled, 0, "supervisor: the child was stopped meanwhile"};

end_kind kind_of_end(const exit_reason& reason) noexcept {
  return reason.code == exit_code::normal || reason.code == exit_code::shutdown
             ? end_kind::normal
             : end_kind::abnormal;
}

template <class M>
void answer_one(reply_to<M>& answer, pid who, const error& why) {
  if constexpr (std::is_void_v<typename M::reply>) {
    answer.reply();
  } else if (who.is_valid()) {
    answer.reply(who);
  } else {
    answer.reply_error(why);
  }
}

}  // namespace

child_keeper::child_keeper(const supervisor_options& options, children first)
    : machine_(options, 0), first_(std::move(first)) {}

child_keeper::~child_keeper() {
  if (node_ != nullptr) node_->stops_in_order.leave(who_);
}

result<void> child_keeper::begin(slot& self) {
  self_ = &self;
  set_trap_exit(self, true);  // CK1
  const pid own = pid_of(self);
  // Another one for each, and the same one in a simulation that is run again.
  machine_.reseed(static_cast<std::uint64_t>(base::now_ns()) ^
                  (std::uint64_t{own.generation} << 32 | own.slot));
  for (child_spec& each : std::exchange(first_, {})) {
    if (auto known = know(std::move(each)); !known) return known.error();
  }
  notes_failure_ = true;
  machine_.on_begin();
  perform();
  notes_failure_ = false;
  if (machine_.outcome() == supervision_outcome::start_failed) return first_failure_;
  caller from{self};
  node_ = &from.by().node;
  who_ = pid_of(self);
  node_->stops_in_order.enter(who_);  // CK4: until a keeper above it says otherwise.
  return {};
}

void child_keeper::on_exit(const exit_signal& told) {
  if (told.link.number == 0) {  // exit() of somebody.
    if (told.reason.code != exit_code::normal) on_stop(told.reason);
    return;
  }
  const auto found = by_pid_.find(told.from.as_pid());
  if (found == by_pid_.end()) return;  // CK2
  note_ended(found->second, told.reason);
}

void child_keeper::note_ended(child_key key, const exit_reason& reason) {
  place& at = places_[key];
  by_pid_.erase(at.who);
  at.who = {};
  at.failure = {};
  at.clock.cancel();
  if (listener_ != nullptr) listener_->on_child_down(key);
  if (kind_of_end(reason) == end_kind::abnormal && machine_.state_of(key) == child_state::up) {
    last_end_ = machine_.id_of(key) + " ended: " + reason.message();
  }
  machine_.on_ended(key, kind_of_end(reason), base::now_ns());
  perform();
}

void child_keeper::on_stop(const exit_reason& reason) {
  if (machine_.outcome() == supervision_outcome::none) stop_reason_ = reason;
  machine_.on_stop();
  perform();
}

void child_keeper::on_timer(const child_timer& fired) {
  machine_.on_timer(fired.child, fired.attempt);
  perform();
}

// -- what is asked

child_key child_keeper::find(const child_name& which) const {
  if (!which.id.empty()) return machine_.find(which.id);
  const auto found = by_pid_.find(which.who);
  return found == by_pid_.end() ? no_child : found->second;
}

result<child_key> child_keeper::know(child_spec spec) {
  if (spec.factory == nullptr) return error{error_code::bad_argument, 0, "supervisor: no child"};
  auto added = machine_.add(spec.options);
  if (!added) return added;
  const child_key key = added.value();
  if (key >= places_.size()) places_.resize(key + 1);
  places_[key] = {.spec = std::move(spec)};
  if (places_[key].spec.factory->makes_supervisors()) ++supervisors_;
  return key;
}

void child_keeper::add(child_spec spec, reply_to<add_child> answer) {
  const bool starts = !spec.options.starts_disabled;
  auto known = know(std::move(spec));
  if (!known) {
    answer.reply_error(known.error());
  } else if (!starts) {
    answer.reply(pid{});
  } else {
    places_[known.value()].waiting.emplace_back(std::move(answer));
    finish_command(known.value(), machine_.start(known.value()));
  }
}

result<void> child_keeper::resize(std::uint32_t count, const child_spec& like) {
  std::vector<child_key> staying;
  for (child_key key = machine_.first(); key != no_child; key = machine_.after(key)) {
    if (machine_.state_of(key) <= child_state::up) staying.push_back(key);
  }
  for (; staying.size() > count; staying.pop_back()) {
    if (auto begun = machine_.remove(staying.back()); !begun) return begun;
    perform();
  }
  for (std::size_t known = staying.size(); known < count; ++known) {
    auto added = know(like);
    if (!added) return added.error();
    if (auto begun = machine_.start(added.value()); !begun) return begun;
    first_failure_ = {};
    notes_failure_ = true;
    perform();
    notes_failure_ = false;
    if (first_failure_.code != error_code::none) return first_failure_;
  }
  return {};
}

// The command's own answer is the youngest that waits.
void child_keeper::finish_command(child_key key, const result<void>& begun) {
  if (begun) return perform();
  waiter last = std::move(places_[key].waiting.back());
  places_[key].waiting.pop_back();
  std::visit([&](auto& answer) { answer.reply_error(begun.error()); }, last);
}

// -- what is done

void child_keeper::perform() {
  sup::action next;
  while (machine_.next_action(next)) perform(next);
}

void child_keeper::perform(const sup::action& next) {
  switch (next.what) {
    case action_kind::start: return start(next.child);
    case action_kind::ask: return ask(next);
    case action_kind::kill:
      if (listener_ != nullptr) listener_->on_child_down(next.child);
      static_cast<void>(exit_from(*self_, places_[next.child].who, exit_reason::killed()));
      return;
    case action_kind::wait: return arm(next);
    case action_kind::settled: return settle(next.child);
    case action_kind::forget: return forget(next.child);
    case action_kind::finish: return finish();
  }
}

void child_keeper::start(child_key key) {
  auto made = spawn(places_[key]);
  place& at = places_[key];
  if (!made) {
    at.failure = made.error();
    if (notes_failure_ && first_failure_.code == error_code::none) first_failure_ = made.error();
    last_end_ = machine_.id_of(key) + " did not start: " + made.error().message();
    const bool is_final = made.error().code == error_code::stopping;
    return machine_.on_start_failed(key, base::now_ns(), is_final);
  }
  at.failure = {};
  at.who = made.value();
  by_pid_.emplace(at.who, key);
  caller from{*self_};
  if (at.spec.factory->makes_supervisors()) from.by().node.stops_in_order.leave(at.who);  // CK4
  if (listener_ != nullptr) listener_->on_child_up(key, at.who);
  machine_.on_started(key, base::now_ns());
}

result<pid> child_keeper::spawn(place& at) {
  const child_options& options = at.spec.options;
  if (options.keeps_mailbox && at.mail == nullptr) {
    caller from{*self_};
    at.mail = std::make_shared<kept_mail>(from.by().node);
  }
  spawn_order order;
  order.name = options.name;
  order.mailbox_max = options.mailbox_max;
  order.overflow = options.overflow;
  order.env = &options.env;
  order.link = true;
  if (at.mail != nullptr) order.mail = &at.mail;
  const std::shared_ptr<const child_factory> factory = at.spec.factory;
#if defined(__cpp_exceptions)
  try {
    return factory->start(*self_, order);
  } catch (...) {
    return error{error_code::init_failed, 0, "supervisor: the arguments could not be copied"};
  }
#else
  return factory->start(*self_, order);
#endif
}

void child_keeper::ask(const sup::action& next) {
  const pid who = places_[next.child].who;
  caller from{*self_};
  if (asking_ == asking_lane::after_mail) {
    send_control(from.by(), who.slot, who.generation, priority::system, sup::stop_after_mail{});
  } else {
    send_control(from.by(), who.slot, who.generation, priority::urgent, stop_request{});
  }
  if (listener_ != nullptr) listener_->on_child_down(next.child);
  if (next.delay_ns != base::no_deadline) arm(next);
}

void child_keeper::arm(const sup::action& next) {
  places_[next.child].clock.cancel();
  envelope* const carried = prepare(*self_, child_timer{next.child, next.attempt});
  if (carried == nullptr) return machine_.on_timer(next.child, next.attempt);
  places_[next.child].clock = post_later(*self_, carried, pid_of(*self_), priority::system,
                                         std::chrono::nanoseconds{next.delay_ns});
}

void child_keeper::settle(child_key key) {
  place& at = places_[key];
  if (machine_.is_known(key) && machine_.state_of(key) == child_state::disabled &&
      !last_end_.empty() && at.waiting.empty()) {
    log_line(*self_, log_severity::warning, "child " + last_end_ + "; disabled");
  }
  answer_all(at, at.failure.code == error_code::none ? cancelled : at.failure);
}

void child_keeper::answer_all(place& at, const error& why) {
  for (waiter& each : std::exchange(at.waiting, {})) {
    std::visit([&](auto& answer) { answer_one(answer, at.who, why); }, each);
  }
}

void child_keeper::forget(child_key key) {
  place& at = places_[key];
  at.clock.cancel();
  answer_all(at, at.failure.code == error_code::none ? cancelled : at.failure);
  if (at.spec.factory->makes_supervisors()) --supervisors_;
  at = {};
}

void child_keeper::finish() {
  switch (machine_.outcome()) {
    case supervision_outcome::limit_reached:
      log_line(*self_, log_severity::error, "one restart too many: child " + last_end_);
      return want_exit(*self_, exit_reason::error("one restart too many: child " + last_end_));
    case supervision_outcome::start_failed: return;  // on_start says so.
    default: return want_exit(*self_, stop_reason_);
  }
}

// -- what is said of it

std::vector<child_info> child_keeper::list() const {
  std::vector<child_info> all;
  all.reserve(machine_.count());
  for (child_key key = machine_.first(); key != no_child; key = machine_.after(key)) {
    all.push_back({machine_.id_of(key), places_[key].who, machine_.state_of(key),
                   machine_.restarts_of(key), places_[key].spec.factory->makes_supervisors()});
  }
  return all;
}

child_counts child_keeper::count() const {
  return {machine_.count(), machine_.count(child_state::up), supervisors_};
}

void child_keeper::describe(inspect_items& items) const {
  items.add("children", machine_.count());
  items.add("children_running", machine_.count(child_state::up));
  items.add("last_failure", last_end_);
}

}  // namespace sluice::inline v0::core
