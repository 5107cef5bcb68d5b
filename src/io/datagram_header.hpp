// datagram_header: reads what a multishot receive of messages writes to a provided buffer, and the
// control messages in and out that UDP needs. Pure code on bytes: sizes in there are not trusted.
//
//   io_uring_recvmsg_out (16) · room for the name · room for the control messages · payload
//   The rooms are as large as the msghdr said that the receive was armed with, whatever is used.
// Who: anybody; nothing is kept. What is given lies in the buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::inline v0::io {

/// The rooms of the msghdr: its msg_namelen and msg_controllen.
struct datagram_layout {
  std::uint32_t name_bytes = 0;
  std::uint32_t control_bytes = 0;
};

/// Control bytes that UDP_GRO's segment size and the packet information of either family need.
[[nodiscard]] std::size_t datagram_control_bytes() noexcept;

/// Bytes of a buffer before the payload. Add the largest payload for the buffer's size.
[[nodiscard]] std::size_t datagram_start_bytes(const datagram_layout& layout) noexcept;

/// What came in one buffer: a datagram, or several of one size that the kernel joined (GRO).
struct received_datagram {
  std::span<const std::byte>
      peer;  ///< a sockaddr; empty if there is none, or no room for all of it
  std::span<const std::byte> payload;
  std::size_t sent_bytes = 0;         ///< of payload before truncation, if asked for by MSG_TRUNC
  std::uint32_t segment_bytes = 0;    ///< of each datagram but the last; 0: there is only one
  std::uint32_t interface_index = 0;  ///< with packet information: where it came in, else 0
  std::span<const std::byte> local;   ///< with packet information: the 4 or 16 bytes it was sent to
  bool is_truncated = false;          ///< the payload's end did not fit
  /// Control messages are missing; if the segment size is, datagrams may be joined unseen.
  bool is_control_truncated = false;

  [[nodiscard]] std::size_t count() const noexcept;
  /// The i-th of count() datagrams. Empty ones exist.
  [[nodiscard]] std::span<const std::byte> datagram(std::size_t index) const noexcept;
};

enum class datagram_step : std::uint8_t {
  datagram,
  malformed,  ///< sizes that contradict each other: nothing of it is to be believed
};

/// Reads the bytes that a completion says were written to its buffer.
[[nodiscard]] datagram_step read_datagram(std::span<const std::byte> written,
                                          const datagram_layout& layout,
                                          received_datagram& into) noexcept;

/// Most datagrams that one send can be cut into (GSO), on every kernel that has it.
inline constexpr std::size_t segment_count_max = 64;

/// Writes the control message that has the kernel cut a payload into datagrams of `segment_bytes`.
/// Returns the bytes for msg_controllen; 0 when there is no room for it.
[[nodiscard]] std::size_t write_segment_control(std::span<std::byte> control,
                                                std::uint16_t segment_bytes) noexcept;
[[nodiscard]] std::size_t segment_control_bytes() noexcept;

}  // namespace sluice::inline v0::io
