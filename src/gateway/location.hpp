// Where to listen or to connect to, as a command line says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gateway {

enum class transport : std::uint8_t { tcp, unix_stream, udp };

struct location {
  transport over = transport::tcp;
  std::string host;        ///< a path for unix_stream
  std::uint16_t port = 0;  ///< 0 to listen on any free one

  /// As server_options::host takes it.
  [[nodiscard]] std::string library_host() const;
  /// As parse_location() takes it.
  [[nodiscard]] std::string text() const;
};

/// "HOST:PORT", "[IPv6]:PORT", "unix:/path", "udp:HOST:PORT".
[[nodiscard]] std::optional<location> parse_location(std::string_view text);

}  // namespace gateway
