// socket_options: what the kernel is asked for, for one connected or listening socket.
#pragma once

#include <cstdint>

namespace sluice::inline v0::io {

/// 0 leaves a setting as the kernel has it.
struct socket_options {
  bool nodelay = true;
  std::uint32_t keepalive_idle_s = 0;  ///< until the first probe; 0 = no probes
  std::uint32_t keepalive_interval_s = 0;
  std::uint32_t keepalive_count = 0;
  std::uint32_t user_timeout_ms = 0;  ///< unacknowledged bytes before the kernel gives up
  std::uint32_t receive_buffer_bytes = 0;
  std::uint32_t send_buffer_bytes = 0;
};

/// Sizes decide the window's scale, so they are set before listen or connect, too.
void apply_sizes(int fd, const socket_options& options) noexcept;
/// Everything. What a kind of socket does not know (a unix socket has no delay to switch off) is
/// left out.
void apply(int fd, const socket_options& options) noexcept;

}  // namespace sluice::inline v0::io
