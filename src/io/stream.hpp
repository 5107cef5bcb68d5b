// stream: a connected stream socket (TCP, unix) on a driver: bytes in by a multishot receive, bytes
// out by one send in flight that takes everything queued.
//
// When: a connection's bytes. Not for datagrams. Who: the driver's owner thread; handlers are
// called from poll() only, never from inside a call to the stream. Read and write sides end apart.
// Rules
//   S1  One send in flight; what is written meanwhile, or within a turn, goes out in the next one.
//   S2  A receive is re-armed by "no F_MORE" alone, when nothing holds reading: the user's pause, a
//       write queue above its high mark (policy), an exhausted account, no free buffer.
//   S3  on_stream_closed comes last, exactly once, when every operation was reaped and the
//       descriptor is closed; the stream may be destroyed in it, and not before.
//   S4  Bytes the kernel had delivered when reading was paused still arrive.
//   S5  After close_after_flush or abort no bytes arrive; what is read then is thrown away.
//
//            close_after_flush   queue sent           end of input       limit/deadline  error,
//            abort
//  open      flushing            (half-close if asked) on_read_closed    -               tearing
//  flushing  -                   lingering | tearing  (noted)            tearing         tearing
//  lingering -                   -                    tearing            tearing         tearing
//  tearing   -    …every operation is reaped, the descriptor closed, on_stream_closed: closed…
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <sluice/bytes.hpp>
#include <sluice/result.hpp>

#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "io/operation.hpp"
#include "io/receive_buffers.hpp"
#include "io/timeout.hpp"
#include "io/turn_hook.hpp"
#include "io/write_queue.hpp"

namespace sluice::inline v0::io {

/// Why a stream ended.
enum class close_reason : unsigned char {
  none,
  closed_by_peer,   ///< both sides had ended, the peer's first
  closed_here,      ///< close_after_flush, everything sent
  peer_reset,       ///< ECONNRESET, EPIPE
  timed_out,        ///< the kernel gave up on the peer (ETIMEDOUT, unreachable)
  flush_timed_out,  ///< the deadline of close_after_flush passed with bytes unsent
  write_overflow,   ///< policy close, and the queue stood above its high mark
  aborted,          ///< abort()
  stopping,         ///< the driver was detached
  failed,           ///< any other error: see os_error()
};
[[nodiscard]] const char* to_string(close_reason reason) noexcept;

/// What happens when the write queue stands above its high mark.
enum class write_policy : unsigned char {
  pause_reading,  ///< read no more from this peer until the queue is below the low mark
  drop,           ///< refuse further writes until the queue is below the high mark
  close,          ///< abort the stream
};

enum class [[nodiscard]] write_outcome : unsigned char{
    accepted,         ///< queued
    above_high_mark,  ///< queued, and the queue stands above the mark: on_writable will come
    dropped,          ///< not queued (policy drop)
    closed,           ///< not queued: closed, closing, or half-closed
};

struct stream_options {
  bool nodelay = true;
  std::uint32_t write_bytes_high = 256 * 1024;
  std::uint32_t write_bytes_low = 64 * 1024;
  write_policy policy = write_policy::pause_reading;
  receive_limits receive{};
  std::uint32_t linger_bytes_max = 1024 * 1024;   ///< thrown away at most while closing
  base::nanoseconds_t linger_ns = 1'000'000'000;  ///< waited at most for the peer's end
};

class stream_handler {
 public:
  /// Bytes in order. The slice lies in the ring's buffer: pass it on, or detach_copy() to keep it.
  virtual void on_bytes(bytes data) noexcept = 0;
  /// The peer sends no more (half-close); writing goes on. Usually answered by close_after_flush().
  virtual void on_read_closed() noexcept = 0;
  /// The queue fell to the low mark after it had been above the high mark.
  virtual void on_writable() noexcept = 0;
  /// S3.
  virtual void on_stream_closed(close_reason reason, std::uint64_t bytes_in,
                                std::uint64_t bytes_out) noexcept = 0;

 protected:
  ~stream_handler() = default;
};

class stream final : private timeout::listener, private credit_listener {
 public:
  stream(driver& on, stream_handler& handler) noexcept;
  ~stream();

  /// Takes a connected socket and begins to read.
  void open(base::unique_fd socket, const stream_options& options = {});

  write_outcome write(bytes data);
  void pause_read() noexcept;
  void resume_read() noexcept;
  /// Half-closes once everything queued is sent. Further writes answer `closed`.
  void shutdown_write() noexcept;
  /// Sends what is queued, half-closes, reads and discards to the peer's end (bounded by the linger
  /// options), then closes. What is not sent by the absolute deadline is lost.
  void close_after_flush(base::nanoseconds_t deadline_ns = base::no_deadline) noexcept;
  /// Closes at once with a reset; queued bytes are lost.
  void abort(close_reason reason = close_reason::aborted) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return state_ == state::open; }
  [[nodiscard]] bool is_closed() const noexcept {
    return state_ == state::closed || state_ == state::idle;
  }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queue_.total_bytes(); }
  [[nodiscard]] std::uint64_t bytes_in() const noexcept { return bytes_in_; }
  [[nodiscard]] std::uint64_t bytes_out() const noexcept { return bytes_out_; }
  [[nodiscard]] int os_error() const noexcept { return os_error_; }
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  enum class state : unsigned char { idle, open, flushing, lingering, tearing, closed };
  enum hold : std::uint8_t {  // S2: what holds reading, one bit each
    held_by_user = 1,
    held_by_queue = 2,
    held_by_credit = 4,
    held_by_buffers = 8,
  };
  struct gathered;

  [[nodiscard]] bool wants_to_read() const noexcept;
  void update_reading() noexcept;
  void arm_receive();
  void on_received(completion what) noexcept;
  void take_bytes(completion what) noexcept;
  void on_end_of_input() noexcept;
  void on_receive_error(int os_error) noexcept;

  void request_flush() noexcept;
  void flush() noexcept;
  void on_sent(completion what) noexcept;
  void on_queue_shorter() noexcept;
  void on_queue_sent() noexcept;

  void begin_linger() noexcept;
  void tear_down(close_reason reason, int os_error) noexcept;
  void settle() noexcept;
  void finish() noexcept;
  void on_detach() noexcept;
  void on_timeout() noexcept override;
  void on_receive_credit() noexcept override;

  driver& driver_;
  stream_handler& handler_;
  base::unique_fd socket_;
  state state_ = state::idle;
  close_reason reason_ = close_reason::none;
  std::uint8_t holds_ = 0;
  bool input_ended_ = false;
  bool shutdown_wanted_ = false;
  bool output_shut_ = false;
  bool above_high_ = false;
  bool reset_on_close_ = false;
  bool multishot_ = true;
  bool received_before_ = false;
  int os_error_ = 0;
  std::uint32_t discarded_bytes_ = 0;
  std::uint32_t sending_bytes_ = 0;
  receive_account* account_ = nullptr;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  write_queue queue_;
  bound_operation<stream, &stream::on_received> receive_{*this};
  bound_operation<stream, &stream::on_sent> send_{*this};
  bound_hook<stream, &stream::flush> flush_{*this};
  bound_hook<stream, &stream::finish> finish_{*this};
  bound_hook<stream, &stream::on_detach> detach_{*this};
  std::unique_ptr<gathered> gathered_;
  timeout deadline_;
  stream_options options_;
};

}  // namespace sluice::inline v0::io
