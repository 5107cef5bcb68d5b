#include "io/listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.hpp"

namespace sluice::inline v0::io {
namespace {

constexpr base::nanoseconds_t backoff_first_ns = 10'000'000;
constexpr base::nanoseconds_t backoff_last_ns = 1'000'000'000;
constexpr unsigned shed_count_max = 64;  // connections closed in one go, then the ring has its turn

/// What an accept error means for the listener. The kernel passes on errors of the network, which
/// concern one connection; only a broken descriptor is the end.
enum class accept_failure : unsigned char { transient, out_of_descriptors, out_of_memory, broken };

[[nodiscard]] accept_failure failure_of(int os_error) noexcept {
  switch (os_error) {
    case EMFILE:
    case ENFILE: return accept_failure::out_of_descriptors;
    case ENOBUFS:
    case ENOMEM: return accept_failure::out_of_memory;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EFAULT: return accept_failure::broken;
    default: return accept_failure::transient;  // ECONNABORTED, EINTR, EPROTO, ENETDOWN, EPERM, …
  }
}

}  // namespace

listener::listener(driver& on, listener_handler& handler) noexcept
    : driver_(on), handler_(handler), backoff_(on, *this) {}

listener::~listener() {
  SLUICE_ASSERT(state_ == state::idle || state_ == state::closed,
                "a listener was destroyed before on_listener_closed");
}

result<void> listener::open(base::unique_fd socket, manner how) {
  SLUICE_ASSERT(state_ == state::idle, "a listener is opened once");
  if (!socket.is_open()) return error{error_code::bad_argument, EBADF, "listener"};
  take_reserve();
  if (!reserve_.is_open()) return error_from_errno(errno, "listener: reserve descriptor");
  socket_ = std::move(socket);
  multishot_ = how == manner::many_at_once;
  state_ = state::accepting;
  driver_.call_at_detach(detach_);
  arm();
  return {};
}

void listener::pause() noexcept {
  if (state_ != state::accepting && state_ != state::backing_off) return;
  state_ = state::paused;
  driver_.cancel(accept_);
  backoff_.cancel();
}

void listener::resume() noexcept {
  if (state_ != state::paused) return;
  state_ = state::accepting;
  arm();
}

void listener::on_descriptor_freed() noexcept {
  if (state_ != state::backing_off) return;
  backoff_.cancel();
  take_reserve();
  state_ = state::accepting;
  arm();
}

void listener::close() noexcept {
  if (state_ == state::idle) state_ = state::closed;
  if (state_ == state::closing || state_ == state::closed) return;
  begin_closing();
}

socket_address listener::local_address() const noexcept {
  return socket_address::local_of(socket_.get());
}

void listener::arm() {
  if (state_ != state::accepting || accept_.in_flight()) return;
  driver_.start(accept_, request::accept(socket_.get(), op_site::listener_accept, multishot_));
}

void listener::on_accept_completion(completion what) noexcept {
  if (what.result >= 0) {
    base::unique_fd connection{what.result};
    backoff_ns_ = 0;
    if (state_ != state::closing) {
      const socket_address peer = socket_address::peer_of(connection.get());
      handler_.on_accept(std::move(connection), peer);
    }
  } else if (what.result == -EINVAL && multishot_ && state_ == state::accepting) {
    multishot_ = false;  // a kernel without multishot accept; a broken socket says it again
  } else if (what.result != -ECANCELED) {
    on_failure(-what.result);
  }
  settle();
}

void listener::on_failure(int os_error) noexcept {
  if (state_ == state::closing) return;
  const accept_failure failure = failure_of(os_error);
  if (failure == accept_failure::transient) return;  // settle() arms again
  if (failure == accept_failure::broken) {
    begin_closing();
  } else if (state_ == state::accepting) {
    if (failure == accept_failure::out_of_descriptors) shed_waiting();
    state_ = state::backing_off;
    backoff_ns_ = std::clamp(backoff_ns_ * 2, backoff_first_ns, backoff_last_ns);
    driver_.cancel(accept_);
    backoff_.start(base::now_ns() + backoff_ns_);
  }
  handler_.on_accept_error(error_from_errno(os_error, "listener: accept"));
}

void listener::shed_waiting() noexcept {
  reserve_.reset();
  for (unsigned count = 0; count < shed_count_max; ++count) {
    // The socket does not block, so an empty backlog ends the loop.
    base::unique_fd refused{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!refused.is_open()) break;
    ++shed_count_;
  }
  take_reserve();
}

void listener::take_reserve() noexcept {
  if (!reserve_.is_open()) reserve_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void listener::begin_closing() noexcept {
  state_ = state::closing;
  driver_.cancel(accept_);
  backoff_.cancel();
  settle();
}

void listener::settle() noexcept {
  if (state_ == state::closed) return;
  if (state_ != state::closing) {
    if (driver_.is_stopping()) return begin_closing();
    return arm();
  }
  if (accept_.in_flight()) return;
  driver_.call_after_turn(finish_);
}

void listener::finish() noexcept {
  driver_.forget(socket_.get());
  socket_.reset();
  reserve_.reset();
  detach_.unlink();
  state_ = state::closed;
  handler_.on_listener_closed();  // *this may be gone now
}

void listener::on_detach() noexcept { close(); }

void listener::on_timeout() noexcept {
  if (state_ == state::backing_off) {
    take_reserve();
    state_ = state::accepting;
  }
  settle();
}

}  // namespace sluice::inline v0::io
