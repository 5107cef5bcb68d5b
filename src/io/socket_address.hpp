// socket_address: where a socket is bound or who is at its other end.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sluice/result.hpp>

namespace sluice::inline v0::io {

/// An IPv4, IPv6 or unix address as the kernel has it. A value.
class socket_address {
 public:
  socket_address() noexcept = default;

  /// From a literal: "127.0.0.1", "::1", "[::1]", "localhost" (127.0.0.1), "" or "*" (0.0.0.0), or
  /// "unix:/path" (then the port is ignored). Names are not resolved here: bad_address.
  [[nodiscard]] static result<socket_address> parse(std::string_view host, std::uint16_t port);
  /// From a sockaddr as the kernel fills it in; empty when it is none, or too short for its family.
  [[nodiscard]] static socket_address from_bytes(std::span<const std::byte> raw) noexcept;
  /// What the socket is bound to; empty when the kernel does not say.
  [[nodiscard]] static socket_address local_of(int fd) noexcept;
  /// Who is at the other end; empty when it is gone already.
  [[nodiscard]] static socket_address peer_of(int fd) noexcept;

  [[nodiscard]] int family() const noexcept {
    return length_ == 0 ? AF_UNSPEC : storage_.ss_family;
  }
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// The IPv4 address of an IPv4 peer of an IPv6 socket; any other as it is.
  [[nodiscard]] socket_address unmapped() const noexcept;
  /// "127.0.0.1:7000", "[::1]:7000", "unix:/path", or "unknown".
  [[nodiscard]] std::string to_string() const;
  /// Of a unix address; empty of others, and of one without a name.
  [[nodiscard]] std::string path() const;

  [[nodiscard]] const ::sockaddr* data() const noexcept {
    return reinterpret_cast<const ::sockaddr*>(&storage_);
  }
  [[nodiscard]] ::socklen_t length() const noexcept { return length_; }
  friend bool operator==(const socket_address& left, const socket_address& right) noexcept;
  /// The sockaddr, as from_bytes takes it.
  [[nodiscard]] std::span<const std::byte> span() const noexcept {
    return {reinterpret_cast<const std::byte*>(&storage_), length_};
  }

 private:
  ::sockaddr_storage storage_{};
  ::socklen_t length_ = 0;
};

}  // namespace sluice::inline v0::io
