// What the tests of the PROXY protocol share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "io/socket_address.hpp"
#include "net/proxy_header.hpp"
#include "net/proxy_parser.hpp"

namespace net_test {

/// "0d0a 0d" → three bytes.
inline std::string from_hex(std::string_view digits) {
  std::string made;
  int half = -1;
  for (const char digit : digits) {
    if (digit == ' ') continue;
    const int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;
    if (half >= 0) made.push_back(static_cast<char>(half << 4 | value));
    half = half >= 0 ? -1 : value;
  }
  return made;
}

inline const std::string block_signature = from_hex("0d0a0d0a 000d0a51 5549540a");

inline std::span<const std::byte> octets(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

inline sluice::io::socket_address address(std::string_view host, std::uint16_t port = 0) {
  return sluice::io::socket_address::parse(host, port).value();
}

/// A header in one line of text: "v2 proxy stream 192.0.2.1:1 > 192.0.2.2:2".
inline std::string describe(const sluice::net::proxy_header& header) {
  using namespace sluice::net;
  std::string text = header.version == proxy_version::one ? "v1" : "v2";
  text += header.command == proxy_command::local ? " local" : " proxy";
  if (!header.has_addresses()) return text;
  text += header.transport == proxy_transport::stream     ? " stream "
          : header.transport == proxy_transport::datagram ? " datagram "
                                                          : " unspecified ";
  return text + header.source.to_string() + " > " + header.destination.to_string();
}

/// What a parser makes of a stream that is fed in pieces of `piece_bytes`.
struct proxied {
  std::string header;  // describe(), or "need more", or "malformed: why"
  std::size_t header_bytes = 0;
  std::string rest;  // what it did not take

  friend bool operator==(const proxied&, const proxied&) = default;
};

inline proxied parse_in_pieces(std::string_view stream, std::size_t piece_bytes,
                               std::size_t header_bytes_max = 4096) {
  sluice::net::proxy_parser parser{header_bytes_max};
  auto step = sluice::net::proxy_step::need_more;
  while (!stream.empty() && step == sluice::net::proxy_step::need_more) {
    const std::string piece{stream.substr(0, piece_bytes)};
    const auto progress = parser.feed(octets(piece));
    step = progress.step;
    if (step == sluice::net::proxy_step::need_more && progress.taken_bytes != piece.size()) {
      return {"took less than all and wants more", 0, {}};
    }
    stream.remove_prefix(progress.taken_bytes);
    const auto again = parser.feed({});
    if (again.step != step || again.taken_bytes != 0) return {"changed its mind", 0, {}};
  }
  if (step == sluice::net::proxy_step::malformed) {
    return {std::string{"malformed: "} + parser.reason(), 0, {}};
  }
  if (step == sluice::net::proxy_step::need_more) return {"need more", parser.header_bytes(), {}};
  return {describe(parser.header()), parser.header_bytes(), std::string{stream}};
}

}  // namespace net_test
