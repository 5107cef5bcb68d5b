#include "io/pipe_reader.hpp"

#include <poll.h>
#include <sys/ioctl.h>

#include <utility>

#include "base/assert.hpp"

namespace sluice::inline v0::io {

pipe_reader::~pipe_reader() {
  SLUICE_ASSERT(is_closed(), "P2: a pipe reader was destroyed before it was closed");
}

void pipe_reader::open(base::unique_fd pipe, std::uint32_t charged_bytes_max) {
  SLUICE_ASSERT(state_ == state::idle, "a pipe reader is opened once");
  pipe_ = std::move(pipe);
  account_ = &driver_.buffers().open_account({charged_bytes_max, 0}, *this);
  driver_.call_at_detach(detach_);
  poll();
}

void pipe_reader::close() noexcept {
  if (!is_closed()) tear_down(0);
}

std::uint32_t pipe_reader::waiting_bytes() const noexcept {
  int count = 0;
  if (!pipe_.is_open() || ::ioctl(pipe_.get(), FIONREAD, &count) != 0 || count < 0) return 0;
  return static_cast<std::uint32_t>(count);
}

bool pipe_reader::is_at_end() const noexcept {
  if (has_ended_) return true;
  ::pollfd look{pipe_.get(), POLLIN, 0};
  return !read_.in_flight() && ::poll(&look, 1, 0) == 1 && look.revents == POLLHUP;
}

void pipe_reader::poll() noexcept {
  state_ = state::polling;
  driver_.start(poll_, request::poll(pipe_.get(), op_site::pipe_read, POLLIN));
}

void pipe_reader::read() noexcept {
  if (memory_ == nullptr) memory_.reset(new std::byte[read_bytes_max]);
  state_ = state::reading;
  driver_.start(read_,
                request::read(pipe_.get(), op_site::pipe_read, {memory_.get(), read_bytes_max}));
}

void pipe_reader::on_ready(completion what) noexcept {
  if (state_ == state::closing) return settle();
  if (what.result > 0) return read();
  if (what.result == -EINTR || what.result == -EAGAIN || what.result == 0) return poll();
  tear_down(-what.result);
}

void pipe_reader::on_read(completion what) noexcept {
  if (state_ == state::closing) return settle();
  if (what.result > 0) return take_bytes(static_cast<std::uint32_t>(what.result));
  if (what.result == 0) {
    has_ended_ = true;
    return tear_down(0);
  }
  if (what.result == -EAGAIN) {
    memory_.reset();
    return poll();
  }
  if (what.result == -EINTR) return read();
  tear_down(-what.result);
}

void pipe_reader::take_bytes(std::uint32_t size) noexcept {
  bytes_read_ += size;
  handler_.on_pipe_bytes(*this, charge(bytes::copy_of({memory_.get(), size})));
  if (state_ != state::reading) return;
  if (account_->is_exhausted()) {
    memory_.reset();
    state_ = state::held;
    return driver_.buffers().wait_for_credit(*account_);
  }
  if (size < read_bytes_max) memory_.reset();  // Drained.
  poll();
}

void pipe_reader::on_receive_credit() noexcept {
  if (state_ == state::held) poll();
}

void pipe_reader::tear_down(int os_error) noexcept {
  if (state_ == state::closing || is_closed()) return;
  state_ = state::closing;
  os_error_ = os_error;
  driver_.cancel(poll_);
  driver_.cancel(read_);
  settle();
}

void pipe_reader::settle() noexcept {
  if (poll_.in_flight() || read_.in_flight()) return;
  driver_.call_after_turn(finish_);
}

void pipe_reader::finish() noexcept {
  driver_.buffers().close_account(*account_);
  account_ = nullptr;
  memory_.reset();
  driver_.forget(pipe_.get());
  pipe_.reset();
  detach_.unlink();
  state_ = state::closed;
  handler_.on_pipe_end(*this, os_error_);  // P2: *this may be gone now
}

}  // namespace sluice::inline v0::io
