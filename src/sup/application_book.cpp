#include "sup/application_book.hpp"

#include <algorithm>
#include <utility>

#include "actor/thread_drive.hpp"

namespace sluice {
inline namespace v0 {

const char* to_string(application_state state) noexcept {
  switch (state) {
    case application_state::stopped: return "stopped";
    case application_state::starting: return "starting";
    case application_state::running: return "running";
    case application_state::stopping: return "stopping";
  }
  return "?";
}

namespace core {

namespace {

error unknown(const char* place) noexcept { return {error_code::unknown_address, 0, place}; }

bool contains(const std::vector<std::string>& all, std::string_view name) noexcept {
  return std::find(all.begin(), all.end(), name) != all.end();
}

bool has_consequences(application_mode mode, const exit_reason& why) noexcept {
  const bool is_normal = why.code == exit_code::normal || why.code == exit_code::shutdown;
  return mode == application_mode::permanent || (mode == application_mode::transient && !is_normal);
}

}  // namespace

application_book::record* application_book::find(std::string_view name) noexcept {
  for (const auto& each : records_) {
    if (each->spec.name == name) return each.get();
  }
  return nullptr;
}
const application_book::record* application_book::find(std::string_view name) const noexcept {
  return const_cast<application_book*>(this)->find(name);
}

result<void> application_book::load(application_spec spec) {
  const std::lock_guard lock{guard_};
  if (spec.name.empty() || contains(spec.depends, spec.name)) {
    return error{error_code::bad_argument, 0, "application: name"};
  }
  if (find(spec.name) != nullptr) return error{error_code::name_taken, 0, "application: name"};
  records_.push_back(std::make_unique<record>());
  records_.back()->spec = std::move(spec);
  return {};
}

// `path`: from the one asked for down to here, to see circles.
result<void> application_book::plan(std::string_view name, std::vector<std::string>& path,
                                    std::vector<std::string>& order) const {
  const record* const known = find(name);
  if (known == nullptr) return unknown("application: not loaded, or a dependency");
  if (known->state == application_state::running || contains(order, name)) return {};
  if (contains(path, name)) {
    return error{error_code::bad_argument, 0, "application: depends on itself in a circle"};
  }
  path.emplace_back(name);
  for (const std::string& each : known->spec.depends) {
    if (auto planned = plan(each, path, order); !planned) return planned;
  }
  path.pop_back();
  order.emplace_back(name);
  return {};
}

result<std::vector<std::string>> application_book::plan_start(std::string_view name) const {
  const std::lock_guard lock{guard_};
  if (const record* const known = find(name);
      known != nullptr && known->state != application_state::stopped) {
    return error{error_code::already_started, 0, "application"};
  }
  std::vector<std::string> path;
  std::vector<std::string> order;
  if (auto planned = plan(name, path, order); !planned) return planned.error();
  return order;
}

result<std::vector<std::string>> application_book::plan_stop(std::string_view name) const {
  const std::lock_guard lock{guard_};
  const record* const known = find(name);
  if (known == nullptr || std::find(running_.begin(), running_.end(), known) == running_.end()) {
    return unknown("application: does not run");
  }
  // Whoever depends on one of them was started later.
  std::vector<std::string> all{std::string{name}};
  for (const record* each : running_) {
    const auto& depends = each->spec.depends;
    const bool is_dependent = std::any_of(depends.begin(), depends.end(),
                                          [&](const auto& on) { return contains(all, on); });
    if (is_dependent) all.push_back(each->spec.name);
  }
  std::reverse(all.begin(), all.end());
  return all;
}

result<application_spec> application_book::begin_start(std::string_view name) {
  const std::lock_guard lock{guard_};
  record* const known = find(name);
  if (known == nullptr) return unknown("application: not loaded");
  if (known->state != application_state::stopped) {
    return error{error_code::already_started, 0, "application"};
  }
  if (stops_all_ || node_stops_) return error{error_code::stopping, 0, "application"};
  known->state = application_state::starting;
  known->early_end.reset();
  return known->spec;
}

application_book::start_outcome application_book::started(std::string_view name, pid top) {
  const std::lock_guard lock{guard_};
  record& known = *find(name);
  changed_.notify_all();
  if (known.early_end) {
    const bool stopped_all = stops_all_;
    known.state = application_state::stopped;
    note_end(known, *known.early_end);
    return {!stops_all_, stops_all_ && !stopped_all ? stop_youngest() : pid{}};
  }
  known.state = application_state::running;
  known.top = top;
  running_.push_back(&known);
  return {!stops_all_, stops_all_ ? top : pid{}};
}

void application_book::start_failed(std::string_view name) {
  const std::lock_guard lock{guard_};
  find(name)->state = application_state::stopped;
  changed_.notify_all();
}

application_book::stopping_one application_book::begin_stop(std::string_view name) {
  const std::lock_guard lock{guard_};
  record* const known = find(name);
  if (known == nullptr || !known->top.is_valid()) return {};
  known->state = application_state::stopping;
  return {known->top, known->spec.stop_timeout};
}

// A thread that drives a node without threads runs it meanwhile; nobody else is there to notify it.
void application_book::wait(std::unique_lock<std::mutex>& lock, base::nanoseconds_t deadline_ns) {
  if (drives_this_thread()) {
    lock.unlock();
    static_cast<void>(drive_this_thread(deadline_ns));
    lock.lock();
    return;
  }
  const auto left = std::chrono::nanoseconds{deadline_ns - base::now_ns()};
  // Bounded, since condition variables overflow on distant times.
  changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(left, std::chrono::hours{1}));
}

bool application_book::wait_until_stopped(std::string_view name, base::nanoseconds_t deadline_ns) {
  std::unique_lock lock{guard_};
  while (find(name)->state == application_state::stopping) {
    if (base::now_ns() >= deadline_ns) return false;
    wait(lock, deadline_ns);
  }
  return true;
}

pid application_book::ended(std::string_view name, const exit_reason& why) {
  const std::lock_guard lock{guard_};
  record& known = *find(name);
  if (known.state == application_state::starting) {
    known.early_end = why;
    return {};
  }
  const bool was_asked = known.state == application_state::stopping;
  known.state = application_state::stopped;
  known.top = {};
  running_.erase(std::remove(running_.begin(), running_.end(), &known), running_.end());
  if (!was_asked) note_end(known, why);
  changed_.notify_all();
  return stops_all_ ? stop_youngest() : pid{};
}

// By itself: what its mode says.
void application_book::note_end(const record& known, const exit_reason& why) {
  if (node_stops_ || !has_consequences(known.spec.mode, why)) return;
  if (!stop_reason_) stop_reason_ = "application " + known.spec.name + " ended: " + why.message();
  stops_all_ = true;
}

pid application_book::stop_youngest() {
  if (node_stops_ || running_.empty()) return {};
  running_.back()->state = application_state::stopping;
  return running_.back()->top;
}

pid application_book::request_stop(std::string_view why) {
  const std::lock_guard lock{guard_};
  if (!stop_reason_) stop_reason_ = std::string{why};
  const bool is_first = !std::exchange(stops_all_, true);
  changed_.notify_all();
  return is_first ? stop_youngest() : pid{};
}

void application_book::note_node_stops() {
  const std::lock_guard lock{guard_};
  node_stops_ = true;
  if (!stop_reason_) stop_reason_ = "the node stops";
  changed_.notify_all();
}

std::optional<std::string> application_book::wait_for_stop_request(
    base::nanoseconds_t deadline_ns) {
  std::unique_lock lock{guard_};
  while (!stop_reason_ && base::now_ns() < deadline_ns) wait(lock, deadline_ns);
  return stop_reason_;
}

std::vector<application_info> application_book::list() const {
  const std::lock_guard lock{guard_};
  std::vector<application_info> all;
  for (const auto& each : records_) {
    all.push_back({each->spec.name, each->spec.mode, each->state, each->top});
  }
  return all;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
