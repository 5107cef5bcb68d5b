#include "net/signals_watcher.hpp"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>

#include "actor/meta_flow.hpp"
#include "net/worker_or_parent.hpp"

namespace sluice::inline v0::signals {

namespace {

constexpr int number_max = 64;

/// An error's place has static storage: one sentence a signal.
class not_blocked_places {
 public:
  constexpr not_blocked_places() noexcept {
    for (int number = 0; number <= number_max; ++number) {
      auto& text = texts_[static_cast<std::size_t>(number)];
      std::size_t at = 0;
      for (const char letter : "signals::watcher: not blocked: signal ") {
        if (letter != '\0') text[at++] = letter;
      }
      if (number >= 10) text[at++] = static_cast<char>('0' + number / 10);
      text[at] = static_cast<char>('0' + number % 10);
    }
  }
  [[nodiscard]] const char* of(int number) const noexcept {
    return texts_[static_cast<std::size_t>(number)].data();
  }

 private:
  std::array<std::array<char, 48>, number_max + 1> texts_{};
};
constexpr not_blocked_places places;

/// What the main thread blocks, one bit a signal; all, when that cannot be seen.
std::uint64_t blocked_by_main_thread() {
  const std::string id = std::to_string(::getpid());
  std::ifstream status{"/proc/self/task/" + id + "/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("SigBlk:", 0) == 0) return std::strtoull(line.c_str() + 7, nullptr, 16);
  }
  return ~std::uint64_t{0};
}

}  // namespace

struct watcher::implementation::on_ring {
  on_ring(core::meta_state& meta, implementation& owner)
      : teller(meta),
        driver(teller.driver()),
        poll(owner),
        read(owner),
        finish(owner),
        detach(owner) {}

  net::teller teller;
  io::driver& driver;
  io::bound_operation<implementation, &implementation::on_ready> poll;
  io::bound_operation<implementation, &implementation::on_read> read;
  io::bound_hook<implementation, &implementation::finish> finish;
  io::bound_hook<implementation, &implementation::on_detach> detach;
};

watcher::watcher(watcher_options asked)
    : inner_(std::make_unique<implementation>(std::move(asked))) {}
watcher::~watcher() = default;

// ---- in the spawner's thread ----

result<void> watcher::implementation::open(watcher& self) {
  // Relaxed: the caller's own.
  const core::execution& by = *self.self_->running_on.load(base::relaxed);
  auto worker =
      net::worker_or_parent(by, *self.self_->meta, options_.worker, "signals::watcher: worker");
  if (!worker) return worker.error();
  options_.worker = *worker;
  return open_signalfd();
}

result<void> watcher::implementation::open_signalfd() {
  const error bad{error_code::bad_argument, 0, "signals::watcher: numbers"};
  if (options_.numbers.empty()) return bad;
  ::sigset_t wanted;
  ::sigset_t blocked;
  ::sigemptyset(&wanted);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  // In a handler the spawning thread is the node's own, which blocks all; the main thread shows
  // what the host did.
  const std::uint64_t blocked_by_main = blocked_by_main_thread();
  for (const int number : options_.numbers) {
    if (number < 1 || number > number_max || number == SIGKILL || number == SIGSTOP ||
        ::sigaddset(&wanted, number) != 0) {
      return bad;
    }
    if (::sigismember(&blocked, number) != 1 || (blocked_by_main >> (number - 1) & 1) == 0) {
      return error{error_code::bad_argument, 0, places.of(number)};
    }
  }
  fd_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_.is_open()) return error_from_errno(errno, "signals::watcher: signalfd");
  return {};
}

// ---- on the ring's thread ----

void watcher::implementation::begin(core::meta_state& state) {
  ring_ = std::make_unique<on_ring>(state, *this);
  ring_->driver.call_at_detach(ring_->detach);
  wait();
}

// Also called when all is over, or, when the parent ended during the spawn, before begin().
void watcher::implementation::end(const exit_reason& asked) {
  if (ring_ == nullptr || is_over_) return;
  if (!reason_) reason_ = asked;
  close();
}

void watcher::implementation::wait() noexcept {
  ring_->driver.start(ring_->poll, io::request::poll(fd_.get(), io::op_site::signal_read, POLLIN));
}

void watcher::implementation::on_ready(io::completion what) noexcept {
  if (is_closing_) return settle();
  if (what.result > 0) {
    return ring_->driver.start(ring_->read,
                               io::request::read(fd_.get(), io::op_site::signal_read,
                                                 std::as_writable_bytes(std::span{read_})));
  }
  if (what.result == 0 || what.result == -EINTR || what.result == -EAGAIN) return wait();
  reason_ = exit_reason::error(error_from_errno(-what.result, "signals::watcher").message());
  close();
}

void watcher::implementation::on_read(io::completion what) noexcept {
  if (what.result > 0) {
    const std::size_t count = static_cast<std::size_t>(what.result) / sizeof read_[0];
    for (std::size_t index = 0; index < count; ++index) tell(read_[index]);
  }
  if (is_closing_) return settle();
  if (what.result >= 0 || what.result == -EINTR || what.result == -EAGAIN) return wait();
  reason_ = exit_reason::error(error_from_errno(-what.result, "signals::watcher").message());
  close();
}

void watcher::implementation::tell(const ::signalfd_siginfo& what) noexcept {
  const send_outcome outcome = ring_->teller.tell(
      options_.worker, caught{ring_->teller.id(), static_cast<int>(what.ssi_signo), what.ssi_code,
                              static_cast<int>(what.ssi_pid), what.ssi_uid, what.ssi_int, lost_});
  if (outcome == send_outcome::accepted) {
    lost_ = 0;
  } else if (outcome == send_outcome::full) {
    ++lost_;
  } else {
    if (!reason_) reason_ = exit_reason::error("the worker has ended");
    close();
  }
}

void watcher::implementation::close() noexcept {
  if (is_closing_) return;
  is_closing_ = true;
  ring_->driver.cancel(ring_->poll);
  ring_->driver.cancel(ring_->read);
  settle();
}

void watcher::implementation::settle() noexcept {
  if (ring_->poll.in_flight() || ring_->read.in_flight()) return;
  ring_->driver.call_after_turn(ring_->finish);
}

void watcher::implementation::finish() noexcept {
  is_over_ = true;
  ring_->driver.forget(fd_.get());
  fd_.reset();
  ring_->detach.unlink();
  const net::teller& teller = ring_->teller;
  if (teller.is_given_up()) return;
  core::leave_start(teller.by(), teller.meta(),  // *this may be gone now
                    reason_.value_or(exit_reason::killed()));
}

}  // namespace sluice::inline v0::signals

namespace sluice::inline v0 {

namespace {

signals::watcher::implementation& inner_of(void* object) noexcept {
  return static_cast<signals::watcher*>(object)->inner();
}
result<void> open_watcher(void* object) {
  return inner_of(object).open(*static_cast<signals::watcher*>(object));
}
void begin_watcher(void* object, core::meta_state& state) { inner_of(object).begin(state); }
void stop_watcher(void* object, const exit_reason& reason) { inner_of(object).end(reason); }
bool drain_watcher(void* object, const exit_reason& reason) {
  inner_of(object).end(reason);
  return true;
}

constexpr core::behaviour with_open(core::behaviour what) noexcept {
  what.start = &open_watcher;
  return what;
}

}  // namespace

constinit const core::meta_behaviour behaviour_of<signals::watcher>::value{
    with_open(core::meta_base_behaviour<signals::watcher>()),
    core::meta_flow::io,
    nullptr,
    &begin_watcher,
    &stop_watcher,
    &drain_watcher};

}  // namespace sluice::inline v0
