// datagram_setup: makes UDP sockets and changes their options; what the kernel knows about one.
//
// Plain system calls that do not wait; any thread. The sockets block, as all the drivers' do: a
// send that finds no room waits in the driver.
#pragma once

#include <cstdint>
#include <string>

#include <sluice/endpoint.hpp>
#include <sluice/result.hpp>

#include "base/unique_fd.hpp"

namespace sluice::inline v0::io {

/// 0 and -1 leave what the system gives.
struct datagram_bind {
  endpoint local{};  ///< port 0 = any free one
  endpoint peer{};   ///< not empty: connected, the kernel lets only its datagrams in
  bool reuse_port = false;
  bool reuse_address = false;
  bool ipv6_only = true;
  bool broadcast = false;
  bool tell_errors = true;  ///< ICMP errors, with the peer they are about (IP_RECVERR)
  std::uint32_t receive_buffer_bytes = 0;
  std::uint32_t send_buffer_bytes = 0;
  int ttl = -1;
  int multicast_ttl = -1;
  int multicast_loop = -1;
  std::string multicast_interface{};  ///< for sends: a name or a number; empty = by route
};

/// Errors: bad_address, address_in_use, permission_denied, limit_reached, bad_argument.
[[nodiscard]] result<base::unique_fd> make_datagram_socket(const datagram_bind& how);

enum class membership : bool { join, leave };
/// `interface` is a name or a number; empty = by route.
[[nodiscard]] result<void> change_membership(int fd, membership what, const endpoint& group,
                                             const std::string& interface);

/// Whether the kernel splits one send into equal datagrams (UDP_SEGMENT).
[[nodiscard]] bool has_segmented_sends(int fd) noexcept;
/// Asks for received runs of equal datagrams as one (UDP_GRO). False: the kernel cannot.
[[nodiscard]] bool ask_for_merged_receives(int fd) noexcept;
/// Datagrams that found this socket's receive queue full, so far.
[[nodiscard]] std::uint32_t lost_count(int fd) noexcept;

/// An ICMP error that came back for a datagram of ours.
struct datagram_error {
  endpoint peer;  ///< whom the datagram was for
  int os_error = 0;
};
/// The next one of the socket's error queue, if there is any. Taking the last one also takes the
/// socket's pending error, so that it hits no innocent send.
[[nodiscard]] bool take_error(int fd, datagram_error& taken) noexcept;

}  // namespace sluice::inline v0::io
