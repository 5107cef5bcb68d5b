#include <sluice/blocking.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <utility>

namespace sluice {
inline namespace v0 {
namespace blocking {

namespace {

using clock = std::chrono::steady_clock;
constexpr clock::time_point never = clock::time_point::max();

clock::time_point deadline_after(std::chrono::nanoseconds time) noexcept {
  const clock::time_point now = clock::now();
  if (time.count() <= 0) return now;
  return time >= never - now ? never : now + time;
}

bool is_worth_retrying(int os_error) noexcept {
  return os_error == EAGAIN || os_error == EWOULDBLOCK || os_error == EINTR;
}

/// A write of this size does not wait once the descriptor is writable.
std::size_t write_bytes_max(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0) return SSIZE_MAX;
  struct ::stat kind {};
  if (::fstat(fd, &kind) == 0 && S_ISREG(kind.st_mode)) return SSIZE_MAX;
  return PIPE_BUF;
}

}  // namespace

void waiter::wake::operator()() const noexcept {
  const std::uint64_t one = 1;
  // Fails for a full counter alone, which is readable too.
  static_cast<void>(!::write(event_fd, &one, sizeof one));
}

waiter::event::event() noexcept : fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
waiter::event::~event() {
  if (fd >= 0) ::close(fd);
}

waiter::waiter(std::stop_token stop) : stop_(std::move(stop)), on_stop_(stop_, wake{event_.fd}) {}

// Without a descriptor of the caller's (-1) only the time and the stop end it.
result<void> waiter::wait(int fd, short events, time_point until) noexcept {
  if (event_.fd < 0) return error{error_code::limit_reached, EMFILE, "blocking::waiter"};
  ::pollfd watched[2] = {{event_.fd, POLLIN, 0}, {fd, events, 0}};
  while (true) {
    ::timespec left{};
    ::timespec* limit = nullptr;
    if (until != never) {
      const auto span = std::max(until - clock::now(), clock::duration{0});
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
      left.tv_sec = static_cast<::time_t>(seconds.count());
      left.tv_nsec = static_cast<long>(std::chrono::nanoseconds{span - seconds}.count());
      limit = &left;
    }
    const int answer = ::ppoll(watched, fd < 0 ? 1 : 2, limit, nullptr);
    if (answer < 0 && errno != EINTR) return error_from_errno(errno, "blocking::waiter");
    if (answer > 0 && watched[0].revents != 0) {
      return error{error_code::cancelled, ECANCELED, "blocking::waiter"};
    }
    if (answer > 0 && (watched[1].revents & POLLNVAL) != 0) {
      return error_from_errno(EBADF, "blocking::waiter");
    }
    if (answer > 0) return {};
    if (answer == 0 && clock::now() >= until) {
      return error{error_code::timed_out, ETIMEDOUT, "blocking::waiter"};
    }
  }
}

result<void> waiter::wait_for_fd(int fd, short events, time_point until) noexcept {
  if (fd < 0) return error_from_errno(EBADF, "blocking::waiter");
  return wait(fd, events, until);
}

result<void> waiter::sleep_until(time_point when) noexcept {
  const result<void> ended = wait(-1, 0, when);
  if (ended.error().code == error_code::timed_out) return {};
  return ended;
}

result<void> waiter::sleep_for(std::chrono::nanoseconds time) noexcept {
  return sleep_until(deadline_after(time));
}

void waiter::wait_for_stop() noexcept { static_cast<void>(sleep_until(never)); }

result<void> waiter::wait_readable(int fd, std::chrono::nanoseconds timeout) noexcept {
  return wait_for_fd(fd, POLLIN, deadline_after(timeout));
}

result<void> waiter::wait_writable(int fd, std::chrono::nanoseconds timeout) noexcept {
  return wait_for_fd(fd, POLLOUT, deadline_after(timeout));
}

result<std::size_t> waiter::read_some(int fd, std::span<std::byte> into,
                                      std::chrono::nanoseconds timeout) noexcept {
  const time_point until = deadline_after(timeout);
  while (true) {
    if (auto ready = wait_for_fd(fd, POLLIN, until); !ready) return ready.error();
    ::ssize_t got = ::recv(fd, into.data(), into.size(), MSG_DONTWAIT);
    if (got < 0 && errno == ENOTSOCK) got = ::read(fd, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (!is_worth_retrying(errno)) return error_from_errno(errno, "blocking::waiter read");
  }
}

result<std::size_t> waiter::write_some(int fd, std::span<const std::byte> from,
                                       std::chrono::nanoseconds timeout) noexcept {
  const time_point until = deadline_after(timeout);
  while (true) {
    if (auto ready = wait_for_fd(fd, POLLOUT, until); !ready) return ready.error();
    ::ssize_t put = ::send(fd, from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK) {
      put = ::write(fd, from.data(), std::min(from.size(), write_bytes_max(fd)));
    }
    if (put >= 0) return static_cast<std::size_t>(put);
    if (!is_worth_retrying(errno)) return error_from_errno(errno, "blocking::waiter write");
  }
}

result<int> waiter::accept(int listening, std::chrono::nanoseconds timeout) noexcept {
  const time_point until = deadline_after(timeout);
  while (true) {
    if (auto ready = wait_for_fd(listening, POLLIN, until); !ready) return ready.error();
    const int socket = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket >= 0) return socket;
    if (errno != ECONNABORTED && !is_worth_retrying(errno)) {
      return error_from_errno(errno, "blocking::waiter accept");
    }
  }
}

}  // namespace blocking
}  // namespace v0
}  // namespace sluice
