// What a UDP socket says to its workers, and what they say to it.
#pragma once

#include <cstdint>
#include <string>

#include <sluice/bytes.hpp>
#include <sluice/endpoint.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace udp {

/// One datagram. From a socket: what came from `peer`; sent back to `id` as it is, it is the
/// answer. To a socket's alias: what is to be sent to `peer` (empty: to the peer of a connected
/// socket). The bytes of a large one lie in the ring's own buffer: pass them on or let go of them
/// soon, and copy what is to be kept for long, because what a worker holds counts against
/// read_bytes_max.
struct datagram {
  alias id{};
  endpoint peer{};
  sluice::bytes bytes{};
  bool truncated = false;  ///< it was larger than the room of a receive buffer, which `bytes` fills
  std::uint32_t cut_bytes = 0;  ///< what did not fit, and is lost
};

/// Something about `peer` failed; the socket goes on. connection_refused and other ICMP errors tell
/// that an earlier datagram was not taken; others that one was not sent: limit_reached at `udp:
/// send queue` when the queue was full, or as the kernel said. Empty peer: nobody knows whose. Not
/// more of them are sent than errors_per_second_max; those in between are counted in the next.
struct failed {
  alias id;
  endpoint peer;
  sluice::error error;
  std::uint64_t count = 1;  ///< failures since the last one told, this one included
};

/// So far, of one socket.
struct statistics {
  alias id;
  endpoint local;
  std::uint64_t datagrams_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t datagrams_out = 0;  ///< accepted by the kernel
  std::uint64_t bytes_out = 0;
  std::uint64_t truncated = 0;       ///< of datagrams_in
  std::uint64_t lost_by_kernel = 0;  ///< found the kernel's receive queue full
  std::uint64_t dropped_in = 0;      ///< read, but their worker was too slow, full or gone
  std::uint64_t dropped_out = 0;     ///< found the send queue full or the socket closing
  std::uint64_t failed_out = 0;      ///< refused by the kernel
  std::uint64_t errors = 0;          ///< ICMP errors and failed receives
  std::uint64_t sends = 0;           ///< requests to the kernel for datagrams_out
};

/// The socket is gone; the last message of it, once to each worker.
struct closed {
  alias id;
  sluice::error error;  ///< code none: it was asked to close
  udp::statistics statistics;
};

/// To a socket: become or cease to be a member of a multicast group. `interface` is a name or a
/// number, empty: the one that the route to the group leads to. What fails is told by failed with
/// the group as peer.
struct join {
  endpoint group;
  std::string interface {};
};
struct leave {
  endpoint group;
  std::string interface {};
};

/// To a socket: send what is queued before this message, then close.
struct close {
  alias id;
};

/// To a socket: answered with statistics.
struct ask_statistics {};

}  // namespace udp
}  // namespace v0
}  // namespace sluice
