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
//   S6  Limits of time cost a stamp where bytes move, and nothing where there are none
//       (stream_clock). They hold while the stream is open.
//   S7  While an open stream does not read, a reset is noticed all the same: from the first hold on
//       its socket is watched for errors. What the peer had sent before is lost with it.
//
//            close_after_flush  queue sent             end of input    limit, deadline,
//                                                                      error, abort
//  open      flushing           (half-close if asked)  on_read_closed  tearing
//  flushing  -                  lingering | tearing    (noted)         tearing
//  lingering -                  -                      tearing         tearing
//  tearing   -    …every operation is reaped, the descriptor closed, on_stream_closed: closed…
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <sluice/bytes.hpp>
#include <sluice/result.hpp>

#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "io/operation.hpp"
#include "io/receive_buffers.hpp"
#include "io/stream_clock.hpp"
#include "io/stream_options.hpp"
#include "io/timeout.hpp"
#include "io/turn_hook.hpp"
#include "io/write_queue.hpp"

namespace sluice::inline v0::io {

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

  /// Takes a connected socket and begins to read. Options are shared by all who have the same.
  void open(base::unique_fd socket, std::shared_ptr<const stream_options> options);
  void open(base::unique_fd socket, const stream_options& options = {}) {
    open(std::move(socket), std::make_shared<const stream_options>(options));
  }

  write_outcome write(bytes data);
  /// The parts in a row, or none of them; empty ones are left out.
  write_outcome write(std::span<bytes> parts);
  /// The same bytes, charged to this stream until they are let go of: for what was received and is
  /// no slice of what on_bytes gave.
  [[nodiscard]] bytes charge(bytes held);
  void pause_read() noexcept;
  void resume_read() noexcept;
  /// Half-closes once everything queued is sent. Further writes answer `closed`.
  void shutdown_write() noexcept;
  /// Sends what is queued, half-closes, reads and discards to the peer's end (bounded by the linger
  /// options), then closes. What is not sent by the absolute deadline is lost.
  void close_after_flush(base::nanoseconds_t deadline_ns = base::no_deadline,
                         close_reason reason = close_reason::closed_here) noexcept;
  /// The deadline of the handshake is met.
  void finish_handshake() noexcept {
    if (clock_ != nullptr) clock_->finish_handshake();
  }
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

  [[nodiscard]] write_outcome refuse_write() noexcept;
  [[nodiscard]] write_outcome on_queued() noexcept;
  void hold_if_exhausted() noexcept;
  [[nodiscard]] bool wants_to_read() const noexcept;
  void update_reading() noexcept;
  void watch_for_reset();
  void on_watched(completion what) noexcept;
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
  void on_turn() noexcept;
  void on_detach() noexcept;
  void on_timeout() noexcept override;
  void look_at_clock() noexcept;
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
  bool is_hung_up_ = false;   // S7: watching has told what it can
  bool tells_taken_ = false;  // S6: the kernel knows what the peer has taken
  int os_error_ = 0;
  std::uint32_t discarded_bytes_ = 0;
  std::uint32_t sending_bytes_ = 0;
  receive_account* account_ = nullptr;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  write_queue queue_;
  bound_operation<stream, &stream::on_received> receive_{*this};
  bound_operation<stream, &stream::on_sent> send_{*this};
  bound_hook<stream, &stream::on_turn> turn_{*this};  // before a submission, or after the last turn
  bound_hook<stream, &stream::on_detach> detach_{*this};
  std::unique_ptr<gathered> gathered_;
  using watch_operation = bound_operation<stream, &stream::on_watched>;
  std::unique_ptr<watch_operation> watch_;  // S7: from the first hold on
  std::unique_ptr<stream_clock> clock_;     // if there are limits
  timeout deadline_;                        // open: the clock's; flushing, lingering: of that
  std::shared_ptr<const stream_options> options_;  // from open() on
};

}  // namespace sluice::inline v0::io
