#include "io/socket_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace sluice::inline v0::io {

namespace {

void set(int fd, int level, int option, std::uint32_t value) noexcept {
  const int wanted = static_cast<int>(value);
  if (value != 0) ::setsockopt(fd, level, option, &wanted, sizeof wanted);
}

}  // namespace

void apply_sizes(int fd, const socket_options& options) noexcept {
  set(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes);
  set(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer_bytes);
}

void apply(int fd, const socket_options& options) noexcept {
  set(fd, IPPROTO_TCP, TCP_NODELAY, options.nodelay ? 1 : 0);
  apply_sizes(fd, options);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options.user_timeout_ms);
  if (options.keepalive_idle_s == 0) return;
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, options.keepalive_idle_s);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, options.keepalive_interval_s);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_count);
}

}  // namespace sluice::inline v0::io
