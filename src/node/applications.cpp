// What a node does about applications; what they are to each other is in sup/application_book.
#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "node/node_state.hpp"
#include "sup/application_root.hpp"

namespace sluice {
inline namespace v0 {

namespace {

// What a killed application may take to be gone.
constexpr base::nanoseconds_t kill_grace_ns = 1'000'000'000;

base::nanoseconds_t deadline_after(std::chrono::nanoseconds timeout) noexcept {
  const base::nanoseconds_t now = base::now_ns();
  return timeout.count() >= base::no_deadline - now ? base::no_deadline : now + timeout.count();
}

}  // namespace

result<void> node::load_application(application_spec spec) {
  return state_->applications->load(std::move(spec));
}

result<void> node::start_application(std::string_view name) {
  auto order = state_->applications->plan_start(name);
  if (!order) return order.error();
  for (const std::string& each : order.value()) {
    auto spec = state_->applications->begin_start(each);
    if (!spec) return spec.error();
    auto top = spawn<core::application_root>({.env = spec.value().env}, state_->applications,
                                             way_in(), spec.value());
    if (!top) {
      state_->applications->start_failed(each);
      return top.error();
    }
    const auto [goes_on, next] = state_->applications->started(each, top.value());
    if (next.is_valid()) static_cast<void>(exit(next, exit_reason::shutdown()));
    // The end of all was asked for meanwhile, or follows from that of this one.
    if (!goes_on) return error{error_code::stopping, 0, "start_application"};
  }
  return {};
}

result<void> node::stop_application(std::string_view name) {
  const core::execution* const here = core::current_execution();
  if (here != nullptr && here->worker != nullptr) {
    return error{error_code::bad_argument, 0, "stop_application blocks: not in a handler"};
  }
  core::application_book& book = *state_->applications;
  auto order = book.plan_stop(name);
  if (!order) return order.error();
  result<void> outcome;
  for (const std::string& each : order.value()) {
    const auto [top, timeout] = book.begin_stop(each);
    if (!top.is_valid()) continue;  // It has ended meanwhile.
    static_cast<void>(exit(top, exit_reason::shutdown()));
    if (book.wait_until_stopped(each, deadline_after(timeout))) continue;
    outcome = error{error_code::timed_out, 0, "stop_application: it was killed"};
    static_cast<void>(exit(top, exit_reason::killed()));
    if (!book.wait_until_stopped(each, base::now_ns() + kill_grace_ns)) return outcome;
  }
  return outcome;
}

std::vector<application_info> node::applications() const { return state_->applications->list(); }

void node::request_stop(std::string_view why) {
  const pid first = state_->applications->request_stop(why);
  if (first.is_valid()) static_cast<void>(exit(first, exit_reason::shutdown()));
}

std::optional<std::string> node::wait_for_stop_request(std::chrono::nanoseconds timeout) {
  return state_->applications->wait_for_stop_request(deadline_after(timeout));
}

}  // namespace v0
}  // namespace sluice
