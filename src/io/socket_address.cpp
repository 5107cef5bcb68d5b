#include "io/socket_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace sluice::inline v0::io {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t unix_path_start = offsetof(::sockaddr_un, sun_path);

}  // namespace

result<socket_address> socket_address::parse(std::string_view host, std::uint16_t port) {
  const error refused{error_code::bad_address, 0, "socket_address"};
  socket_address made;
  if (host.substr(0, unix_prefix.size()) == unix_prefix) {
    const std::string_view path = host.substr(unix_prefix.size());
    auto* local = reinterpret_cast<::sockaddr_un*>(&made.storage_);
    if (path.empty() || path.size() >= sizeof local->sun_path) return refused;
    if (path.find('\0') != std::string_view::npos) return refused;
    local->sun_family = AF_UNIX;
    std::memcpy(local->sun_path, path.data(), path.size());
    made.length_ = static_cast<::socklen_t>(unix_path_start + path.size() + 1);
    return made;
  }
  if (host == "localhost") host = "127.0.0.1";
  if (host.empty() || host == "*") host = "0.0.0.0";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string text{host};
  if (text.size() != std::strlen(text.c_str())) return refused;
  auto* four = reinterpret_cast<::sockaddr_in*>(&made.storage_);
  if (::inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    made.length_ = sizeof *four;
    return made;
  }
  auto* six = reinterpret_cast<::sockaddr_in6*>(&made.storage_);
  if (::inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    made.length_ = sizeof *six;
    return made;
  }
  return refused;
}

socket_address socket_address::from_bytes(std::span<const std::byte> raw) noexcept {
  socket_address made;
  ::sa_family_t family = AF_UNSPEC;
  if (raw.size() < sizeof family || raw.size() > sizeof made.storage_) return made;
  std::memcpy(&family, raw.data(), sizeof family);
  switch (family) {
    case AF_INET:
      if (raw.size() < sizeof(::sockaddr_in)) return made;
      break;
    case AF_INET6:
      if (raw.size() < sizeof(::sockaddr_in6)) return made;
      break;
    case AF_UNIX:
      if (raw.size() > sizeof(::sockaddr_un)) return made;
      break;
    default: return made;
  }
  std::memcpy(&made.storage_, raw.data(), raw.size());
  made.length_ = static_cast<::socklen_t>(raw.size());
  return made;
}

socket_address socket_address::local_of(int fd) noexcept {
  socket_address found;
  ::socklen_t length = sizeof found.storage_;
  if (::getsockname(fd, reinterpret_cast<::sockaddr*>(&found.storage_), &length) == 0) {
    found.length_ = length;
  }
  return found;
}

socket_address socket_address::peer_of(int fd) noexcept {
  socket_address found;
  ::socklen_t length = sizeof found.storage_;
  if (::getpeername(fd, reinterpret_cast<::sockaddr*>(&found.storage_), &length) == 0) {
    found.length_ = length;
  }
  return found;
}

bool operator==(const socket_address& left, const socket_address& right) noexcept {
  return left.length_ == right.length_ &&
         std::memcmp(&left.storage_, &right.storage_, left.length_) == 0;
}

std::uint16_t socket_address::port() const noexcept {
  switch (family()) {
    case AF_INET: return ntohs(reinterpret_cast<const ::sockaddr_in*>(&storage_)->sin_port);
    case AF_INET6: return ntohs(reinterpret_cast<const ::sockaddr_in6*>(&storage_)->sin6_port);
    default: return 0;
  }
}

std::string socket_address::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  switch (family()) {
    case AF_INET:
      ::inet_ntop(AF_INET, &reinterpret_cast<const ::sockaddr_in*>(&storage_)->sin_addr, text,
                  sizeof text);
      return std::string{text} + ":" + std::to_string(port());
    case AF_INET6:
      ::inet_ntop(AF_INET6, &reinterpret_cast<const ::sockaddr_in6*>(&storage_)->sin6_addr, text,
                  sizeof text);
      return std::string{"["}.append(text).append("]:").append(std::to_string(port()));
    case AF_UNIX: return std::string{unix_prefix} + path();
    default: return "unknown";
  }
}

socket_address socket_address::unmapped() const noexcept {
  if (family() != AF_INET6) return *this;
  const auto& six = reinterpret_cast<const ::sockaddr_in6&>(storage_);
  if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) return *this;
  socket_address made;
  auto& four = reinterpret_cast<::sockaddr_in&>(made.storage_);
  four.sin_family = AF_INET;
  four.sin_port = six.sin6_port;
  std::memcpy(&four.sin_addr, six.sin6_addr.s6_addr + 12, sizeof four.sin_addr);
  made.length_ = sizeof four;
  return made;
}

std::string socket_address::path() const {
  if (family() != AF_UNIX || length_ <= unix_path_start) return {};
  const char* const text = reinterpret_cast<const ::sockaddr_un*>(&storage_)->sun_path;
  return std::string(text, ::strnlen(text, length_ - unix_path_start));
}

}  // namespace sluice::inline v0::io
