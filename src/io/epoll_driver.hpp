// epoll_driver: the io layer's driver where io_uring is forbidden (seccomp, sysctl, old kernels).
//
// Requests are carried out by non-blocking calls (attempt.hpp) when their descriptor is ready.
// Descriptors are registered once, edge-triggered; what an event said is remembered a direction, so
// that no call is made only to see EAGAIN: a short read or write says that the direction is done.
// A turn's system calls are those of a bare epoll server: one epoll_wait, a recv a readable
// descriptor, a send an answer. A multishot request is served a bounded number of times a turn.
// Rules
//   E1  Remembered readiness may be wrong in one direction only: "ready" costs a call that says
//       EAGAIN. "Not ready" is set after a call that said so, and a later event takes it back.
//   E2  Sockets of the library are trusted to be forgotten before they are closed (D5). Requests of
//       the kinds poll, read and write may be about descriptors of the user, whose number may stand
//       for another file at any time: they register anew at each wait.
//   E3  When the peer's end was told (RDHUP, HUP, ERR) a short read says nothing: the end of input
//       comes without another event.
//   E4  Interest in output is taken when a send would block, and dropped by an event that nobody
//       waited for: sockets that tell each freed buffer wake nobody.
// Memory: a record a request in flight, one a descriptor number. No allocation a turn.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sluice/result.hpp>

#include "base/unique_fd.hpp"
#include "io/attempt.hpp"
#include "io/driver.hpp"
#include "io/wake_signal.hpp"

namespace sluice::inline v0::io {

struct epoll_options {
  driver_options common{};
  /// Why io_uring was not taken, for describe(); empty: epoll was asked for.
  std::string refusal{};
};

class epoll_driver final : public driver {
 public:
  /// Any thread.
  [[nodiscard]] static result<std::unique_ptr<epoll_driver>> create(
      const epoll_options& options = {});

  [[nodiscard]] result<void> attach() override;
  [[nodiscard]] sched::park_outcome park(base::nanoseconds_t deadline_ns) noexcept override;
  void wake() noexcept override { signal_.wake(); }
  void forget(int fd) noexcept override;

  /// "epoll (io_uring refused: forbidden by a seccomp filter, EPERM), kernel 6.18.44: …".
  [[nodiscard]] std::string describe() const override;
  /// Writes to the eventfd so far.
  [[nodiscard]] std::uint64_t wake_write_count() const noexcept { return signal_.write_count(); }

 private:
  static constexpr std::uint32_t nobody = UINT32_MAX;
  static constexpr unsigned event_count_max = 256;

  enum class state : std::uint8_t { free, queued, waiting };

  /// A request in flight, at the slot of its number.
  struct pending {
    std::uint64_t number = 0;
    request what{};
    state at = state::free;
    attempt_state attempts{};
    std::uint32_t wait_for = 0;   // while waiting: EPOLL* events
    std::uint32_t next = nobody;  // while waiting: the next one at this descriptor
  };

  /// What is known of a descriptor number.
  struct descriptor {
    std::uint32_t interest = 0;  // registered events; 0: not registered, or not known (E2)
    std::uint32_t first_waiter = nobody;
    bool is_readable = false;
    bool is_writable = true;
    bool is_ended = false;  // E3
  };

  explicit epoll_driver(const epoll_options& options);

  void begin(std::uint64_t number, const request& what) noexcept override;
  void ask_to_end(std::uint64_t number) noexcept override;
  void exchange() noexcept override;
  [[nodiscard]] bool has_exchange() const noexcept override;
  void end_all() noexcept override;
  void close() noexcept override;

  [[nodiscard]] int wait_for_events(base::nanoseconds_t until_ns) noexcept;
  void take_events(int count) noexcept;
  void take_event(int fd, std::uint32_t events) noexcept;
  [[nodiscard]] bool queue_waiters(descriptor& at, std::uint32_t events) noexcept;
  void run(std::vector<std::uint64_t>& queue) noexcept;
  void serve(pending& of) noexcept;
  void note(descriptor& at, const attempt_result& answer, std::uint32_t direction) noexcept;
  void start_waiting(pending& of, std::uint32_t events) noexcept;
  [[nodiscard]] int register_for(int fd, descriptor& at, bool is_trusted) noexcept;
  void stop_waiting(pending& of) noexcept;
  void end(pending& of, completion what) noexcept;
  [[nodiscard]] descriptor& at(int fd);

  const std::string refusal_;
  base::unique_fd epoll_;
  wake_signal signal_;
  bool has_nanoseconds_ = true;  // epoll_pwait2
  std::uint64_t looked_ticks_ = 0;
  std::uint64_t look_interval_ticks_ = 0;
  std::vector<pending> pending_;
  std::vector<descriptor> descriptors_;
  std::vector<std::uint64_t> woken_;  // numbers whose descriptor has become ready
  std::vector<std::uint64_t> begun_;  // numbers to be tried in the next exchange
  std::vector<std::uint64_t> now_;    // being tried
  std::array<::epoll_event, event_count_max> events_{};
};

}  // namespace sluice::inline v0::io
