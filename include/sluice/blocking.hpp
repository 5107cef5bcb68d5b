// blocking::waiter: what a blocking meta's start(std::stop_token) may wait for, and be stopped
// from.
//
//   void start(std::stop_token stop) {
//     blocking::waiter wait{stop};
//     std::byte memory[4096];
//     while (auto got = wait.read_some(device, memory)) { … }
//   }
//
// Every wait ends at once when the token is asked to stop, also when that came before: the error is
// `cancelled`, and so it is for each later one. `timed_out` when the time is over, never early. No
// wait looks around in between: a thread in one of them costs nothing.
// Threads: one object, one thread; any thread may ask to stop. Make it once for all waits of a
// start: it owns one descriptor. Where none is free each wait answers limit_reached.
// Descriptors stay the caller's, may be blocking or not, and must not be closed during a wait.
// Those that are blocking and that others read from or accept on too may make it wait too long.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <stop_token>

#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace blocking {

inline constexpr std::chrono::nanoseconds for_ever = std::chrono::nanoseconds::max();

class waiter {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit waiter(std::stop_token stop);
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;
  /// Waits for a stop that is being asked for on another thread to be through with it.
  ~waiter() = default;

  result<void> sleep_for(std::chrono::nanoseconds time) noexcept;
  result<void> sleep_until(time_point when) noexcept;
  /// Until the stop.
  void wait_for_stop() noexcept;

  /// Until `fd` can be read or written without waiting, or has an error or a hang-up to tell.
  result<void> wait_readable(int fd, std::chrono::nanoseconds timeout = for_ever) noexcept;
  result<void> wait_writable(int fd, std::chrono::nanoseconds timeout = for_ever) noexcept;

  /// Some bytes, at least one; 0 = end of input.
  result<std::size_t> read_some(int fd, std::span<std::byte> into,
                                std::chrono::nanoseconds timeout = for_ever) noexcept;
  /// Writes some of the bytes, at least one, and says how many. No SIGPIPE comes of a socket; a
  /// pipe's stays pending on the thread of a meta, which blocks all signals.
  result<std::size_t> write_some(int fd, std::span<const std::byte> from,
                                 std::chrono::nanoseconds timeout = for_ever) noexcept;
  /// A connection, close-on-exec; the descriptor is the caller's.
  result<int> accept(int listening, std::chrono::nanoseconds timeout = for_ever) noexcept;

  [[nodiscard]] bool is_stop_requested() const noexcept { return stop_.stop_requested(); }

 private:
  struct event {  // an eventfd, or -1
    event() noexcept;
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event();
    const int fd;
  };
  struct wake {
    int event_fd;
    void operator()() const noexcept;
  };
  [[nodiscard]] result<void> wait(int fd, short events, time_point until) noexcept;
  [[nodiscard]] result<void> wait_for_fd(int fd, short events, time_point until) noexcept;

  std::stop_token stop_;
  event event_;                       // readable from the stop on
  std::stop_callback<wake> on_stop_;  // goes before the descriptor it writes to
};

}  // namespace blocking
}  // namespace v0
}  // namespace sluice
