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

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sluice/meta.hpp>
#include <sluice/tcp_messages.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace tcp {

/// What happens when a connection's write queue stands above its high mark.
enum class write_policy : std::uint8_t {
  pause_reading,  ///< read no more from this peer until the queue is below the low mark
  drop,           ///< refuse further writes until it is below the high mark
  close,          ///< end the connection
};

/// Of each connection that a server accepts.
struct connection_options {
  bool nodelay = true;
  std::uint32_t write_bytes_high = 256 * 1024;
  std::uint32_t write_bytes_low = 64 * 1024;
  write_policy policy = write_policy::pause_reading;
  /// Bytes read and not yet let go by their holders, before this socket is read no further.
  std::uint32_t read_bytes_max = 256 * 1024;
  /// Closing waits this long for queued bytes to be sent, draining as long for the worker.
  std::chrono::milliseconds flush_time_max{5000};
};

/// Processes by pid; made from pids or from the handles of spawn_many.
struct worker_list : std::vector<pid> {
  using std::vector<pid>::vector;
  worker_list(std::vector<pid> pids) noexcept : std::vector<pid>(std::move(pids)) {}
  template <class A>
  worker_list(const std::vector<handle<A>>& handles) {
    reserve(handles.size());
    for (const handle<A>& each : handles) push_back(each.id());
  }
};

struct server_options {
  /// An IPv4 or IPv6 address, "localhost", "*", or "unix:/path". Names are not resolved.
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0 = any free one
  /// Where to write the port that was bound, before the spawn returns; borrowed until then.
  std::uint16_t* port_bound = nullptr;
  int backlog = 4096;
  bool reuseport = false;
  /// Connection i goes to worker i mod n. Empty: to the process that spawned the server (the node
  /// itself is none).
  worker_list workers{};
  std::uint32_t connections_max = 0;  ///< accepting pauses at this many; 0 = no limit of ours
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
