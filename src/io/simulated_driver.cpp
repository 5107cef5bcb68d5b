#include "io/simulated_driver.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::inline v0::io {
namespace {

// How long an idle driver believes its peers to be slow before it looks at the worker again.
constexpr base::nanoseconds_t peers_wait_max_ns = 10'000'000;

[[nodiscard]] bool is_receive(request_kind kind) noexcept {
  return kind == request_kind::receive || kind == request_kind::receive_datagram;
}

/// Whether EINTR and EAGAIN mean no more than "again". (A connect that was interrupted goes on.)
[[nodiscard]] bool is_asked_again(request_kind kind) noexcept {
  return is_receive(kind) || kind == request_kind::accept || kind == request_kind::send ||
         kind == request_kind::send_message;
}

[[nodiscard]] std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) noexcept {
  return base::random_source{hash ^ (value * 0x9e3779b97f4a7c15ULL)}.next();
}

}  // namespace

simulated_driver::simulated_driver(simulation& of, const driver_options& options)
    : driver(options), simulation_(of), random_(of.next_seed()) {}

result<std::unique_ptr<simulated_driver>> simulated_driver::create(simulation& of,
                                                                   const driver_options& options) {
  if (!options.is_valid()) return error{error_code::bad_argument, 0, "driver_options"};
  std::unique_ptr<simulated_driver> self{new simulated_driver(of, options)};
  if (auto opened = self->signal_.open(); !opened) return opened.error();
  return self;
}

result<void> simulated_driver::attach() {
  auto opened =
      receive_buffers::create(nullptr, options_.buffer_count, options_.buffer_bytes, *this);
  if (!opened) return opened.error();
  simulation_.enter_clock();
  traced_ns_ = base::now_ns();
  become_attached(**opened);
  return {};
}

std::string simulated_driver::describe() const {
  return "simulated, seed " + std::to_string(simulation_.options().seed) +
         (simulation_.options().has_real_peers ? ", real peers" : ", virtual time");
}

// ---- the clock ----

sched::park_outcome simulated_driver::park(base::nanoseconds_t deadline_ns) noexcept {
  if (!prepare_to_sleep()) return sched::park_outcome::event;
  run_turn();
  if (has_completed() || has_exchange()) return sched::park_outcome::event;
  const base::nanoseconds_t until_ns = std::min(earlier_deadline(deadline_ns), next_due());
  if (!signal_.announce()) return sched::park_outcome::woken;
  bool is_over = false;
  if (simulation_.options().has_real_peers || until_ns == base::no_deadline) {
    is_over = !wait_for_peers(until_ns) && base::now_ns() >= until_ns;
  } else {
    simulation_.advance_clock(until_ns);
    is_over = true;
  }
  count(counters().enters);
  if (signal_.end()) return sched::park_outcome::woken;
  return is_over && until_ns == deadline_ns ? sched::park_outcome::timed_out
                                            : sched::park_outcome::event;
}

base::nanoseconds_t simulated_driver::next_due() const noexcept {
  const base::nanoseconds_t now_ns = base::now_ns();
  base::nanoseconds_t next = base::no_deadline;
  for (const active& each : active_) {
    if (each.number == 0) continue;
    if (each.due_ns > now_ns) next = std::min(next, each.due_ns);
    if (each.cancel_ns != 0) next = std::min(next, std::max(each.cancel_ns, now_ns));
  }
  return next;
}

bool simulated_driver::wait_for_peers(base::nanoseconds_t until_ns) noexcept {
  const base::nanoseconds_t now_ns = base::now_ns();
  watched_.clear();
  watched_.push_back({signal_.fd(), POLLIN, 0});
  for (const active& each : active_) {
    if (each.number == 0 || each.wait_for == 0 || each.due_ns > now_ns) continue;
    watched_.push_back({each.what.fd, static_cast<short>(each.wait_for), 0});
  }
  const base::nanoseconds_t span_ns =
      std::clamp<base::nanoseconds_t>(until_ns - now_ns, 0, peers_wait_max_ns);
  const ::timespec span{0, span_ns};
  const bool is_ended = ::ppoll(watched_.data(), watched_.size(), &span, nullptr) != 0;
  // Level-triggered here, so it is read, unlike elsewhere.
  std::uint64_t unused = 0;
  if (watched_.front().revents != 0) {
    static_cast<void>(!::read(signal_.fd(), &unused, sizeof unused));
  }
  return is_ended;
}

base::nanoseconds_t simulated_driver::delay() noexcept {
  const auto bound = static_cast<std::uint32_t>(
      std::min<base::nanoseconds_t>(simulation_.options().delay_max_ns, INT32_MAX));
  return random_.next_below(bound + 1);
}

bool simulated_driver::roll(unsigned per_mille) noexcept {
  return random_.next_below(1000) < per_mille;
}

// ---- requests ----

bool simulated_driver::has_exchange() const noexcept { return has_more_ || !begun_.empty(); }

void simulated_driver::begin(std::uint64_t number, const request& what) noexcept {
  active made;
  made.number = number;
  made.what = what;
  begun_.push_back(made);
}

void simulated_driver::ask_to_end(std::uint64_t number) noexcept {
  for (auto* list : {&begun_, &active_}) {
    for (active& each : *list) {
      if (each.number != number) continue;
      each.cancel_ns = base::now_ns() + delay();
      const bool is_spared = each.what.site == op_site::test;
      each.is_late = simulation_.is_next_cancel_late(each.what.site) ||
                     (!is_spared && roll(simulation_.options().odds.late));
    }
  }
}

void simulated_driver::take_requests() noexcept {
  if (begun_.empty()) return;
  const unsigned bound = 1 + random_.next_below(simulation_.options().submit_count_max);
  const std::size_t taken = std::min<std::size_t>(bound, begun_.size());
  for (std::size_t index = 0; index < taken; ++index) {
    active& next = begun_[index];
    next.due_ns = base::now_ns() + delay();
    active_.push_back(next);
  }
  begun_.erase(begun_.begin(), begun_.begin() + static_cast<std::ptrdiff_t>(taken));
  count(counters().submissions, taken);
}

void simulated_driver::run_turn() noexcept {
  take_requests();
  has_more_ = false;
  if (active_.empty()) return;
  order_.clear();
  for (std::uint32_t index = 0; index < active_.size(); ++index) {
    order_.insert(order_.begin() + random_.next_below(index + 1), index);
  }
  unsigned room = 1 + random_.next_below(simulation_.options().finish_count_max);
  const base::nanoseconds_t now_ns = base::now_ns();
  for (const std::uint32_t index : order_) {
    if (room == 0) {
      has_more_ = true;
      count(counters().overflows);
      break;
    }
    if (step(active_[index], now_ns)) --room;
  }
  std::erase_if(active_, [](const active& each) { return each.number == 0; });
}

bool simulated_driver::step(active& of, base::nanoseconds_t now_ns) noexcept {
  if (of.cancel_ns != 0) {
    if (of.cancel_ns > now_ns) return false;
    end_cancelled(of);
    return true;
  }
  if (of.due_ns > now_ns || has_to_wait(of)) return false;
  if (!of.is_rolled) decide(of);
  const bool has_error = of.has_fate && of.fate.kind == fault_kind::error;
  const bool has_no_buffer = of.has_fate && of.fate.kind == fault_kind::no_buffer;
  if (has_error || has_no_buffer) {
    hand_out(of, {has_error ? -of.fate.os_error : -ENOBUFS, 0}, true);
    return true;
  }
  const attempt_result answer = attempt(of.what, of.attempts, buffers(), size_max_of(of));
  of.wait_for = answer.wait_for;
  if (answer.is_blocked()) return false;
  const bool has_lost_more = of.has_fate && of.fate.kind == fault_kind::lost_more;
  hand_out(of, answer.what, !of.what.is_multishot || answer.ends_multishot || has_lost_more);
  return true;
}

void simulated_driver::end_cancelled(active& of) noexcept {
  completion what{-ECANCELED, 0};
  // Twice: the first attempt of a connect only begins it.
  for (int tries = of.is_late ? 2 : 0; tries > 0; --tries) {
    const attempt_result answer = attempt(of.what, of.attempts, buffers());
    if (answer.is_blocked()) continue;
    what = answer.what;
    break;
  }
  hand_out(of, what, true);
}

/// Whether an earlier send of the descriptor is to go first.
bool simulated_driver::has_to_wait(const active& of) const noexcept {
  if (!simulation_.options().keeps_send_order || of.what.site != op_site::datagram_send) {
    return false;
  }
  // Taken in order, so the earlier ones are further up.
  for (const active* each = active_.data(); each != &of; ++each) {
    if (each->number != 0 && each->what.fd == of.what.fd && each->what.site == of.what.site) {
      return true;
    }
  }
  return false;
}

/// The fate of the next completion, once.
void simulated_driver::decide(active& of) noexcept {
  of.is_rolled = true;
  const auto planned = simulation_.next_completion_fault(of.what.site);
  of.has_fate = planned.has_value();
  if (planned) of.fate = *planned;
  if (of.has_fate || of.what.site == op_site::test) return;
  const simulation_odds& odds = simulation_.options().odds;
  const std::vector<int>& errors = errors_of(of.what.kind);
  const auto any = errors[random_.next_below(static_cast<std::uint32_t>(errors.size()))];
  const auto choose = [&](bool chosen, fault_kind kind, int os_error = 0) {
    if (!chosen || of.has_fate) return;
    of.has_fate = true;
    of.fate = {of.what.site, kind, os_error, 0};
  };
  const bool may_retry = is_asked_again(of.what.kind);
  choose(roll(odds.error), fault_kind::error, any);
  choose(roll(odds.retry) && may_retry, fault_kind::error, roll(500) ? EINTR : EAGAIN);
  choose(roll(odds.no_buffer) && is_receive(of.what.kind), fault_kind::no_buffer);
  choose(roll(odds.lost_more) && of.what.is_multishot, fault_kind::lost_more);
  choose(roll(odds.cut_short) && may_be_cut(of), fault_kind::cut_short);
}

/// Datagrams leave and arrive whole.
bool simulated_driver::may_be_cut(const active& of) const noexcept {
  switch (of.what.kind) {
    case request_kind::receive:
    case request_kind::read:
    case request_kind::write: return true;
    case request_kind::send:
    case request_kind::send_message: break;
    default: return false;
  }
  int type = 0;
  ::socklen_t size = sizeof type;
  return ::getsockopt(of.what.fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

std::uint32_t simulated_driver::size_max_of(const active& of) noexcept {
  if (!of.has_fate || of.fate.kind != fault_kind::cut_short || !may_be_cut(of)) return UINT32_MAX;
  if (of.fate.nth != 0) return 1;  // planned
  return random_.next_below(3) == 0 ? 1 : 1 + random_.next_below(4096);
}

void simulated_driver::hand_out(active& of, completion what, bool ends) noexcept {
  if (!ends) what.flags |= completion::flag_more;
  complete(of.number, what);
  count(counters().completions);
  const base::nanoseconds_t now_ns = base::now_ns();
  // Not the index of a buffer and no descriptor's number: they are not the simulation's.
  const bool is_descriptor = of.what.kind == request_kind::accept && what.result >= 0;
  const std::uint64_t said = is_descriptor ? 0 : static_cast<std::uint32_t>(what.result);
  trace_hash_ =
      mixed(trace_hash_, said << 16 | static_cast<std::uint64_t>(of.what.site) << 8 |
                             static_cast<std::uint64_t>(of.what.kind) << 4 | (what.flags & 3));
  if (!simulation_.options().has_real_peers) {
    trace_hash_ = mixed(trace_hash_, static_cast<std::uint64_t>(now_ns - traced_ns_));
    traced_ns_ = now_ns;
  }
  of.is_rolled = of.has_fate = false;
  of.wait_for = 0;
  of.due_ns = now_ns + delay();
  if (ends) of.number = 0;
}

void simulated_driver::end_all() noexcept {
  for (auto* list : {&begun_, &active_}) {
    for (active& each : *list) {
      if (each.number != 0) hand_out(each, {-ECANCELED, 0}, true);
    }
    list->clear();
  }
}

void simulated_driver::close() noexcept { simulation_.leave_clock(); }

}  // namespace sluice::inline v0::io
