// pipe_writer: the writing end of a pipe on a driver: one write in flight, from a queue with marks.
//
// When: a child's input. Not for sockets (stream). Who: the driver's owner thread; the handler is
// called from poll() only, never from inside a call to the writer.
// Rules
//   PW1 The descriptor is O_NONBLOCK; one write or one wait is in flight.
//   PW2 on_pipe_end comes last, exactly once, when every operation was reaped and the descriptor is
//       closed; the writer may be destroyed in it, and not before.
//   PW3 A reader that went away gives EPIPE, and a SIGPIPE that stays pending on the node's own
//       threads, which block all signals.
//
//            write        queue written   close_after_flush   error, close
//  open      open         -               flushing | closing  closing
//  flushing  (refused)    closing         -                   closing
//  closing   …every operation is reaped, the descriptor closed, on_pipe_end: closed
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>

#include <sluice/bytes.hpp>

#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "io/operation.hpp"
#include "io/turn_hook.hpp"
#include "io/write_queue.hpp"

namespace sluice::inline v0::io {

class pipe_write_handler {
 public:
  /// The queue fell to the low mark after it had been above the high mark.
  virtual void on_pipe_writable() noexcept = 0;
  /// PW2. `os_error`: 0 after close and close_after_flush.
  virtual void on_pipe_end(int os_error, std::uint64_t bytes_lost) noexcept = 0;

 protected:
  ~pipe_write_handler() = default;
};

struct pipe_write_limits {
  std::uint32_t bytes_high = 256 * 1024;
  std::uint32_t bytes_low = 64 * 1024;
  std::uint32_t bytes_max = 16 * 1024 * 1024;  ///< what would pass this is refused
};

class pipe_writer {
 public:
  enum class [[nodiscard]] outcome : std::uint8_t{queued, full, closed};

  pipe_writer(driver& on, pipe_write_handler& handler) noexcept : driver_(on), handler_(handler) {}
  pipe_writer(const pipe_writer&) = delete;
  pipe_writer& operator=(const pipe_writer&) = delete;
  ~pipe_writer();

  void open(base::unique_fd pipe, const pipe_write_limits& limits);
  /// Queues all of the parts, in this order (an empty one is not there), or none.
  outcome write(std::array<bytes, 3> parts);
  /// Writes what is queued, then closes.
  void close_after_flush() noexcept;
  /// Closes at once; what is queued is lost.
  void close() noexcept;

  [[nodiscard]] bool is_closed() const noexcept {
    return state_ == state::idle || state_ == state::closed;
  }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queue_.total_bytes(); }
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_written_; }

 private:
  enum class state : unsigned char { idle, open, flushing, closing, closed };

  void flush() noexcept;
  void on_written(completion what) noexcept;
  void on_ready(completion what) noexcept;
  void tear_down(int os_error) noexcept;
  void settle() noexcept;
  void finish() noexcept;
  void on_detach() noexcept { tear_down(ECANCELED); }

  driver& driver_;
  pipe_write_handler& handler_;
  base::unique_fd pipe_;
  state state_ = state::idle;
  bool above_high_ = false;
  int os_error_ = 0;
  std::uint64_t bytes_written_ = 0;
  pipe_write_limits limits_;
  write_queue queue_;
  bound_operation<pipe_writer, &pipe_writer::on_written> write_{*this};
  bound_operation<pipe_writer, &pipe_writer::on_ready> poll_{*this};
  bound_hook<pipe_writer, &pipe_writer::flush> flush_{*this};
  bound_hook<pipe_writer, &pipe_writer::finish> finish_{*this};
  bound_hook<pipe_writer, &pipe_writer::on_detach> detach_{*this};
};

}  // namespace sluice::inline v0::io
