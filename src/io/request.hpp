// request: what an operation asks for, in words that every driver understands.
//
// A value, read by driver::start() before it returns; what it points at must stay until the
// submission, what is written to until the final completion. Results are the kernel's: a count, a
// descriptor, ready events, or -errno. `site` says which place of the program asks: the key of
// fault injection and of counters.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::inline v0::io {

enum class request_kind : std::uint8_t {
  accept,            ///< multishot: a descriptor a completion
  connect,           ///< 0, or -errno when it could not be established
  receive,           ///< into a buffer of the driver's; 0 = end of input
  send,              ///< one range of memory, to the peer or to `address`
  send_message,      ///< a msghdr: gathered, or a datagram with its address
  receive_datagram,  ///< multishot, into a buffer of the driver's: see datagram_header.hpp
  poll,              ///< one answer when any of the events is there
  read,              ///< any descriptor, at `offset` or its own position
  write,
  sync,  ///< fdatasync: what was written to a file before is on its disk
};

/// Who asks. One enumerator a place in the code that starts operations.
enum class op_site : std::uint8_t {
  listener_accept,
  connector_connect,
  stream_receive,
  stream_send,
  stream_watch,
  datagram_receive,
  datagram_send,
  flow_poll,
  flow_read,
  flow_write,
  pipe_read,
  pipe_write,
  child_exit,
  file_read,
  file_write,
  signal_read,
  test,
};
inline constexpr unsigned op_site_count = 17;

[[nodiscard]] const char* to_string(request_kind kind) noexcept;
[[nodiscard]] const char* to_string(op_site site) noexcept;

struct request {
  request_kind kind = request_kind::poll;
  op_site site = op_site::test;
  bool is_multishot = false;  ///< accept, receive, receive_datagram: many completions, F_MORE
  int fd = -1;
  void* memory = nullptr;   ///< a range, a sockaddr (connect) or a msghdr
  std::uint32_t size = 0;   ///< of memory, but for msghdrs
  std::uint32_t flags = 0;  ///< MSG_*, SOCK_* or poll events
  std::int64_t offset = -1;
  const ::sockaddr* address = nullptr;  ///< send, of a datagram; must stay until the end
  ::socklen_t address_length = 0;

  /// What one read or write takes at most: larger ranges go on after a short answer, as with the
  /// kernel's own limit. (4 GiB cut to 32 bits would read nothing, which means the end.)
  [[nodiscard]] static std::uint32_t size_of(std::span<const std::byte> range) noexcept {
    constexpr std::size_t once_max = std::size_t{1} << 30;
    return static_cast<std::uint32_t>(range.size() < once_max ? range.size() : once_max);
  }
  [[nodiscard]] static request accept(int fd, op_site site, bool multishot) noexcept {
    request made{request_kind::accept, site, multishot, fd};
    made.flags = SOCK_CLOEXEC;
    return made;
  }
  /// `where` must stay until the submission.
  [[nodiscard]] static request connect(int fd, op_site site, const ::sockaddr* where,
                                       ::socklen_t length) noexcept {
    return {request_kind::connect, site, false, fd, const_cast<::sockaddr*>(where), length};
  }
  [[nodiscard]] static request receive(int fd, op_site site, bool multishot) noexcept {
    return {request_kind::receive, site, multishot, fd};
  }
  [[nodiscard]] static request send(int fd, op_site site, const std::byte* data, std::uint32_t size,
                                    std::uint32_t flags) noexcept {
    return {request_kind::send, site, false, fd, const_cast<std::byte*>(data), size, flags};
  }
  /// A datagram; without an address it goes to the peer the socket is connected to.
  [[nodiscard]] static request send_to(int fd, op_site site, std::span<const std::byte> data,
                                       const ::sockaddr* address, ::socklen_t length,
                                       std::uint32_t flags) noexcept {
    request made = send(fd, site, data.data(), static_cast<std::uint32_t>(data.size()), flags);
    made.address = address;
    made.address_length = length;
    return made;
  }
  [[nodiscard]] static request send_message(int fd, op_site site, const ::msghdr* message,
                                            std::uint32_t flags) noexcept {
    return {request_kind::send_message, site, false, fd, const_cast<::msghdr*>(message), 0, flags};
  }
  /// `shape` gives the room for name and control in each buffer; must stay until the end.
  [[nodiscard]] static request receive_datagram(int fd, op_site site, ::msghdr* shape,
                                                std::uint32_t flags) noexcept {
    return {request_kind::receive_datagram, site, true, fd, shape, 0, flags};
  }
  [[nodiscard]] static request poll(int fd, op_site site, std::uint32_t events) noexcept {
    return {request_kind::poll, site, false, fd, nullptr, 0, events};
  }
  [[nodiscard]] static request read(int fd, op_site site, std::span<std::byte> into,
                                    std::int64_t offset = -1) noexcept {
    return {request_kind::read, site, false, fd, into.data(), size_of(into), 0, offset};
  }
  [[nodiscard]] static request write(int fd, op_site site, std::span<const std::byte> from,
                                     std::int64_t offset = -1) noexcept {
    return {request_kind::write, site, false, fd, const_cast<std::byte*>(from.data()),
            size_of(from),       0,    offset};
  }
  [[nodiscard]] static request sync(int fd, op_site site) noexcept {
    return {request_kind::sync, site, false, fd};
  }
};

}  // namespace sluice::inline v0::io
