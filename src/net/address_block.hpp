// address_block: a set of addresses, the way operators write it: "10.0.0.0/8", "2001:db8::/32",
// "192.0.2.1", or "unix" for every peer of a unix socket. A value.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <sluice/result.hpp>

#include "io/socket_address.hpp"

namespace sluice::inline v0::net {

class address_block {
 public:
  /// Error: bad_address, also when bits behind the prefix are set.
  [[nodiscard]] static result<address_block> parse(std::string_view text);
  /// An IPv4 peer of an IPv6 socket counts as what it is.
  [[nodiscard]] bool contains(const io::socket_address& who) const noexcept;

 private:
  int family_ = AF_UNSPEC;
  std::uint32_t prefix_bits_ = 0;
  std::array<std::uint8_t, 16> address_{};
};

}  // namespace sluice::inline v0::net
