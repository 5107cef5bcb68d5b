#include "io/pipe_writer.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace sluice::inline v0::io {

pipe_writer::~pipe_writer() {
  SLUICE_ASSERT(is_closed(), "PW2: a pipe writer was destroyed before it was closed");
}

void pipe_writer::open(base::unique_fd pipe, const pipe_write_limits& limits) {
  SLUICE_ASSERT(state_ == state::idle, "a pipe writer is opened once");
  pipe_ = std::move(pipe);
  limits_ = limits;
  state_ = state::open;
  driver_.call_at_detach(detach_);
}

pipe_writer::outcome pipe_writer::write(std::array<bytes, 3> parts) {
  if (state_ != state::open) return outcome::closed;
  const std::size_t size = parts[0].size() + parts[1].size() + parts[2].size();
  if (size == 0) return outcome::queued;
  if (queue_.total_bytes() + size > limits_.bytes_max) {
    above_high_ = !queue_.is_empty();  // With nothing queued no room will be made.
    return outcome::full;
  }
  for (bytes& part : parts) {
    if (!part.empty()) queue_.push(std::move(part));
  }
  if (queue_.total_bytes() > limits_.bytes_high) above_high_ = true;
  if (!write_.in_flight() && !poll_.in_flight()) driver_.call_before_submission(flush_);
  return outcome::queued;
}

void pipe_writer::close_after_flush() noexcept {
  if (state_ != state::open) return;
  if (queue_.is_empty()) return tear_down(0);
  state_ = state::flushing;
}

void pipe_writer::close() noexcept { tear_down(0); }

void pipe_writer::flush() noexcept {
  if (write_.in_flight() || poll_.in_flight() || queue_.is_empty()) return;  // PW1
  if (state_ != state::open && state_ != state::flushing) return;
  const bytes& front = queue_.front();
  driver_.start(write_, request::write(pipe_.get(), op_site::pipe_write,
                                       front.span().first(std::min<std::size_t>(
                                           front.size(), std::size_t{1} << 30))));
}

void pipe_writer::on_written(completion what) noexcept {
  if (what.result > 0) {
    bytes_written_ += static_cast<std::uint32_t>(what.result);
    queue_.consume(static_cast<std::size_t>(what.result));
  }
  if (state_ == state::closing) return settle();
  if (what.result == -EAGAIN) {
    return driver_.start(poll_, request::poll(pipe_.get(), op_site::pipe_write, POLLOUT));
  }
  if (what.result < 0 && what.result != -EINTR) return tear_down(-what.result);
  if (queue_.is_empty() && state_ == state::flushing) return tear_down(0);
  driver_.call_before_submission(flush_);
  if (above_high_ && queue_.total_bytes() <= limits_.bytes_low) {
    above_high_ = false;
    if (state_ == state::open) handler_.on_pipe_writable();
  }
}

void pipe_writer::on_ready(completion what) noexcept {
  if (state_ == state::closing) return settle();
  if (what.result < 0 && what.result != -EINTR && what.result != -EAGAIN) {
    return tear_down(-what.result);
  }
  driver_.call_before_submission(flush_);
}

void pipe_writer::tear_down(int os_error) noexcept {
  if (state_ == state::closing || is_closed()) return;
  state_ = state::closing;
  os_error_ = os_error;
  flush_.unlink();
  driver_.cancel(write_);
  driver_.cancel(poll_);
  settle();
}

void pipe_writer::settle() noexcept {
  if (write_.in_flight() || poll_.in_flight()) return;
  driver_.call_after_turn(finish_);
}

void pipe_writer::finish() noexcept {
  const std::uint64_t lost = queue_.total_bytes();
  queue_.clear();
  driver_.forget(pipe_.get());
  pipe_.reset();
  detach_.unlink();
  state_ = state::closed;
  handler_.on_pipe_end(os_error_, lost);  // PW2: *this may be gone now
}

}  // namespace sluice::inline v0::io
