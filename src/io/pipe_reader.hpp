// pipe_reader: the reading end of a pipe on a driver: waits until there are bytes, reads them, and
// hands them out charged to an account, so that who keeps them stops this pipe and no other.
//
// When: a child's output. Not for sockets (stream). Who: the driver's owner thread; the handler is
// called from poll() only, never from inside a call to the reader.
// Rules
//   P1  The descriptor is O_NONBLOCK, and read only when there is something, so that no read stays
//       under way. Memory to read into is there from ready to drained only: an idle pipe holds
//       none.
//   P2  on_pipe_end comes last, exactly once, when every operation was reaped and the descriptor
//       is closed; the reader may be destroyed in it, and not before.
//   P3  After close() no bytes arrive.
//
//            ready     bytes read, EAGAIN   account exhausted   credit     end, error, close
//  polling   reading   -                    -                   -          closing
//  reading   -         polling              held                -          closing
//  held      -         -                    -                   polling    closing
//  closing   …every operation is reaped, the descriptor closed, on_pipe_end: closed
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <sluice/bytes.hpp>

#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "io/operation.hpp"
#include "io/receive_buffers.hpp"
#include "io/turn_hook.hpp"

namespace sluice::inline v0::io {

class pipe_reader;

class pipe_read_handler {
 public:
  /// Bytes in order, charged; at most read_bytes_max.
  virtual void on_pipe_bytes(pipe_reader& from, bytes data) noexcept = 0;
  /// P2. `os_error`: 0 at the end of the input and after close().
  virtual void on_pipe_end(pipe_reader& from, int os_error) noexcept = 0;

 protected:
  ~pipe_read_handler() = default;
};

class pipe_reader final : private credit_listener {
 public:
  static constexpr std::uint32_t read_bytes_max = 32 * 1024;

  pipe_reader(driver& on, pipe_read_handler& handler) noexcept : driver_(on), handler_(handler) {}
  ~pipe_reader();

  /// Takes the reading end and begins. Reading stops while charged_bytes_max are charged.
  void open(base::unique_fd pipe, std::uint32_t charged_bytes_max);
  /// Reads no more; what is left in the pipe is lost. on_pipe_end follows.
  void close() noexcept;

  /// Charges bytes that were made from several of on_pipe_bytes. Before on_pipe_end.
  [[nodiscard]] bytes charge(bytes made) {
    return driver_.buffers().charge(*account_, std::move(made));
  }
  [[nodiscard]] bool is_closed() const noexcept {
    return state_ == state::idle || state_ == state::closed;
  }
  /// Bytes that are in the pipe now, unread.
  [[nodiscard]] std::uint32_t waiting_bytes() const noexcept;
  /// The most that a read under way may have taken from the pipe.
  [[nodiscard]] std::uint32_t bytes_under_way() const noexcept {
    return read_.in_flight() ? read_bytes_max : 0;
  }
  /// The end of the input was seen, or would be by the next look.
  [[nodiscard]] bool is_at_end() const noexcept;
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }

 private:
  enum class state : unsigned char { idle, polling, reading, held, closing, closed };

  void poll() noexcept;
  void read() noexcept;
  void on_ready(completion what) noexcept;
  void on_read(completion what) noexcept;
  void take_bytes(std::uint32_t size) noexcept;
  void tear_down(int os_error) noexcept;
  void settle() noexcept;
  void finish() noexcept;
  void on_detach() noexcept { tear_down(ECANCELED); }
  void on_receive_credit() noexcept override;

  driver& driver_;
  pipe_read_handler& handler_;
  base::unique_fd pipe_;
  state state_ = state::idle;
  bool has_ended_ = false;
  int os_error_ = 0;
  std::uint64_t bytes_read_ = 0;
  receive_account* account_ = nullptr;
  std::unique_ptr<std::byte[]> memory_;  // P1
  bound_operation<pipe_reader, &pipe_reader::on_ready> poll_{*this};
  bound_operation<pipe_reader, &pipe_reader::on_read> read_{*this};
  bound_hook<pipe_reader, &pipe_reader::finish> finish_{*this};
  bound_hook<pipe_reader, &pipe_reader::on_detach> detach_{*this};
};

}  // namespace sluice::inline v0::io
