// UDP: a socket meta, whose workers get datagrams and send them.
//
// Each datagram goes to one worker: to the next in turn, or always to the same one for a peer. The
// worker answers by sending udp::datagram to the socket's alias. What goes wrong with one datagram
// is told (udp::failed) and ends nothing. A socket ends by udp::close or by exit:
//   exit normal, shutdown   drains: reads no more, waits until the workers have handled what they
//                           were sent, sends what is queued, closes; a second one skips the waiting
//   exit killed, any other  closes at once
// UDP never holds up a sender: what finds the send queue full is dropped, told and counted. A
// worker that holds more than read_bytes_max of received bytes is slow: datagrams meant for it are
// dropped (by_peer) or go to the others (round_robin); when all are slow the socket is read no
// further and the kernel drops.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sluice/meta.hpp>
#include <sluice/tcp_options.hpp>
#include <sluice/udp_messages.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace udp {

using tcp::worker_list;
using tcp::worker_name;

/// Which worker gets a datagram.
enum class delivery_policy : std::uint8_t {
  round_robin,  ///< the next in turn that lives and is not slow
  /// By a hash of the peer: the same for all sockets of the program, as long as that worker lives;
  /// then the next in the list that does.
  by_peer,
};

struct socket_options {
  /// An IPv4 or IPv6 address, "localhost" or "*". Names are not resolved.
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0 = any free one
  /// Where to write the port that was bound, before the spawn returns; borrowed until then.
  std::uint16_t* port_bound = nullptr;
  /// Not empty: connected; only this peer's datagrams come in, and datagrams without a peer go out
  /// to it.
  endpoint peer{};

  /// So many sockets on one port, each a meta of its own on the next ring; the kernel spreads peers
  /// over them. Those after the first are tied to it. Each has the alias that its datagrams carry;
  /// of n sockets the i-th takes turns with workers i, i + n, … (by_peer: with all).
  std::uint32_t sockets = 1;
  bool reuseport = false;      ///< other sockets, also of other programs, may share the port
  bool reuse_address = false;  ///< several receivers of one multicast group and port
  bool ipv6_only = true;

  /// Empty: the process that spawned the socket (the node itself is none).
  worker_list workers{};
  delivery_policy delivery = delivery_policy::round_robin;
  /// Received bytes that a worker holds, with 64 bytes more for each datagram, before it is slow.
  std::uint32_t read_bytes_max = 1024 * 1024;
  std::uint32_t queue_bytes_max = 1024 * 1024;  ///< to be sent
  std::uint32_t queue_count_max = 4096;
  /// Asked of the kernel (SO_RCVBUF), which may give less; 0 = the system's own. What comes while
  /// it is full is lost.
  std::uint32_t receive_buffer_bytes = 4 * 1024 * 1024;
  std::uint32_t send_buffer_bytes = 0;

  bool broadcast = false;
  std::vector<join> groups{};
  std::string multicast_interface{};  ///< for sends; a name or a number; empty = by route
  bool multicast_loop = true;         ///< what is sent to a group comes back to this machine too
  int multicast_ttl = 1;
  int ttl = -1;  ///< -1 = the system's

  /// Several datagrams of one size to one peer leave as one send that the kernel splits. Received
  /// ones arrive merged where the ring's buffers have room for 65,535 bytes and some 100 more.
  bool gso = true;
  bool gro = true;
  bool tell_errors = true;  ///< ICMP errors of unconnected sockets too, with the peer
  std::uint32_t errors_per_second_max = 100;  ///< told by failed; all are counted
  /// Closing waits this long for queued datagrams to be sent, draining as long for the workers.
  std::chrono::milliseconds flush_time_max{5000};
  meta_options meta{};
};

/// A UDP socket, on one ring of its node.
/// Errors of its spawn: bad_address, address_in_use, permission_denied, limit_reached, bad_argument
/// (limits, workers, groups, interfaces), not_supported (a node without rings).
class socket : public meta_base {
 public:
  using options = socket_options;
  using listed_messages = messages<>;
  struct implementation;  ///< src/net/udp_socket.hpp

  explicit socket(socket_options asked);
  ~socket();

  void on(datagram&& message);
  void on(const join& message);
  void on(const leave& message);
  void on(const close& message);
  void on(const ask_statistics& message);
  void on_inspect(inspect_items& items) const;

  /// For the library.
  explicit socket(std::unique_ptr<implementation> inner) noexcept;
  [[nodiscard]] implementation& inner() noexcept { return *inner_; }

 private:
  std::unique_ptr<implementation> inner_;
};

}  // namespace udp

template <>
struct behaviour_of<udp::socket> {
  static const core::meta_behaviour value;
};

}  // namespace v0
}  // namespace sluice
