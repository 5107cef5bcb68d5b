// TCP client: a meta that makes a connection, keeps it, and makes it again when it is asked to.
//
// Its worker hears connected, data…, (read_closed,) disconnected of each connection, with the
// client's alias as id, and connect_failed of each attempt that came to nothing. It writes by
// sending tcp::data to the alias. The client ends
//   without reconnect: when the connection has ended, or could not be made
//   with reconnect:    by tcp::close, by exit (as a server's connections do, see tcp.hpp), when its
//                      process or its worker has ended, or after attempts_max failures in a row
// Bytes sent while there is no connection wait for it, up to write_bytes_high; beyond that they are
// dropped, whatever the policy, and dropped is told. With a connection its unsent bytes are gone,
// and so is what the worker sends before it has handled disconnected: no answer to an old
// connection reaches the next one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sluice/meta.hpp>
#include <sluice/result.hpp>
#include <sluice/tcp_messages.hpp>
#include <sluice/tcp_options.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace tcp {

/// Attempt n + 1 comes min(backoff_min × factor^(n-1), backoff_max) after attempt n has failed, and
/// the first one backoff_min after a connection was lost.
struct reconnect_options {
  bool enabled = false;
  std::chrono::milliseconds backoff_min{100};
  std::chrono::milliseconds backoff_max{30'000};
  double factor = 2.0;  ///< 1 or more
  double jitter = 0.2;  ///< the part of a delay, 0 to 1, of which a random share is left out
  std::uint32_t attempts_max = 0;  ///< failures in a row; 0 = no limit
};

/// Finds the addresses (literals) of a host name, in the order in which they are to be tried.
using resolve_function = std::function<result<std::vector<std::string>>(const std::string& host)>;

enum class proxy_version : std::uint8_t { none, one, two };

/// A PROXY header to be sent first.
struct proxy_options {
  proxy_version version = proxy_version::none;
  /// For whom this speaks: an address and its port; and where that one had connected to. Empty: the
  /// client's own two ends.
  std::string source{};
  std::uint16_t source_port = 0;
  std::string destination{};
  std::uint16_t destination_port = 0;
  bool has_checksum = false;  ///< of version two: with its CRC32C
};

struct client_options {
  /// An IPv4 or IPv6 address, a host name, or "unix:/path". A name is looked up by getaddrinfo on a
  /// thread of its own, for each attempt.
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string source{};  ///< the address to connect from; empty = the kernel chooses
  std::uint16_t source_port = 0;
  /// Of one attempt: the name and all its addresses together.
  std::chrono::milliseconds connect_time_max{10'000};
  reconnect_options reconnect{};
  /// Default: the process that spawned the client (the node itself is none).
  worker_name worker{};
  proxy_options proxy{};
  connection_options connection{};
  resolve_function resolve{};  ///< instead of getaddrinfo, on that thread of its own
  meta_options meta{};
};

/// Errors of its spawn: bad_argument (its place names the option), bad_address (source),
/// not_supported (a node without rings). What goes wrong later is told by connect_failed.
class client : public meta_base {
 public:
  using options = client_options;
  using listed_messages = messages<>;

  explicit client(client_options asked);
  ~client();

  void on(data&& message);
  void on(const close&);
  void on(const shutdown_write&);
  void on_inspect(inspect_items& items) const;

  struct implementation;  ///< src/net/tcp_client.hpp
  [[nodiscard]] implementation& inner() noexcept { return *inner_; }

 private:
  std::unique_ptr<implementation> inner_;
};

}  // namespace tcp

template <>
struct behaviour_of<tcp::client> {
  static const core::meta_behaviour value;
};

}  // namespace v0
}  // namespace sluice
