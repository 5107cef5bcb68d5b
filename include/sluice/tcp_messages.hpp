// What TCP connections say to their workers, and what workers say to them.
#pragma once

#include <cstdint>
#include <string>

#include <sluice/bytes.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace tcp {

/// Why a connection ended.
enum class disconnect_reason : std::uint8_t {
  closed_by_peer,   ///< both sides ended, the peer's first
  closed_here,      ///< asked for here, everything queued was sent
  peer_reset,       ///< the peer reset the connection
  timed_out,        ///< the kernel gave up on the peer
  flush_timed_out,  ///< closing took longer than allowed, bytes were lost
  write_overflow,   ///< write_policy close and the queue above its high mark, or above its maximum
  idle,             ///< read_idle_max passed
  write_stalled,    ///< write_stall_max passed, bytes were lost
  handshake_timed_out,  ///< handshake_time_max passed
  malformed,            ///< the peer sent what is no frame, or no PROXY header
  aborted,              ///< ended here at once: killed, or the worker is gone or its mailbox full
  stopping,             ///< the node stops
  failed,               ///< another error of the system
};
[[nodiscard]] const char* to_string(disconnect_reason reason) noexcept;

/// A connection is there; the first message of it. Write to it by sending data to `id`.
struct connected {
  alias id;
  std::string peer;   ///< "192.0.2.1:4711", "[2001:db8::1]:4711" or a unix path
  std::string local;  ///< the same of this side
  /// Of a proxy that has said (by a PROXY header) for whom it speaks: its own address. Peer and
  /// local are what it said.
  std::string via{};
};

/// Bytes, in order. From a connection: what was read; the slice lies in the ring's own buffer: pass
/// it on or let go of it soon, and copy what is to be kept for long (bytes::copy_of), because what
/// a connection's slices hold counts against its read_bytes_max. To a connection: what is to be
/// written. With a framing each is one frame, which may be empty. `id` names the connection in both
/// directions; the receiver of a send is the alias sent to.
struct data {
  alias id;
  sluice::bytes bytes;
};

/// The write queue fell under its low mark after having been above the high one.
struct writable {
  alias id;
  std::uint64_t bytes_dropped = 0;  ///< since the last one (write_policy drop)
};

/// The peer sends no more; writing still works. A worker without a handler for it (a catch-all is
/// none) has the connection closed once everything it wrote in answer to earlier data is flushed:
/// the runtime answers with close, in the worker's place in the order of messages.
struct read_closed {
  alias id;
};

/// The connection has been asked to end in order: it reads no more, and what it has read was told
/// before this. It closes on the worker's close, or by itself after flush_time_max. A worker
/// without a handler for it needs none: as for read_closed, the runtime answers with close in its
/// place.
struct draining {
  alias id;
};

/// The connection is gone; the last message of it, exactly once for each connected.
struct disconnected {
  alias id;
  disconnect_reason reason = disconnect_reason::closed_by_peer;
  int os_error = 0;
  std::uint64_t bytes_in = 0;       ///< read from the peer
  std::uint64_t bytes_out = 0;      ///< accepted by the kernel
  std::uint64_t bytes_dropped = 0;  ///< refused in all its life (write_policy drop)
};

/// From a client: an attempt to connect has failed. Without will_retry it is the client's last
/// word; error cancelled: it was asked to end before there was a connection.
struct connect_failed {
  alias id;
  sluice::error error{};
  std::uint32_t attempt = 0;  ///< 1 for the first since the start or the last connection
  bool will_retry = false;
};

/// Bytes that were sent to a connection are not written. Under write_policy drop, and by a client
/// without a connection and room to keep more, told for the first such message; the sum follows in
/// writable and disconnected. For each message of which no frame can be made: why says so.
struct dropped {
  alias id;
  std::uint64_t bytes = 0;  ///< of that message
  sluice::error why{};
};

/// To a connection: write what is queued before this message, then close. To a client: the same,
/// and it ends.
struct close {
  alias id;
};

/// To a connection: write what is queued, then say that no more comes (half-close).
struct shutdown_write {
  alias id;
};

/// For the library: what becomes of a read_closed or draining that its receiver does not handle.
void close_in_turn(core::slot& worker, core::envelope& carried);

}  // namespace tcp

namespace core {
template <>
inline constexpr unhandled_function unhandled_action<tcp::read_closed> = &tcp::close_in_turn;
template <>
inline constexpr unhandled_function unhandled_action<tcp::draining> = &tcp::close_in_turn;
}

}  // namespace v0
}  // namespace sluice
