// uring_driver: the io_uring of one worker thread, as the io layer's driver.
//
// When: a worker that owns a ring. Not for threads without sockets (park_driver), nor where
// io_uring is forbidden (epoll_driver).
// exchange() enters the kernel at most once and only when there is something to submit or to run
// there. park() submits and sleeps in the same call.
// Rules
//   U1  Nothing is lost: when the submission ring is full it is submitted; when the kernel cannot
//       take more, entries wait in order in an overflow list.
//   U2  The eventfd of the wake signal is watched by one multishot poll and never read.
//   U3  A registered descriptor is registered until forget(fd): the ring then holds its file, which
//       a close() of the descriptor alone would not close.
// Memory: the ring (sq_entries, cq_entries), the buffers. No allocation a turn.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sluice/result.hpp>

#include "io/driver.hpp"
#include "io/uring_compat.hpp"
#include "io/wake_signal.hpp"

namespace sluice::inline v0::io {

struct uring_options {
  unsigned sq_entries = 256;
  unsigned cq_entries = 4096;  ///< at least sq_entries
  driver_options common{};
};

/// Says in one paragraph why io_uring cannot be used here and what to do about it. For an error of
/// create() or attach(); reads /proc.
[[nodiscard]] std::string explain_unavailable(const error& why);
/// The same in one clause, for the start line: "forbidden by a seccomp filter, EPERM".
[[nodiscard]] std::string refusal_of(const error& why);

class uring_driver final : public driver {
 public:
  /// Any thread. Asks for the full set of flags and drops those the kernel refuses.
  [[nodiscard]] static result<std::unique_ptr<uring_driver>> create(
      const uring_options& options = {});
  ~uring_driver() override;

  [[nodiscard]] result<void> attach() override;
  [[nodiscard]] sched::park_outcome park(base::nanoseconds_t deadline_ns) noexcept override;
  void wake() noexcept override { signal_.wake(); }
  void expect_many(int fd) noexcept override;
  void forget(int fd) noexcept override;

  /// "io_uring, kernel 6.18.44: SINGLE_ISSUER|DEFER_TASKRUN|… (refused: none), 256/4096 entries,
  /// …".
  [[nodiscard]] std::string describe() const override;
  /// Writes to the eventfd so far.
  [[nodiscard]] std::uint64_t wake_write_count() const noexcept { return signal_.write_count(); }

 private:
  explicit uring_driver(const uring_options& options);

  void begin(std::uint64_t number, const request& what) noexcept override;
  void ask_to_end(std::uint64_t number) noexcept override;
  void exchange() noexcept override;
  [[nodiscard]] bool has_exchange() const noexcept override;
  void end_all() noexcept override;
  void close() noexcept override;

  [[nodiscard]] ::io_uring_sqe* next_entry() noexcept;
  void name_file(::io_uring_sqe& entry, int fd) const noexcept;
  [[nodiscard]] int enter_once() noexcept;
  void move_overflow() noexcept;
  void drain() noexcept;
  void watch_signal() noexcept;
  [[nodiscard]] bool needs_kernel() const noexcept;
  [[nodiscard]] bool has_completions() const noexcept;

  const unsigned sq_entries_;
  const unsigned cq_entries_;
  ::io_uring ring_{};
  unsigned flags_asked_ = 0;
  unsigned flags_accepted_ = 0;
  wake_signal signal_;
  std::vector<::io_uring_sqe> overflow_;  // U1
  std::vector<int> registered_;           // U3: the descriptors, by their place in the ring's table
};

}  // namespace sluice::inline v0::io
