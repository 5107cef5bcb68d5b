#include "io/epoll_driver.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"

namespace sluice::inline v0::io {
namespace {

constexpr std::uint64_t signal_mark = UINT64_MAX;

// A worker that always has something to run looks at its sockets this often; one that has nothing
// parks, and looks there.
constexpr std::uint64_t look_interval_us = 20;

/// How often a request is served before the others have their turn.
[[nodiscard]] unsigned serve_count_max(request_kind kind) noexcept {
  switch (kind) {
    case request_kind::accept: return 64;
    case request_kind::receive_datagram: return 64;
    case request_kind::receive: return 4;
    default: return 1;
  }
}

/// E2.
[[nodiscard]] bool is_trusted(request_kind kind) noexcept {
  switch (kind) {
    case request_kind::poll:
    case request_kind::read:
    case request_kind::write:
    case request_kind::sync: return false;
    default: return true;
  }
}

/// Asked for by a coroutine of the user's, on a descriptor of his own.
[[nodiscard]] bool is_of_user(op_site site) noexcept {
  return site == op_site::flow_poll || site == op_site::flow_read || site == op_site::flow_write;
}

/// EPOLLIN or EPOLLOUT for trusted kinds.
[[nodiscard]] std::uint32_t direction_of(request_kind kind) noexcept {
  switch (kind) {
    case request_kind::connect:
    case request_kind::send:
    case request_kind::send_message: return EPOLLOUT;
    default: return EPOLLIN;
  }
}

}  // namespace

epoll_driver::epoll_driver(const epoll_options& options)
    : driver(options.common), refusal_(options.refusal) {}

result<std::unique_ptr<epoll_driver>> epoll_driver::create(const epoll_options& options) {
  if (!options.common.is_valid()) return error{error_code::bad_argument, 0, "epoll_options"};
  std::unique_ptr<epoll_driver> self{new epoll_driver(options)};
  self->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!self->epoll_.is_open()) return error_from_errno(errno, "epoll_create1");
  if (auto opened = self->signal_.open(); !opened) return opened.error();
  // Edge-triggered and never read (wake_signal): each write is told once.
  ::epoll_event watched{EPOLLIN | EPOLLET, {.u64 = signal_mark}};
  if (::epoll_ctl(self->epoll_.get(), EPOLL_CTL_ADD, self->signal_.fd(), &watched) != 0) {
    return error_from_errno(errno, "epoll_ctl");
  }
  self->look_interval_ticks_ = look_interval_us * base::ticks_per_us();
  return self;
}

result<void> epoll_driver::attach() {
  auto opened =
      receive_buffers::create(nullptr, options_.buffer_count, options_.buffer_bytes, *this);
  if (!opened) return opened.error();
  become_attached(**opened);
  return {};
}

std::string epoll_driver::describe() const {
  ::utsname system{};
  ::uname(&system);
  return std::string{"epoll ("} +
         (refusal_.empty() ? "asked for" : "io_uring refused: " + refusal_) + "), kernel " +
         system.release + ": edge-triggered, " + std::to_string(options_.buffer_count) + " x " +
         std::to_string(options_.buffer_bytes) + " B receive buffers";
}

// ---- the kernel's events ----

bool epoll_driver::has_exchange() const noexcept { return !woken_.empty() || !begun_.empty(); }

sched::park_outcome epoll_driver::park(base::nanoseconds_t deadline_ns) noexcept {
  if (!prepare_to_sleep()) return sched::park_outcome::event;
  if (has_exchange()) {
    run(woken_);
    run(begun_);
    if (has_completed() || has_exchange()) return sched::park_outcome::event;
  }
  const base::nanoseconds_t until_ns = earlier_deadline(deadline_ns);
  if (!signal_.announce()) return sched::park_outcome::woken;
  const int answer = wait_for_events(until_ns);
  const bool is_woken = signal_.end();
  take_events(answer);
  if (is_woken) return sched::park_outcome::woken;
  return answer == 0 && until_ns == deadline_ns ? sched::park_outcome::timed_out
                                                : sched::park_outcome::event;
}

int epoll_driver::wait_for_events(base::nanoseconds_t until_ns) noexcept {
  count(counters().enters);
  looked_ticks_ = base::ticks();
  const auto room = static_cast<int>(events_.size());
  if (until_ns == base::no_deadline) {
    return ::epoll_wait(epoll_.get(), events_.data(), room, -1);
  }
  const std::int64_t span_ns =
      until_ns == 0 ? 0 : std::max<std::int64_t>(until_ns - base::now_ns(), 0);
  if (span_ns == 0) return ::epoll_wait(epoll_.get(), events_.data(), room, 0);
  if (has_nanoseconds_) {
    const ::timespec span{span_ns / 1'000'000'000, span_ns % 1'000'000'000};
    const int answer = ::epoll_pwait2(epoll_.get(), events_.data(), room, &span, nullptr);
    if (answer >= 0 || (errno != ENOSYS && errno != EPERM)) return answer;
    has_nanoseconds_ = false;
  }
  // Rounded up: never early.
  const std::int64_t span_ms = std::min<std::int64_t>(span_ns / 1'000'000 + 1, INT32_MAX);
  return ::epoll_wait(epoll_.get(), events_.data(), room, static_cast<int>(span_ms));
}

void epoll_driver::take_events(int count) noexcept {
  for (int index = 0; index < count; ++index) {
    const ::epoll_event& event = events_[static_cast<std::size_t>(index)];
    if (event.data.u64 != signal_mark) take_event(event.data.fd, event.events);
  }
}

void epoll_driver::take_event(int fd, std::uint32_t events) noexcept {
  descriptor& told = at(fd);
  const bool is_ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  const bool is_failed = (events & (EPOLLHUP | EPOLLERR)) != 0;
  told.is_ended |= is_ended;
  told.is_readable |= is_ended || (events & EPOLLIN) != 0;
  told.is_writable |= is_failed || (events & EPOLLOUT) != 0;
  const bool is_wanted = queue_waiters(told, is_failed ? ~0U : events);
  if (events == EPOLLOUT && !is_wanted && told.interest != 0) {  // E4
    told.interest &= ~static_cast<std::uint32_t>(EPOLLOUT);
    ::epoll_event changed{told.interest | EPOLLET, {}};
    changed.data.fd = fd;
    static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &changed));
  }
  if (told.interest == 0 && told.first_waiter != nobody) {  // one-shot, and others wait on
    // Without a registration nobody would tell them: each tries again and meets the error itself.
    if (register_for(fd, told, false) != 0) static_cast<void>(queue_waiters(told, ~0U));
  }
}

bool epoll_driver::queue_waiters(descriptor& at, std::uint32_t events) noexcept {
  bool found = false;
  for (std::uint32_t* link = &at.first_waiter; *link != nobody;) {
    pending& waiter = pending_[*link];
    if ((waiter.wait_for & events) == 0) {
      link = &waiter.next;
      continue;
    }
    *link = waiter.next;
    waiter.next = nobody;
    waiter.at = state::queued;
    woken_.push_back(waiter.number);
    found = true;
  }
  return found;
}

// ---- requests ----

void epoll_driver::begin(std::uint64_t number, const request& what) noexcept {
  const std::uint32_t slot = operation_table::slot_of(number);
  if (slot >= pending_.size()) pending_.resize(std::size_t{slot} + 1);
  pending& made = pending_[slot];
  made = pending{};
  made.number = number;
  made.what = what;
  made.at = state::queued;
  begun_.push_back(number);
  count(counters().submissions);
}

void epoll_driver::ask_to_end(std::uint64_t number) noexcept {
  pending& asked = pending_[operation_table::slot_of(number)];
  if (asked.number != number || asked.at == state::free) return;
  if (asked.at == state::waiting) stop_waiting(asked);
  end(asked, {-ECANCELED, 0});
}

void epoll_driver::exchange() noexcept {
  if (woken_.empty() && base::ticks() - looked_ticks_ >= look_interval_ticks_) {
    take_events(wait_for_events(0));
  }
  run(woken_);  // first: those who wait at a descriptor were there before those who begin
  run(begun_);
}

void epoll_driver::run(std::vector<std::uint64_t>& queue) noexcept {
  if (queue.empty()) return;
  now_.swap(queue);
  for (const std::uint64_t number : now_) {
    pending& next = pending_[operation_table::slot_of(number)];
    if (next.number == number && next.at == state::queued) serve(next);
  }
  now_.clear();
}

void epoll_driver::serve(pending& of) noexcept {
  const bool trusted = is_trusted(of.what.kind);
  const std::uint32_t direction = direction_of(of.what.kind);
  descriptor& there = at(of.what.fd);
  for (unsigned left = serve_count_max(of.what.kind); left > 0; --left) {
    const bool is_ready = direction == EPOLLIN ? there.is_readable : there.is_writable;
    if (trusted && !is_ready) return start_waiting(of, direction);
    const attempt_result answer = attempt(of.what, of.attempts, buffers());
    if (trusted) note(there, answer, direction);
    if (answer.is_blocked()) return start_waiting(of, answer.wait_for);
    if (!of.what.is_multishot || answer.ends_multishot) return end(of, answer.what);
    complete(of.number, {answer.what.result, answer.what.flags | completion::flag_more});
    count(counters().completions);
  }
  begun_.push_back(of.number);  // still queued: the others come first
}

/// E1, E3.
void epoll_driver::note(descriptor& at, const attempt_result& answer,
                        std::uint32_t direction) noexcept {
  if (!answer.is_blocked() && (!answer.is_drained || at.is_ended)) return;
  (direction == EPOLLIN ? at.is_readable : at.is_writable) = false;
}

void epoll_driver::start_waiting(pending& of, std::uint32_t events) noexcept {
  const std::uint32_t slot = operation_table::slot_of(of.number);
  descriptor& there = at(of.what.fd);
  of.at = state::waiting;
  of.wait_for = events;
  std::uint32_t* link = &there.first_waiter;
  while (*link != nobody) link = &pending_[*link].next;
  *link = slot;
  if (const int failed = register_for(of.what.fd, there, is_trusted(of.what.kind)); failed != 0) {
    stop_waiting(of);
    end(of, {-failed, 0});
  }
}

/// Returns an errno value.
int epoll_driver::register_for(int fd, descriptor& at, bool is_trusted) noexcept {
  std::uint32_t wanted = at.interest;
  for (std::uint32_t slot = at.first_waiter; slot != nobody; slot = pending_[slot].next) {
    wanted |= pending_[slot].wait_for;
  }
  if ((wanted & EPOLLIN) != 0) wanted |= EPOLLRDHUP;
  if (is_trusted && wanted == at.interest) return 0;
  const bool is_one_shot = !is_trusted && at.interest == 0;  // the user's edges wake nobody
  ::epoll_event event{
      wanted | EPOLLET | (is_one_shot ? static_cast<std::uint32_t>(EPOLLONESHOT) : 0U), {}};
  event.data.fd = fd;
  // An event follows at once for what is ready already, so nothing is missed between the attempt
  // and this.
  const bool is_known = at.interest != 0 || !is_trusted;
  int operation = is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  int answer = ::epoll_ctl(epoll_.get(), operation, fd, &event);
  if (answer != 0 && (errno == ENOENT || errno == EEXIST)) {
    operation = is_known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    answer = ::epoll_ctl(epoll_.get(), operation, fd, &event);
  }
  if (answer != 0) return errno;
  at.interest = is_one_shot ? 0 : wanted;
  return 0;
}

void epoll_driver::stop_waiting(pending& of) noexcept {
  const std::uint32_t slot = operation_table::slot_of(of.number);
  std::uint32_t* link = &at(of.what.fd).first_waiter;
  while (*link != slot) link = &pending_[*link].next;
  *link = of.next;
}

void epoll_driver::end(pending& of, completion what) noexcept {
  complete(of.number, what);
  count(counters().completions);
  of.at = state::free;
  of.next = nobody;
}

void epoll_driver::forget(int fd) noexcept {
  if (fd < 0 || static_cast<std::size_t>(fd) >= descriptors_.size()) return;
  descriptor& left = descriptors_[static_cast<std::size_t>(fd)];
  for (std::uint32_t slot = left.first_waiter; slot != nobody; slot = pending_[slot].next) {
    SLUICE_ASSERT(is_of_user(pending_[slot].what.site),
                  "D5: a descriptor was forgotten with requests on it");
  }
  // A user who closed a descriptor under his own wait, and whose number was ours next, waits on
  // until he is cancelled, as with io_uring.
  const std::uint32_t waiter = left.first_waiter;
  left = descriptor{};
  left.first_waiter = waiter;
}

epoll_driver::descriptor& epoll_driver::at(int fd) {
  const std::size_t index = fd < 0 ? 0 : static_cast<std::size_t>(fd);
  if (index >= descriptors_.size()) {
    descriptors_.resize(std::max(index + 1, descriptors_.size() * 2));
  }
  return descriptors_[index];
}

void epoll_driver::end_all() noexcept {
  for (pending& each : pending_) {
    if (each.at == state::free) continue;
    if (each.at == state::waiting) stop_waiting(each);
    end(each, {-ECANCELED, 0});
  }
  woken_.clear();
  begun_.clear();
}

void epoll_driver::close() noexcept {
  epoll_.reset();
  descriptors_.clear();
}

}  // namespace sluice::inline v0::io
