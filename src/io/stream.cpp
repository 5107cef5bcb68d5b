#include "io/stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "io/acknowledged.hpp"

namespace sluice::inline v0::io {
namespace {

[[nodiscard]] close_reason reason_of(int os_error) noexcept {
  switch (os_error) {
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case EPIPE: return close_reason::peer_reset;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH: return close_reason::timed_out;
    default: return close_reason::failed;
  }
}

[[nodiscard]] bool is_worth_retrying(int os_error) noexcept {
  return os_error == EINTR || os_error == EAGAIN;
}

}  // namespace

/// What a send of several slices points at until it is submitted; made by the first such send.
struct stream::gathered {
  static constexpr std::uint32_t slice_count_max = 32;
  ::msghdr header{};
  std::array<::iovec, slice_count_max> vectors{};
};

stream::stream(driver& on, stream_handler& handler) noexcept
    : driver_(on), handler_(handler), deadline_(on, *this) {}

stream::~stream() { SLUICE_ASSERT(is_closed(), "S3: a stream was destroyed before it was closed"); }

void stream::open(base::unique_fd socket, std::shared_ptr<const stream_options> options) {
  SLUICE_ASSERT(state_ == state::idle, "a stream is opened once");
  socket_ = std::move(socket);
  options_ = std::move(options);
  apply(socket_.get(), options_->socket);
  account_ = &driver_.buffers().open_account(options_->receive, *this);
  state_ = state::open;
  driver_.call_at_detach(detach_);
  if (options_->limits.is_any()) {
    clock_ = std::make_unique<stream_clock>();
    clock_->start(options_->limits, base::now_ns());
    tells_taken_ = acknowledged_bytes(socket_.get()).has_value();
    look_at_clock();
  }
  update_reading();
}

write_outcome stream::write(bytes data) {
  const write_outcome refused = refuse_write();
  if (refused != write_outcome::accepted || data.empty()) return refused;
  queue_.push(std::move(data));
  return on_queued();
}

write_outcome stream::write(std::span<bytes> parts) {
  const write_outcome refused = refuse_write();
  if (refused != write_outcome::accepted) return refused;
  for (bytes& part : parts) {
    if (!part.empty()) queue_.push(std::move(part));
  }
  return on_queued();
}

write_outcome stream::refuse_write() noexcept {
  if (state_ != state::open || shutdown_wanted_) return write_outcome::closed;
  if (options_->policy == write_policy::drop &&
      queue_.total_bytes() >= options_->write_bytes_high) {
    above_high_ = true;
    return write_outcome::dropped;
  }
  return write_outcome::accepted;
}

write_outcome stream::on_queued() noexcept {
  request_flush();
  if (queue_.total_bytes() <= options_->write_bytes_high) return write_outcome::accepted;
  above_high_ = true;
  const std::size_t charge = queue_.total_bytes() + queue_.count() * stream_options::slice_charge;
  const bool is_beyond_all = charge > options_->write_bytes_max && queue_.count() > 1;
  if (options_->policy == write_policy::close || is_beyond_all) {
    abort(close_reason::write_overflow);
    return write_outcome::closed;
  }
  if (options_->policy == write_policy::pause_reading && (holds_ & held_by_queue) == 0) {
    holds_ |= held_by_queue;
    update_reading();
  }
  return write_outcome::above_high_mark;
}

void stream::pause_read() noexcept {
  holds_ |= held_by_user;
  update_reading();
}

void stream::resume_read() noexcept {
  holds_ = static_cast<std::uint8_t>(holds_ & ~held_by_user);
  update_reading();
}

void stream::shutdown_write() noexcept {
  if (state_ != state::open || shutdown_wanted_) return;
  shutdown_wanted_ = true;
  if (queue_.is_empty()) on_queue_sent();
}

void stream::close_after_flush(base::nanoseconds_t deadline_ns, close_reason reason) noexcept {
  if (state_ != state::open) return;
  state_ = state::flushing;
  const bool is_answer = reason == close_reason::closed_here && input_ended_;
  reason_ = is_answer ? close_reason::closed_by_peer : reason;
  deadline_.cancel();
  if (queue_.is_empty()) return on_queue_sent();
  if (deadline_ns != base::no_deadline) deadline_.start(deadline_ns);
  update_reading();
}

void stream::abort(close_reason reason) noexcept {
  if (is_closed() || state_ == state::tearing) return;
  reset_on_close_ = true;
  tear_down(reason, 0);
}

// ---- reading ----

bool stream::wants_to_read() const noexcept {
  if (input_ended_) return false;
  switch (state_) {
    case state::open: return holds_ == 0;
    case state::flushing:
    case state::lingering:
      return (holds_ & held_by_buffers) == 0 && discarded_bytes_ < options_->linger_bytes_max;
    default: return false;
  }
}

void stream::update_reading() noexcept {
  if (wants_to_read()) {
    if (!receive_.in_flight()) arm_receive();
  } else if (receive_.in_flight()) {
    driver_.cancel(receive_);
  } else if (state_ == state::open && (watch_ == nullptr || !watch_->in_flight())) {
    watch_for_reset();
  }
}

// S7. One answer only: an end of both directions without an error is met by reading, or a write.
void stream::watch_for_reset() {
  if (is_hung_up_) return;
  if (watch_ == nullptr) watch_.reset(new (std::nothrow) watch_operation(*this));
  if (watch_ == nullptr) return;  // No memory: the next read or write meets it.
  driver_.start(*watch_, request::poll(socket_.get(), op_site::stream_watch, POLLERR));
}

void stream::on_watched(completion what) noexcept {
  const bool is_read = wants_to_read() || receive_.in_flight();
  if (state_ == state::open && !is_read && what.result > 0 && (what.result & POLLERR) != 0) {
    int os_error = 0;
    ::socklen_t size = sizeof os_error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &os_error, &size);
    return tear_down(reason_of(os_error), os_error);
  }
  is_hung_up_ = what.result > 0 || (what.result < 0 && !is_worth_retrying(-what.result));
  settle();
}

void stream::arm_receive() {
  // Silence counts from here. Not the turn's time: this may be called between two turns.
  if (clock_ != nullptr) clock_->on_heard(base::now_ns());
  if (received_before_) {
    base::add_single_writer<std::uint64_t>(driver_.counters().rearms, 1);
  }
  driver_.start(receive_, request::receive(socket_.get(), op_site::stream_receive, multishot_));
}

void stream::on_received(completion what) noexcept {
  if (what.has_buffer()) take_bytes(what);
  if (what.result == 0) {
    on_end_of_input();
  } else if (what.result < 0) {
    on_receive_error(-what.result);
  }
  received_before_ = true;
  settle();
}

void stream::take_bytes(completion what) noexcept {
  receive_buffers& buffers = driver_.buffers();
  if (what.result <= 0) return buffers.recycle(what.buffer_index());
  const auto size = static_cast<std::uint32_t>(what.result);
  bytes_in_ += size;
  if (state_ != state::open) {  // S5
    buffers.recycle(what.buffer_index());
    // At the limit reading ends, and the linger's time goes on: a close would reset the connection
    // and destroy what is still under way to the peer.
    discarded_bytes_ += size;
    return;
  }
  if (clock_ != nullptr) clock_->on_heard(driver_.turn_time_ns());  // S6
  bytes data = buffers.lend(*account_, what.buffer_index(), size);
  hold_if_exhausted();
  handler_.on_bytes(std::move(data));
}

void stream::hold_if_exhausted() noexcept {
  if (!account_->is_exhausted()) return;
  holds_ |= held_by_credit;
  driver_.buffers().wait_for_credit(*account_);
}

bytes stream::charge(bytes held) {
  if (account_ == nullptr) return held;
  bytes charged = driver_.buffers().charge(*account_, std::move(held));
  hold_if_exhausted();
  return charged;
}

void stream::on_end_of_input() noexcept {
  if (input_ended_) return;
  input_ended_ = true;
  if (state_ == state::open) {
    handler_.on_read_closed();
    if (state_ == state::open && output_shut_) tear_down(close_reason::closed_by_peer, 0);
  } else if (state_ == state::lingering) {
    tear_down(reason_, 0);
  }
}

void stream::on_receive_error(int os_error) noexcept {
  if (os_error == ENOBUFS) {
    base::add_single_writer<std::uint64_t>(driver_.counters().enobufs, 1);
    holds_ |= held_by_buffers;
    driver_.buffers().wait_for_buffer(*account_);
  } else if (os_error == EINVAL && multishot_ && !received_before_) {
    multishot_ = false;  // a kernel without multishot receive: one completion an entry
  } else if (os_error != ECANCELED && !is_worth_retrying(os_error)) {
    tear_down(reason_of(os_error), os_error);
  }
}

void stream::on_receive_credit() noexcept {
  holds_ = static_cast<std::uint8_t>(holds_ & ~held_by_buffers);
  if (!account_->waits_for_credit()) holds_ = static_cast<std::uint8_t>(holds_ & ~held_by_credit);
  update_reading();
}

// ---- writing ----

void stream::request_flush() noexcept {
  if (!send_.in_flight()) driver_.call_before_submission(turn_);
}

void stream::flush() noexcept {
  if (send_.in_flight() || queue_.is_empty()) return;  // S1
  if (state_ != state::open && state_ != state::flushing) return;
  int flags = MSG_NOSIGNAL;
  if (clock_ != nullptr) clock_->on_send(driver_.turn_time_ns());  // S6
  // The kernel itself goes on after a short send, unless only that would show progress.
  if (tells_taken_ || clock_ == nullptr || !clock_->watches_sends()) flags |= MSG_WAITALL;
  if (queue_.count() == 1) {
    const bytes& only = queue_.front();
    sending_bytes_ = static_cast<std::uint32_t>(std::min<std::size_t>(only.size(), INT32_MAX));
    return driver_.start(send_, request::send(socket_.get(), op_site::stream_send, only.data(),
                                              sending_bytes_, flags));
  }
  if (gathered_ == nullptr) gathered_ = std::make_unique<gathered>();
  gathered& all = *gathered_;
  all.header.msg_iov = all.vectors.data();
  all.header.msg_iovlen = queue_.gather(all.vectors.data(), gathered::slice_count_max);
  std::size_t total_bytes = 0;
  for (std::size_t index = 0; index < all.header.msg_iovlen; ++index) {
    total_bytes += all.vectors[index].iov_len;
  }
  sending_bytes_ = static_cast<std::uint32_t>(std::min<std::size_t>(total_bytes, INT32_MAX));
  driver_.start(send_,
                request::send_message(socket_.get(), op_site::stream_send, &all.header, flags));
}

void stream::on_sent(completion what) noexcept {
  if (what.result >= 0) {
    const auto sent_bytes = static_cast<std::uint32_t>(what.result);
    if (sent_bytes < sending_bytes_) {
      base::add_single_writer<std::uint64_t>(driver_.counters().short_sends, 1);
    }
    bytes_out_ += sent_bytes;
    if (clock_ != nullptr) clock_->on_send(driver_.turn_time_ns());  // S6
    queue_.consume(sent_bytes);
    on_queue_shorter();
  } else if (what.result != -ECANCELED && !is_worth_retrying(-what.result)) {
    tear_down(reason_of(-what.result), -what.result);
  }
  if (state_ == state::open || state_ == state::flushing) {
    if (!queue_.is_empty()) {
      request_flush();
    } else {
      on_queue_sent();
    }
  }
  settle();
}

void stream::on_queue_shorter() noexcept {
  if (!above_high_ || queue_.total_bytes() > options_->write_bytes_low) return;
  above_high_ = false;
  holds_ = static_cast<std::uint8_t>(holds_ & ~held_by_queue);
  if (state_ == state::open && !shutdown_wanted_) handler_.on_writable();
}

void stream::on_queue_sent() noexcept {
  if (state_ == state::flushing) return begin_linger();
  if (!shutdown_wanted_ || output_shut_) return;
  output_shut_ = true;
  if (::shutdown(socket_.get(), SHUT_WR) != 0) return tear_down(reason_of(errno), errno);
  if (input_ended_) tear_down(close_reason::closed_by_peer, 0);
}

// ---- ending ----

void stream::begin_linger() noexcept {
  if (input_ended_ || options_->linger_ns == 0) return tear_down(reason_, 0);
  if (!output_shut_ && ::shutdown(socket_.get(), SHUT_WR) != 0) {
    return tear_down(reason_of(errno), errno);
  }
  output_shut_ = true;
  state_ = state::lingering;
  deadline_.start(base::now_ns() + options_->linger_ns);
  update_reading();
}

void stream::tear_down(close_reason reason, int os_error) noexcept {
  if (state_ == state::tearing || is_closed()) return;
  state_ = state::tearing;
  reason_ = reason;
  os_error_ = os_error;
  turn_.unlink();
  driver_.cancel(receive_);
  driver_.cancel(send_);
  if (watch_ != nullptr) driver_.cancel(*watch_);
  deadline_.cancel();
  settle();
}

void stream::settle() noexcept {
  if (is_closed()) return;
  if (state_ != state::tearing) {
    if (driver_.is_stopping()) return tear_down(close_reason::stopping, 0);
    return update_reading();
  }
  if (receive_.in_flight() || send_.in_flight()) return;
  if (watch_ != nullptr && watch_->in_flight()) return;
  driver_.call_after_turn(turn_);
}

void stream::on_turn() noexcept {
  if (state_ == state::tearing) return finish();
  flush();
}

void stream::finish() noexcept {
  queue_.clear();
  driver_.buffers().close_account(*account_);
  account_ = nullptr;
  if (reset_on_close_ || options_->linger_ns == 0) {
    const ::linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  driver_.forget(socket_.get());
  socket_.reset();
  detach_.unlink();
  state_ = state::closed;
  handler_.on_stream_closed(reason_, bytes_in_, bytes_out_);  // S3: *this may be gone now
}

void stream::on_detach() noexcept { tear_down(close_reason::stopping, 0); }

void stream::on_timeout() noexcept {
  if (state_ == state::open) return look_at_clock();
  if (state_ == state::flushing) {
    tear_down(close_reason::flush_timed_out, ETIMEDOUT);
  } else if (state_ == state::lingering) {
    tear_down(reason_, 0);
  }
}

void stream::look_at_clock() noexcept {
  if (send_.in_flight() && tells_taken_ && clock_->watches_sends()) {
    clock_->on_taken(acknowledged_bytes(socket_.get()).value_or(0), driver_.turn_time_ns());
  }
  const stream_clock::situation there{holds_ == 0 && !input_ended_, send_.in_flight()};
  base::nanoseconds_t next_ns = base::no_deadline;
  switch (clock_->look(driver_.turn_time_ns(), there, next_ns)) {
    case stream_clock::due::nothing: break;
    case stream_clock::due::handshake: return tear_down(close_reason::handshake_timed_out, 0);
    case stream_clock::due::read_idle: return tear_down(close_reason::idle, 0);
    case stream_clock::due::write_stall: return abort(close_reason::write_stalled);
    case stream_clock::due::keep_alive:
      static_cast<void>(write(options_->keep_alive));
      clock_->on_send(driver_.turn_time_ns());  // It is on its way, or the write side has ended.
      static_cast<void>(clock_->look(driver_.turn_time_ns(), there, next_ns));
      if (state_ != state::open) return;
      break;
  }
  if (next_ns != base::no_deadline) deadline_.start(next_ns);
}

}  // namespace sluice::inline v0::io
