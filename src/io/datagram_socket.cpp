#include "io/datagram_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.hpp"
#include "io/datagram_header.hpp"
#include "io/datagram_setup.hpp"
#include "io/endpoint.hpp"
#include "io/socket_address.hpp"

namespace sluice::inline v0::io {
namespace {

constexpr std::uint32_t frame_bytes = 16;  // in front of each datagram in its buffer
constexpr std::uint32_t name_room = 32;    // a sockaddr_in6, kept aligned
constexpr std::uint32_t control_room = CMSG_SPACE(sizeof(int));
constexpr std::uint32_t merged_bytes_max = 65535;  // DG5
constexpr unsigned errors_taken_max = 4096;        // more than a socket's error queue holds
constexpr std::uint32_t errors_in_row_max = 32;    // then reading rests
constexpr base::nanoseconds_t rest_ns = 10'000'000;

// They come with the descriptor and not with a datagram (DG1).
[[nodiscard]] bool is_broken_descriptor(int os_error) noexcept {
  return os_error == EBADF || os_error == ENOTSOCK || os_error == EINVAL || os_error == EFAULT;
}

}  // namespace

datagram_socket::datagram_socket(driver& on, datagram_handler& handler) noexcept
    : driver_(on), handler_(handler), sends_(on, *this), deadline_(on, *this) {}

datagram_socket::~datagram_socket() {
  SLUICE_ASSERT(is_closed(), "DG3: a datagram socket was destroyed before it was closed");
}

void datagram_socket::open(base::unique_fd socket, const datagram_options& options) {
  SLUICE_ASSERT(state_ == state::idle && options.account_count > 0,
                "a datagram socket is opened once, for somebody");
  socket_ = std::move(socket);
  peer_ = endpoint_of(socket_address::peer_of(socket_.get()));
  takes_errors_ = options.takes_errors;
  splits_ = options.wants_split_sends && has_segmented_sends(socket_.get());
  shape_.msg_namelen = peer_.is_empty() ? name_room : 0;
  merges_ = options.wants_merged_receives &&
            driver_.buffers().buffer_bytes() >=
                datagram_start_bytes({name_room, control_room}) + merged_bytes_max &&
            ask_for_merged_receives(socket_.get());
  shape_.msg_controllen = merges_ ? control_room : 0;
  for (std::uint32_t count = 0; count < options.account_count; ++count) {
    accounts_.push_back(&driver_.buffers().open_account(options.receive, *this));
  }
  datagram_send_options send = options.send;
  send.can_split = splits_;
  send.takes_errors = takes_errors_;
  sends_.open(socket_.get(), send);
  state_ = state::open;
  driver_.expect_many(socket_.get());
  driver_.call_at_detach(detach_);
  update_reading();
}

void datagram_socket::pause_read() noexcept {
  holds_ |= held_by_user;
  update_reading();
}

void datagram_socket::resume_read() noexcept {
  holds_ = static_cast<std::uint8_t>(holds_ & ~held_by_user);
  update_reading();
}

void datagram_socket::close_after_flush(base::nanoseconds_t deadline_ns) noexcept {
  if (state_ != state::open) return;
  if (sends_.is_idle()) return tear_down(0);
  state_ = state::flushing;
  driver_.cancel(receive_);
  deadline_.cancel();
  if (deadline_ns != base::no_deadline) deadline_.start(deadline_ns);
}

void datagram_socket::abort() noexcept {
  if (is_closed() || state_ == state::tearing) return;
  tear_down(0);
}

std::uint32_t datagram_socket::payload_bytes_max() const noexcept {
  return driver_.buffers().buffer_bytes() -
         static_cast<std::uint32_t>(datagram_start_bytes(layout()));
}

std::uint64_t datagram_socket::lost_by_kernel() const noexcept {
  return socket_.is_open() ? lost_count(socket_.get()) : lost_by_kernel_;
}

// ---- receiving ----

void datagram_socket::update_reading() noexcept {
  if (state_ == state::open && holds_ == 0) {
    if (receive_.in_flight()) return;
    if (received_before_) {
      base::add_single_writer<std::uint64_t>(driver_.counters().rearms, 1);
    }
    // MSG_TRUNC: told how long a cut one was.
    driver_.start(receive_, request::receive_datagram(socket_.get(), op_site::datagram_receive,
                                                      &shape_, MSG_TRUNC));
  } else if (receive_.in_flight()) {
    driver_.cancel(receive_);
  }
}

void datagram_socket::on_received(completion what) noexcept {
  if (what.has_buffer()) take_buffer(what);
  if (what.result < 0) {
    on_receive_error(-what.result);
  } else {
    errors_in_row_ = 0;
  }
  received_before_ = true;
  if (what.is_final() || state_ != state::open) settle();
}

void datagram_socket::take_buffer(completion what) noexcept {
  receive_buffers& buffers = driver_.buffers();
  const std::uint32_t index = what.buffer_index();
  if (what.result <= 0 || state_ != state::open) return buffers.recycle(index);  // DG4
  const auto filled = buffers.memory_of(index).first(
      std::min<std::size_t>(static_cast<std::uint32_t>(what.result), buffers.buffer_bytes()));
  received_datagram found;
  if (read_datagram(filled, layout(), found) == datagram_step::malformed) {
    ++counters_.dropped;
    ++counters_.malformed;
    return buffers.recycle(index);
  }
  const endpoint peer = peer_.is_empty() ? endpoint_of(found.peer) : peer_;
  const std::uint32_t account = accounts_.size() == 1 ? 0 : handler_.choose_account(peer);
  if (account == datagram_handler::nobody || (accounts_.size() > 1 && !has_credit(account))) {
    ++counters_.dropped;
    return buffers.recycle(index);
  }
  const auto size = static_cast<std::uint32_t>(found.payload.size());
  const auto offset = static_cast<std::uint32_t>(found.payload.data() - filled.data());
  bytes data = buffers.lend(*accounts_[account], index, size, offset);
  if (accounts_[account]->is_exhausted()) [[unlikely]]
    wait_for_credit(account);
  deliver(account, peer, std::move(data), found.segment_bytes,
          static_cast<std::uint32_t>(found.sent_bytes) - size);
}

void datagram_socket::deliver(std::uint32_t account, const endpoint& peer, bytes data,
                              std::uint32_t segment_bytes, std::uint32_t cut_bytes) noexcept {
  counters_.bytes += data.size();
  if (cut_bytes != 0) ++counters_.truncated;
  if (segment_bytes != 0) {
    while (data.size() > segment_bytes) {
      ++counters_.datagrams;
      handler_.on_datagram(account, peer, data.slice(0, segment_bytes), 0);
      data = std::move(data).slice(segment_bytes);
    }
  }
  ++counters_.datagrams;
  handler_.on_datagram(account, peer, std::move(data), cut_bytes);
}

void datagram_socket::wait_for_credit(std::uint32_t account) noexcept {
  driver_.buffers().wait_for_credit(*accounts_[account]);
  for (const receive_account* each : accounts_) {
    if (!each->waits_for_credit()) return;
  }
  holds_ |= held_by_credit;
  update_reading();
}

void datagram_socket::on_receive_credit() noexcept {
  holds_ = static_cast<std::uint8_t>(holds_ & ~held_by_buffers);
  for (const receive_account* each : accounts_) {
    if (!each->waits_for_credit()) holds_ = static_cast<std::uint8_t>(holds_ & ~held_by_credit);
  }
  update_reading();
}

void datagram_socket::on_receive_error(int os_error) noexcept {
  if (os_error == ENOBUFS) {
    base::add_single_writer<std::uint64_t>(driver_.counters().enobufs, 1);
    holds_ |= held_by_buffers;
    return driver_.buffers().wait_for_buffer(*accounts_[0]);
  }
  if (os_error == ECANCELED || state_ != state::open) return;
  if (os_error == EINTR || os_error == EAGAIN) return;
  if (is_broken_descriptor(os_error)) return tear_down(os_error);
  take_errors(os_error);
  if (state_ != state::open || ++errors_in_row_ < errors_in_row_max) return;
  errors_in_row_ = 0;
  holds_ |= held_by_errors;
  deadline_.start(base::now_ns() + rest_ns);
}

// `os_error` was found pending. The error queue, if there is one, says what it is about.
void datagram_socket::take_errors(int os_error) noexcept {
  if (!takes_errors_) {
    ++counters_.errors;
    return handler_.on_datagram_error(peer_, os_error, 0);
  }
  datagram_error taken;
  for (unsigned count = 0; count < errors_taken_max && state_ == state::open; ++count) {
    if (!take_error(socket_.get(), taken)) return;
    ++counters_.errors;
    handler_.on_datagram_error(taken.peer, taken.os_error, 0);
  }
}

// ---- sending ----

void datagram_socket::on_send_failed(const endpoint& to, int os_error,
                                     std::uint32_t count) noexcept {
  if (sends_.is_broken()) return tear_down(os_error);
  handler_.on_datagram_error(to.is_empty() ? peer_ : to, os_error, count);
}

void datagram_socket::on_pending_error(int os_error) noexcept { take_errors(os_error); }

void datagram_socket::on_send_ended() noexcept {
  if (state_ == state::open) [[likely]]
    return;
  settle();
}

// ---- ending ----

void datagram_socket::tear_down(int os_error) noexcept {
  if (state_ == state::tearing || is_closed()) return;
  state_ = state::tearing;
  os_error_ = os_error;
  driver_.cancel(receive_);
  sends_.end();
  deadline_.cancel();
  settle();
}

void datagram_socket::settle() noexcept {
  if (is_closed()) return;
  if (state_ != state::tearing && driver_.is_stopping()) return tear_down(0);
  if (state_ == state::open) return update_reading();
  if (state_ == state::flushing) {
    if (sends_.is_idle()) tear_down(0);
    return;
  }
  if (receive_.in_flight() || sends_.in_flight_count() != 0) return;
  driver_.call_after_turn(finish_);
}

void datagram_socket::finish() noexcept {
  lost_by_kernel_ = lost_count(socket_.get());
  for (receive_account* each : accounts_) driver_.buffers().close_account(*each);
  accounts_.clear();
  driver_.forget(socket_.get());
  socket_.reset();
  detach_.unlink();
  state_ = state::closed;
  handler_.on_socket_closed(os_error_);  // DG3: *this may be gone now
}

void datagram_socket::on_detach() noexcept { tear_down(0); }

void datagram_socket::on_timeout() noexcept {
  if (state_ == state::flushing) return tear_down(0);
  holds_ = static_cast<std::uint8_t>(holds_ & ~held_by_errors);
  settle();
}

}  // namespace sluice::inline v0::io
