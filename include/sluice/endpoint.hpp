// endpoint: an IP address and a port, the way datagrams name their peers.
//
// A value of 28 bytes, trivially copyable; equal endpoints are equal bytes. An IPv6 one carries the
// interface of a link-local address. A default-made endpoint names nobody. Names are never
// resolved here: literals only.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

class endpoint {
 public:
  constexpr endpoint() noexcept = default;

  /// "192.0.2.1:4711", "[2001:db8::1]:4711", "[fe80::1%2]:4711" or with the interface's name
  /// ("%eth0"). Error: bad_address.
  [[nodiscard]] static result<endpoint> parse(std::string_view text);
  /// The address alone, with or without brackets; "localhost" is 127.0.0.1, "*" and "" are 0.0.0.0.
  [[nodiscard]] static result<endpoint> parse(std::string_view host, std::uint16_t port);
  /// 0x7f000001 is 127.0.0.1.
  [[nodiscard]] static constexpr endpoint ipv4(std::uint32_t address, std::uint16_t port) noexcept {
    endpoint made;
    made.family_ = family_ipv4;
    made.words_[0] = swapped(address);
    return made.with_port(port);
  }

  [[nodiscard]] constexpr bool is_empty() const noexcept { return family_ == 0; }
  [[nodiscard]] constexpr bool is_ipv4() const noexcept { return family_ == family_ipv4; }
  [[nodiscard]] constexpr bool is_ipv6() const noexcept { return family_ == family_ipv6; }
  [[nodiscard]] bool is_multicast() const noexcept;
  [[nodiscard]] constexpr std::uint16_t port() const noexcept { return swapped(port_); }
  [[nodiscard]] constexpr endpoint with_port(std::uint16_t port) const noexcept {
    endpoint made{*this};
    made.port_ = swapped(port);
    return made;
  }
  /// As parse(text) takes it; "nobody" when empty.
  [[nodiscard]] std::string to_string() const;
  /// Seeded once a program from the system's random source, so that a peer cannot choose its place
  /// in a table. Equal endpoints have equal hashes on every thread.
  [[nodiscard]] std::uint64_t hash() const noexcept;

  /// Total, but not the order of the numbers.
  friend auto operator<=>(const endpoint&, const endpoint&) = default;

 private:
  static constexpr std::uint16_t family_ipv4 = 2;  // the kernel's numbers
  static constexpr std::uint16_t family_ipv6 = 10;

  [[nodiscard]] static constexpr std::uint16_t swapped(std::uint16_t value) noexcept {
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap16(value);
  }
  [[nodiscard]] static constexpr std::uint32_t swapped(std::uint32_t value) noexcept {
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? value : __builtin_bswap32(value);
  }

  // The layout of a sockaddr_in6, or of a sockaddr_in followed by zeros: passed to the kernel as it
  // is (src/io/endpoint.hpp).
  std::uint16_t family_ = 0;
  std::uint16_t port_ = 0;
  std::uint32_t words_[6] = {};
};
static_assert(sizeof(endpoint) == 28);

}  // namespace v0
}  // namespace sluice

template <>
struct std::hash<sluice::endpoint> {
  std::size_t operator()(const sluice::endpoint& where) const noexcept {
    return static_cast<std::size_t>(where.hash());
  }
};
