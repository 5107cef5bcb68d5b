// endpoint as the kernel wants it: the public value has the layout of a sockaddr.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <span>
#include <type_traits>

#include <sluice/endpoint.hpp>

#include "io/socket_address.hpp"

namespace sluice::inline v0::io {

static_assert(sizeof(endpoint) == sizeof(::sockaddr_in6) && std::is_standard_layout_v<endpoint> &&
              std::is_trivially_copyable_v<endpoint>);

[[nodiscard]] inline const ::sockaddr* sockaddr_of(const endpoint& where) noexcept {
  return reinterpret_cast<const ::sockaddr*>(&where);
}
[[nodiscard]] inline ::socklen_t sockaddr_length(const endpoint& where) noexcept {
  if (where.is_ipv4()) return sizeof(::sockaddr_in);
  return where.is_ipv6() ? sizeof(::sockaddr_in6) : 0;
}
/// From the bytes of a sockaddr; empty when it is none of IPv4 or IPv6, or too short.
[[nodiscard]] endpoint endpoint_of(std::span<const std::byte> name) noexcept;
[[nodiscard]] inline endpoint endpoint_of(const socket_address& where) noexcept {
  return endpoint_of({reinterpret_cast<const std::byte*>(where.data()), where.length()});
}

}  // namespace sluice::inline v0::io
