// stream_options: how a stream behaves, and in which words it says how it ended.
#pragma once

#include <cstdint>

#include <sluice/bytes.hpp>

#include "base/clock.hpp"
#include "io/receive_buffers.hpp"
#include "io/socket_options.hpp"
#include "io/stream_clock.hpp"

namespace sluice::inline v0::io {

/// Why a stream ended.
enum class close_reason : unsigned char {
  none,
  closed_by_peer,       ///< both sides had ended, the peer's first
  closed_here,          ///< close_after_flush, everything sent
  peer_reset,           ///< ECONNRESET, EPIPE
  timed_out,            ///< the kernel gave up on the peer (ETIMEDOUT, unreachable)
  flush_timed_out,      ///< the deadline of close_after_flush passed with bytes unsent
  write_overflow,       ///< policy close and the queue above its high mark, or above its maximum
  idle,                 ///< nothing came for as long as read_idle allows
  write_stalled,        ///< nothing queued could be sent for as long as write_stall allows
  handshake_timed_out,  ///< handshake passed without finish_handshake()
  malformed,            ///< for users above: what came is no frame, or no header
  aborted,              ///< abort()
  stopping,             ///< the driver was detached
  failed,               ///< any other error: see os_error()
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
    dropped,          ///< not queued (policy drop): on_writable will come
    closed,           ///< not queued: closed, closing, or half-closed
};

struct stream_options {
  socket_options socket{};
  std::uint32_t write_bytes_high = 256 * 1024;
  std::uint32_t write_bytes_low = 64 * 1024;
  /// Aborts the stream, whatever the policy; a slice counts slice_charge more than its bytes. A
  /// single slice may be larger.
  std::uint32_t write_bytes_max = UINT32_MAX;
  write_policy policy = write_policy::pause_reading;
  receive_limits receive{};
  stream_limits limits{};
  bytes keep_alive{};                             ///< written after limits.keep_alive_ns
  std::uint32_t linger_bytes_max = 1024 * 1024;   ///< thrown away at most while closing
  base::nanoseconds_t linger_ns = 1'000'000'000;  ///< waited at most for the peer's end; 0 = reset

  static constexpr std::size_t slice_charge = 128;
};

}  // namespace sluice::inline v0::io
