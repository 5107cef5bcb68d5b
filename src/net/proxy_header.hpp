// proxy_header: what a proxy says, before anything else, of the connection that it relays: the
// PROXY protocol of haproxy.org, versions 1 (a line of text) and 2 (a binary block).
//
// When: from peers that are configured to send one, and only from them; whoever may send a header
// chooses the address that he seems to have. See proxy_parser for the way in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <sluice/bytes.hpp>

#include "io/socket_address.hpp"

namespace sluice::inline v0::net {

enum class proxy_version : std::uint8_t { one = 1, two = 2 };

enum class proxy_command : std::uint8_t {
  local,  ///< the proxy's own connection, a health check: the real addresses count
  proxy,  ///< relayed for somebody
};

enum class proxy_transport : std::uint8_t { unspecified, stream, datagram };

/// A value. Source and destination have one family (inet, inet6 or unix), or both are empty: then
/// the real connection's addresses count.
struct proxy_header {
  proxy_version version = proxy_version::two;
  proxy_command command = proxy_command::proxy;
  proxy_transport transport = proxy_transport::unspecified;
  io::socket_address source{};
  io::socket_address destination{};

  [[nodiscard]] bool has_addresses() const noexcept { return source.family() != AF_UNSPEC; }
};

/// Whether a version 2 block is sent with its CRC32C.
enum class proxy_checksum : std::uint8_t { none, crc32c };

/// Of a version 1 header, its CRLF included.
inline constexpr std::size_t proxy_text_bytes_max = 107;
/// Of a version 2 block before its addresses.
inline constexpr std::size_t proxy_block_start_bytes = 16;

inline constexpr std::string_view proxy_text_signature = "PROXY ";
inline constexpr std::string_view proxy_block_signature{"\r\n\r\n\0\r\nQUIT\n", 12};

// For proxy_parser. Both take a whole header, and answer null or why it is malformed; `into` is
// valid only if null was answered.
[[nodiscard]] const char* parse_proxy_text(std::string_view line, proxy_header& into) noexcept;
[[nodiscard]] const char* parse_proxy_block(std::span<const std::byte> block,
                                            proxy_header& into) noexcept;
/// What the 13th and 14th byte of a block forbid, or null.
[[nodiscard]] const char* refuse_proxy_block(std::byte version_and_command,
                                             std::byte family_and_transport) noexcept;

[[nodiscard]] bytes write_proxy_text(const proxy_header& header);
[[nodiscard]] bytes write_proxy_block(const proxy_header& header, proxy_checksum checksum);

/// The header's bytes, to be sent first. What its version cannot say is said as "unknown" (unix
/// addresses and datagrams in version 1; source and destination of two families in both).
[[nodiscard]] inline bytes write_proxy_header(const proxy_header& header,
                                              proxy_checksum checksum = proxy_checksum::none) {
  return header.version == proxy_version::one ? write_proxy_text(header)
                                              : write_proxy_block(header, checksum);
}

}  // namespace sluice::inline v0::net
