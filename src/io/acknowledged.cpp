#include "io/acknowledged.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace sluice::inline v0::io {

std::optional<std::uint64_t> acknowledged_bytes(int fd) noexcept {
  ::tcp_info info{};
  ::socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(::tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) {
    return std::nullopt;  // before Linux 4.1
  }
  return info.tcpi_bytes_acked;
}

}  // namespace sluice::inline v0::io
