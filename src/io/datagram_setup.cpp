#include "io/datagram_setup.hpp"

#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "io/endpoint.hpp"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

namespace sluice::inline v0::io {
namespace {

constexpr std::size_t meminfo_drops = 8;  // SK_MEMINFO_DROPS of linux/sock_diag.h
constexpr int udp_segment = 103;          // UDP_SEGMENT, UDP_GRO: newer than some C libraries
constexpr int udp_gro = 104;

[[nodiscard]] bool set(int fd, int level, int name, int value) noexcept {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// The number of an interface by name or number; 0 = none given; -1 = there is no such one.
[[nodiscard]] int interface_index(const std::string& interface) noexcept {
  if (interface.empty()) return 0;
  int number = 0;
  const char* const end = interface.data() + interface.size();
  const auto parsed = std::from_chars(interface.data(), end, number);
  if (parsed.ec == std::errc{} && parsed.ptr == end) return number > 0 ? number : -1;
  const unsigned found = ::if_nametoindex(interface.c_str());
  return found == 0 ? -1 : static_cast<int>(found);
}

[[nodiscard]] result<void> set_sizes(int fd, const datagram_bind& how) {
  // What the system's limit cuts off is no error: the kernel's answer is half of the truth anyway.
  if (how.receive_buffer_bytes != 0 &&
      !set(fd, SOL_SOCKET, SO_RCVBUFFORCE, static_cast<int>(how.receive_buffer_bytes)) &&
      !set(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(how.receive_buffer_bytes))) {
    return error_from_errno(errno, "udp: receive buffer");
  }
  if (how.send_buffer_bytes != 0 &&
      !set(fd, SOL_SOCKET, SO_SNDBUFFORCE, static_cast<int>(how.send_buffer_bytes)) &&
      !set(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(how.send_buffer_bytes))) {
    return error_from_errno(errno, "udp: send buffer");
  }
  return {};
}

[[nodiscard]] result<void> set_multicast(int fd, bool is_ipv6, const datagram_bind& how) {
  const int level = is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
  if (how.ttl >= 0 && !set(fd, level, is_ipv6 ? IPV6_UNICAST_HOPS : IP_TTL, how.ttl)) {
    return error_from_errno(errno, "udp: ttl");
  }
  if (how.multicast_ttl >= 0 &&
      !set(fd, level, is_ipv6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, how.multicast_ttl)) {
    return error_from_errno(errno, "udp: multicast_ttl");
  }
  if (how.multicast_loop >= 0 &&
      !set(fd, level, is_ipv6 ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, how.multicast_loop)) {
    return error_from_errno(errno, "udp: multicast_loop");
  }
  const int index = interface_index(how.multicast_interface);
  if (index < 0) return error{error_code::bad_argument, ENODEV, "udp: multicast_interface"};
  if (index == 0) return {};
  ::ip_mreqn by_index{};
  by_index.imr_ifindex = index;
  const bool was_set =
      is_ipv6 ? set(fd, level, IPV6_MULTICAST_IF, index)
              : ::setsockopt(fd, level, IP_MULTICAST_IF, &by_index, sizeof by_index) == 0;
  if (!was_set) return error_from_errno(errno, "udp: multicast_interface");
  return {};
}

[[nodiscard]] result<void> set_options(int fd, bool is_ipv6, const datagram_bind& how) {
  if (how.reuse_address && !set(fd, SOL_SOCKET, SO_REUSEADDR, 1)) {
    return error_from_errno(errno, "udp: reuse_address");
  }
  if (how.reuse_port && !set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
    return error_from_errno(errno, "udp: reuse_port");
  }
  if (how.broadcast && !set(fd, SOL_SOCKET, SO_BROADCAST, 1)) {
    return error_from_errno(errno, "udp: broadcast");
  }
  if (is_ipv6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, how.ipv6_only ? 1 : 0)) {
    return error_from_errno(errno, "udp: ipv6_only");
  }
  if (how.tell_errors) {
    // An IPv6 socket that also talks to IPv4 gets those errors by the IPv4 option.
    const bool is_set = is_ipv6 ? set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) &&
                                      (how.ipv6_only || set(fd, IPPROTO_IP, IP_RECVERR, 1))
                                : set(fd, IPPROTO_IP, IP_RECVERR, 1);
    if (!is_set) return error_from_errno(errno, "udp: tell_errors");
  }
  if (auto sized = set_sizes(fd, how); !sized) return sized;
  return set_multicast(fd, is_ipv6, how);
}

[[nodiscard]] bool read_extended_error(const ::msghdr& header,
                                       ::sock_extended_err& found) noexcept {
  for (::cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr;
       each = CMSG_NXTHDR(const_cast<::msghdr*>(&header), each)) {
    const bool is_ipv4 = each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_RECVERR;
    const bool is_ipv6 = each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_RECVERR;
    if ((!is_ipv4 && !is_ipv6) || each->cmsg_len < CMSG_LEN(sizeof found)) continue;
    std::memcpy(&found, CMSG_DATA(each), sizeof found);
    return true;
  }
  return false;
}

}  // namespace

result<base::unique_fd> make_datagram_socket(const datagram_bind& how) {
  if (how.local.is_empty()) return error{error_code::bad_address, 0, "udp: no address"};
  const bool is_ipv6 = how.local.is_ipv6();
  base::unique_fd socket{::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket.is_open()) return error_from_errno(errno, "udp: socket");
  if (auto set_all = set_options(socket.get(), is_ipv6, how); !set_all) return set_all.error();
  if (::bind(socket.get(), sockaddr_of(how.local), sockaddr_length(how.local)) != 0) {
    return error_from_errno(errno, "udp: bind");
  }
  if (!how.peer.is_empty() &&
      ::connect(socket.get(), sockaddr_of(how.peer), sockaddr_length(how.peer)) != 0) {
    return error_from_errno(errno, "udp: connect");
  }
  return socket;
}

result<void> change_membership(int fd, membership what, const endpoint& group,
                               const std::string& interface) {
  if (!group.is_multicast()) return error{error_code::bad_argument, EINVAL, "udp: group"};
  const int index = interface_index(interface);
  if (index < 0) return error{error_code::bad_argument, ENODEV, "udp: interface"};
  ::group_req asked{};
  asked.gr_interface = static_cast<std::uint32_t>(index);
  std::memcpy(&asked.gr_group, sockaddr_of(group), sockaddr_length(group));
  const int level = group.is_ipv6() ? IPPROTO_IPV6 : IPPROTO_IP;
  const int name = what == membership::join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
  if (::setsockopt(fd, level, name, &asked, sizeof asked) != 0) {
    return error_from_errno(errno, what == membership::join ? "udp: join" : "udp: leave");
  }
  return {};
}

bool has_segmented_sends(int fd) noexcept {
  int value = 0;
  ::socklen_t size = sizeof value;
  return ::getsockopt(fd, IPPROTO_UDP, udp_segment, &value, &size) == 0;
}

bool ask_for_merged_receives(int fd) noexcept { return set(fd, IPPROTO_UDP, udp_gro, 1); }

std::uint32_t lost_count(int fd) noexcept {
  std::array<std::uint32_t, 16> info{};
  ::socklen_t size = sizeof info;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &size) != 0) return 0;
  return size > meminfo_drops * sizeof info[0] ? info[meminfo_drops] : 0;
}

bool take_error(int fd, datagram_error& taken) noexcept {
  for (;;) {
    ::sockaddr_in6 name{};
    alignas(::cmsghdr) std::array<std::byte, 256> control{};
    std::byte unused{};
    ::iovec payload{&unused, sizeof unused};
    ::msghdr header{};
    header.msg_name = &name;
    header.msg_namelen = sizeof name;
    header.msg_iov = &payload;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (::recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
    ::sock_extended_err found{};
    if (!read_extended_error(header, found)) continue;
    // Of a send on this machine: its own result tells.
    if (found.ee_origin != SO_EE_ORIGIN_ICMP && found.ee_origin != SO_EE_ORIGIN_ICMP6) continue;
    const ::socklen_t length = std::min<::socklen_t>(header.msg_namelen, sizeof name);
    taken.peer = endpoint_of({reinterpret_cast<const std::byte*>(&name), length});
    taken.os_error = static_cast<int>(found.ee_errno);
    return true;
  }
}

}  // namespace sluice::inline v0::io
