#include "io/datagram_header.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "io/uring_compat.hpp"

namespace sluice::inline v0::io {
namespace {

using span = std::span<const std::byte>;

/// A T from the front of `raw`, which holds one; nothing of it need be aligned.
template <class T>
T read(span raw) noexcept {
  T value;
  std::memcpy(&value, raw.data(), sizeof value);
  return value;
}

/// The data of one control message; false: it cannot be. One that lacks room comes cut short.
bool read_control(int level, int type, span data, received_datagram& into) noexcept {
  if (level == SOL_UDP && type == UDP_GRO) {
    if (data.size() < sizeof(int)) return into.is_control_truncated = true;
    const int segment_bytes = read<int>(data);
    if (segment_bytes <= 0) return false;
    into.segment_bytes = static_cast<std::uint32_t>(segment_bytes);
  } else if (level == IPPROTO_IP && type == IP_PKTINFO) {
    if (data.size() < sizeof(::in_pktinfo)) return into.is_control_truncated = true;
    into.interface_index = static_cast<std::uint32_t>(read<::in_pktinfo>(data).ipi_ifindex);
    into.local = data.subspan(offsetof(::in_pktinfo, ipi_addr), sizeof(::in_addr));
  } else if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO) {
    if (data.size() < sizeof(::in6_pktinfo)) return into.is_control_truncated = true;
    into.interface_index = read<::in6_pktinfo>(data).ipi6_ifindex;
    into.local = data.subspan(offsetof(::in6_pktinfo, ipi6_addr), sizeof(::in6_addr));
  }
  return true;
}

/// Walks the control messages. Each begins where the one before it ends, aligned.
bool read_controls(span control, received_datagram& into) noexcept {
  while (control.size() >= sizeof(::cmsghdr)) {
    const auto head = read<::cmsghdr>(control);
    if (head.cmsg_len < sizeof(::cmsghdr) || head.cmsg_len > control.size()) return false;
    const span data = control.subspan(CMSG_LEN(0)).first(head.cmsg_len - CMSG_LEN(0));
    if (!read_control(head.cmsg_level, head.cmsg_type, data, into)) return false;
    // The last one need not be padded. The length was compared with what is there, so rounding it
    // up cannot overflow.
    control = control.subspan(std::min<std::size_t>(CMSG_ALIGN(head.cmsg_len), control.size()));
  }
  return true;
}

}  // namespace

std::size_t datagram_control_bytes() noexcept {
  return CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(::in_pktinfo)) +
         CMSG_SPACE(sizeof(::in6_pktinfo));
}

std::size_t datagram_start_bytes(const datagram_layout& layout) noexcept {
  return sizeof(::io_uring_recvmsg_out) + std::size_t{layout.name_bytes} + layout.control_bytes;
}

std::size_t received_datagram::count() const noexcept {
  if (segment_bytes == 0 || payload.empty()) return 1;
  return (payload.size() - 1) / segment_bytes + 1;
}

std::span<const std::byte> received_datagram::datagram(std::size_t index) const noexcept {
  if (index >= count()) return {};
  if (segment_bytes == 0) return payload;
  const span rest = payload.subspan(index * segment_bytes);
  return rest.first(std::min<std::size_t>(rest.size(), segment_bytes));
}

datagram_step read_datagram(span written, const datagram_layout& layout,
                            received_datagram& into) noexcept {
  into = {};
  const std::size_t start = datagram_start_bytes(layout);
  if (written.size() < start) return datagram_step::malformed;
  const auto head = read<::io_uring_recvmsg_out>(written);
  // A name may be larger than its room, control messages may not.
  if (head.controllen > layout.control_bytes) return datagram_step::malformed;
  const span name = written.subspan(sizeof head, layout.name_bytes);
  const span control = written.subspan(sizeof head + layout.name_bytes, head.controllen);
  const span room = written.subspan(start);
  if (head.namelen <= name.size()) into.peer = name.first(head.namelen);
  into.payload = room.first(std::min<std::size_t>(room.size(), head.payloadlen));
  into.sent_bytes = head.payloadlen;
  into.is_truncated = (head.flags & MSG_TRUNC) != 0 || head.payloadlen > room.size();
  into.is_control_truncated = (head.flags & MSG_CTRUNC) != 0;
  if (!read_controls(control, into)) {
    into = {};
    return datagram_step::malformed;
  }
  return datagram_step::datagram;
}

std::size_t segment_control_bytes() noexcept { return CMSG_SPACE(sizeof(std::uint16_t)); }

std::size_t write_segment_control(std::span<std::byte> control,
                                  std::uint16_t segment_bytes) noexcept {
  if (control.size() < segment_control_bytes()) return 0;
  ::cmsghdr head{};
  head.cmsg_level = SOL_UDP;
  head.cmsg_type = UDP_SEGMENT;
  head.cmsg_len = CMSG_LEN(sizeof segment_bytes);
  std::memset(control.data(), 0, segment_control_bytes());
  std::memcpy(control.data(), &head, sizeof head);
  std::memcpy(control.data() + CMSG_LEN(0), &segment_bytes, sizeof segment_bytes);
  return segment_control_bytes();
}

}  // namespace sluice::inline v0::io
