#include "io/connector.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/assert.hpp"

namespace sluice::inline v0::io {

namespace {

// A TCP socket that tries its own ephemeral port long enough meets itself.
[[nodiscard]] bool is_connected_to_itself(int fd) noexcept {
  const socket_address here = socket_address::local_of(fd);
  return here.family() != AF_UNIX && here.port() != 0 && here == socket_address::peer_of(fd);
}

}  // namespace

connector::connector(driver& on, connect_handler& told) noexcept
    : driver_(on), handler_(told), deadline_(on, *this) {}

connector::~connector() {
  SLUICE_ASSERT(state_ == state::idle, "a connector was destroyed before its attempt ended");
}

void connector::open(const connect_options& options) noexcept {
  SLUICE_ASSERT(state_ == state::idle, "a connector makes one attempt at a time");
  state_ = state::connecting;
  driver_.call_at_detach(detach_);
  if (const error failed = prepare(options); failed.code != error_code::none) return end(failed);
  if (options.deadline_ns != base::no_deadline) deadline_.start(options.deadline_ns);
  driver_.start(connect_, request::connect(socket_.get(), op_site::connector_connect, to_.data(),
                                           to_.length()));
}

error connector::prepare(const connect_options& options) noexcept {
  to_ = options.to;
  if (to_.family() == AF_UNSPEC) return {error_code::bad_address, 0, "connect: no address"};
  socket_.reset(::socket(to_.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_.is_open()) return error_from_errno(errno, "connect: socket");
  apply_sizes(socket_.get(), options.socket);
  if (options.source.family() == AF_UNSPEC) return {};
  if (options.source.port() == 0 && to_.family() != AF_UNIX) {
    const int on = 1;  // The port is chosen with the peer known: many more than 28,000 fit.
    ::setsockopt(socket_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  } else {
    const int on = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (::bind(socket_.get(), options.source.data(), options.source.length()) != 0) {
    return error_from_errno(errno, "connect: source address");
  }
  return {};
}

void connector::on_completion(completion what) noexcept {
  if (state_ == state::giving_up) return end(why_);
  if (what.result == 0 && is_connected_to_itself(socket_.get())) what.result = -ECONNREFUSED;
  if (what.result < 0) return end(error_from_errno(-what.result, "connect"));
  end({});
}

void connector::give_up(const error& why) noexcept {
  if (state_ != state::connecting) return;
  state_ = state::giving_up;
  why_ = why;
  deadline_.cancel();
  driver_.cancel(connect_);
}

// Told in the same turn, after the callbacks.
void connector::end(const error& why) noexcept {
  state_ = state::ended;
  why_ = why;
  deadline_.cancel();
  driver_.call_after_turn(finish_);
}

void connector::finish() noexcept {
  detach_.unlink();
  base::unique_fd socket = std::move(socket_);
  state_ = state::idle;
  if (why_.code == error_code::none) return handler_.on_connect_done(std::move(socket));
  if (socket.is_open()) driver_.forget(socket.get());
  socket.reset();
  handler_.on_connect_done(why_);  // *this may be gone now
}

}  // namespace sluice::inline v0::io
