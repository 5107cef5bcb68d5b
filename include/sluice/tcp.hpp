// TCP: a server meta, which accepts, and a connection meta for each peer.
//
// The server hands connection i to worker i mod n for its life. A connection tells its worker
// connected, data…, (read_closed,) disconnected; the worker writes by sending tcp::data to the
// connection's alias and ends it by tcp::close (after what is queued) or by exit:
//   exit normal, shutdown   drains: reads no more, waits until the worker has handled what it was
//                           sent, flushes the answers, closes; a second one skips the waiting
//   exit killed, any other  closes at once, by a reset
// A connection belongs to its worker: when that ends, what is queued is flushed and the connection
// closed. A worker that has ended gets no new connections; the others take its turns. When none is
// left, connections are closed as they come.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sluice/meta.hpp>
#include <sluice/tcp_messages.hpp>
#include <sluice/tcp_options.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace tcp {

struct server_options {
  /// An IPv4 or IPv6 address, "localhost", "unix:/path", or "" or "*": every address of both
  /// families (of IPv4 alone where there is no IPv6). Names are not resolved. A unix path whose
  /// server is gone is taken over.
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0 = any free one
  /// Where to write the port that was bound, before the spawn returns; borrowed until then.
  std::uint16_t* port_bound = nullptr;
  int backlog = 4096;
  bool reuseport = false;
  /// Connection i goes to worker i mod n. Empty: to the process that spawned the server (the node
  /// itself is none). A name is looked up when a connection is to be handed over and whoever had it
  /// before has ended; while nobody has it, it is passed over.
  worker_list workers{};
  /// Peers that speak for others: "10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "unix". Each of their
  /// connections begins with a PROXY header, version 1 or 2; without one it is closed, unseen by
  /// any worker. It may take handshake_time_max, or 5 s. Of other peers such a header is data.
  std::vector<std::string> proxy_from{};
  std::uint32_t connections_max = 0;  ///< accepting pauses at this many; 0 = no limit of ours
  /// Accepting pauses so that no more are accepted a second, on average; 0 = no limit. With it or
  /// connections_max connections are accepted one by one, and those that have to wait do so
  /// unaccepted, in the backlog.
  std::uint32_t accepts_per_second_max = 0;
  std::uint32_t accepts_at_once_max = 0;  ///< of that rate; 0 = a tenth of it, at least one
  /// The end of the server is the end of its connections: killed kills them, any other end drains
  /// them. False: they live on.
  bool takes_connections_along = true;
  connection_options connection{};
  meta_options meta{};
};

/// A TCP server, on one ring of its node. With a ring in every scheduler, worker w's connections
/// live on ring (server's + w) mod rings, so that each worker tends to run where its bytes arrive;
/// with rings on threads of their own, connection i lives on ring (server's + i) mod rings.
/// Errors of its spawn: bad_address, address_in_use, permission_denied, limit_reached, bad_argument
/// (marks, limits, backlog, workers), not_supported (a node without rings).
class server : public meta_base {
 public:
  using options = server_options;
  using listed_messages = messages<>;

  explicit server(server_options asked);
  ~server();

  void on_inspect(inspect_items& items) const;

  struct implementation;  ///< src/net/tcp_server.hpp
  [[nodiscard]] implementation& inner() noexcept { return *inner_; }

 private:
  std::unique_ptr<implementation> inner_;
};

}  // namespace tcp

template <>
struct behaviour_of<tcp::server> {
  static const core::meta_behaviour value;
};

}  // namespace v0
}  // namespace sluice
