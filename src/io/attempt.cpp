#include "io/attempt.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "io/uring_compat.hpp"

namespace sluice::inline v0::io {
namespace {

/// A system call's answer, or -errno; interrupted ones are made again.
template <class Call>
[[nodiscard]] std::int64_t answer_of(Call&& call) noexcept {
  for (;;) {
    const std::int64_t answer = call();
    if (answer >= 0) return answer;
    if (errno != EINTR) return -errno;
  }
}

[[nodiscard]] attempt_result blocked_for(std::uint32_t events) noexcept {
  attempt_result result;
  result.wait_for = events;
  return result;
}

[[nodiscard]] attempt_result ended_with(std::int64_t answer) noexcept {
  attempt_result result;
  result.what.result = static_cast<int>(answer);
  result.ends_multishot = answer < 0;
  return result;
}

[[nodiscard]] bool is_would_block(std::int64_t answer) noexcept {
  return answer == -EAGAIN || answer == -EWOULDBLOCK;
}

[[nodiscard]] int ready_events(int fd, std::uint32_t events) noexcept {
  ::pollfd asked{fd, static_cast<short>(events), 0};
  const std::int64_t answer = answer_of([&] { return ::poll(&asked, 1, 0); });
  return answer < 0 ? static_cast<int>(answer) : asked.revents;
}

/// 0 or -errno.
[[nodiscard]] std::int64_t make_non_blocking(int fd) noexcept {
  const std::int64_t flags = answer_of([&] { return ::fcntl(fd, F_GETFL); });
  if (flags < 0) return flags;
  if ((flags & O_NONBLOCK) != 0) return 0;
  return answer_of([&] { return ::fcntl(fd, F_SETFL, static_cast<int>(flags) | O_NONBLOCK); });
}

// ---- sockets ----

[[nodiscard]] attempt_result try_accept(const request& what, attempt_state& state) noexcept {
  if (!state.is_begun) {
    if (const auto failed = make_non_blocking(what.fd); failed < 0) return ended_with(failed);
    state.is_begun = true;
  }
  const std::int64_t answer =
      answer_of([&] { return ::accept4(what.fd, nullptr, nullptr, static_cast<int>(what.flags)); });
  return is_would_block(answer) ? blocked_for(POLLIN) : ended_with(answer);
}

[[nodiscard]] attempt_result try_connect(const request& what, attempt_state& state) noexcept {
  if (!state.is_begun) {
    if (const auto failed = make_non_blocking(what.fd); failed < 0) return ended_with(failed);
    const std::int64_t answer = answer_of(
        [&] { return ::connect(what.fd, static_cast<const ::sockaddr*>(what.memory), what.size); });
    if (answer != -EINPROGRESS && answer != -EALREADY) return ended_with(answer);
    state.is_begun = true;
    return blocked_for(POLLOUT);
  }
  if (ready_events(what.fd, POLLOUT) == 0) return blocked_for(POLLOUT);
  int failed = 0;
  ::socklen_t size = sizeof failed;
  const std::int64_t answer =
      answer_of([&] { return ::getsockopt(what.fd, SOL_SOCKET, SO_ERROR, &failed, &size); });
  return ended_with(answer < 0 ? answer : -failed);
}

[[nodiscard]] unsigned naming(std::uint32_t buffer) noexcept {
  return completion::flag_buffer | (buffer << 16);
}

[[nodiscard]] attempt_result try_receive(const request& what, receive_buffers& buffers,
                                         std::uint32_t size_max) noexcept {
  const auto buffer = buffers.pick();
  if (!buffer) return ended_with(-ENOBUFS);
  const std::span<std::byte> room = buffers.memory_of(*buffer);
  const std::size_t size = std::min<std::size_t>(room.size(), size_max);
  const std::int64_t answer =
      answer_of([&] { return ::recv(what.fd, room.data(), size, MSG_DONTWAIT); });
  if (answer <= 0) buffers.put_back(*buffer);
  if (is_would_block(answer)) return blocked_for(POLLIN);
  attempt_result result = ended_with(answer);
  if (answer > 0) {
    result.what.flags = naming(*buffer);
    result.is_drained = static_cast<std::size_t>(answer) < size;
  } else {
    result.ends_multishot = true;
  }
  return result;
}

/// The kernel's layout: head, room for the name, room for control messages, payload.
[[nodiscard]] attempt_result try_receive_datagram(const request& what,
                                                  receive_buffers& buffers) noexcept {
  const auto& shape = *static_cast<const ::msghdr*>(what.memory);
  const std::size_t head_bytes =
      sizeof(::io_uring_recvmsg_out) + shape.msg_namelen + shape.msg_controllen;
  if (head_bytes > buffers.buffer_bytes()) return ended_with(-EFAULT);
  const auto buffer = buffers.pick();
  if (!buffer) return ended_with(-ENOBUFS);
  const std::span<std::byte> room = buffers.memory_of(*buffer);
  std::byte* const name = room.data() + sizeof(::io_uring_recvmsg_out);
  ::iovec payload{room.data() + head_bytes, room.size() - head_bytes};
  ::msghdr message{};
  message.msg_name = shape.msg_namelen == 0 ? nullptr : name;
  message.msg_namelen = shape.msg_namelen;
  message.msg_control = shape.msg_controllen == 0 ? nullptr : name + shape.msg_namelen;
  message.msg_controllen = shape.msg_controllen;
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  const std::int64_t answer = answer_of(
      [&] { return ::recvmsg(what.fd, &message, static_cast<int>(what.flags) | MSG_DONTWAIT); });
  if (answer < 0) {
    buffers.put_back(*buffer);
    return is_would_block(answer) ? blocked_for(POLLIN) : ended_with(answer);
  }
  const ::io_uring_recvmsg_out head{
      message.msg_namelen, static_cast<std::uint32_t>(message.msg_controllen),
      static_cast<std::uint32_t>(answer), static_cast<std::uint32_t>(message.msg_flags)};
  std::memcpy(room.data(), &head, sizeof head);
  const std::size_t held = std::min<std::size_t>(static_cast<std::size_t>(answer), payload.iov_len);
  attempt_result result = ended_with(static_cast<std::int64_t>(head_bytes + held));
  result.what.flags = naming(*buffer);
  result.ends_multishot = answer == 0;
  return result;
}

[[nodiscard]] attempt_result sent(const request& what, std::int64_t answer,
                                  std::size_t offered) noexcept {
  if (is_would_block(answer) && (what.flags & MSG_DONTWAIT) == 0) return blocked_for(POLLOUT);
  attempt_result result = ended_with(answer);
  result.is_drained = answer >= 0 && static_cast<std::size_t>(answer) < offered;
  return result;
}

[[nodiscard]] attempt_result try_send(const request& what, std::uint32_t size_max) noexcept {
  const std::size_t size = std::min(what.size, size_max);
  const int flags = static_cast<int>(what.flags) | MSG_DONTWAIT | MSG_NOSIGNAL;
  return sent(what, answer_of([&] {
                return ::sendto(what.fd, what.memory, size, flags, what.address,
                                what.address_length);
              }),
              size);
}

[[nodiscard]] attempt_result try_send_message(const request& what,
                                              std::uint32_t size_max) noexcept {
  const auto& message = *static_cast<const ::msghdr*>(what.memory);
  const int flags = static_cast<int>(what.flags) | MSG_DONTWAIT | MSG_NOSIGNAL;
  std::size_t size = 0;
  for (std::size_t index = 0; index < message.msg_iovlen; ++index) {
    size += message.msg_iov[index].iov_len;
  }
  if (size <= size_max) {
    return sent(what, answer_of([&] { return ::sendmsg(what.fd, &message, flags); }), size);
  }
  std::array<::iovec, 16> vectors{};
  ::msghdr shorter = message;
  shorter.msg_iov = vectors.data();
  shorter.msg_iovlen = 0;
  std::size_t taken = 0;
  while (taken < size_max && shorter.msg_iovlen < std::min(vectors.size(), message.msg_iovlen)) {
    ::iovec& vector = vectors[shorter.msg_iovlen];
    vector = message.msg_iov[shorter.msg_iovlen++];
    vector.iov_len = std::min(vector.iov_len, size_max - taken);
    taken += vector.iov_len;
  }
  return sent(what, answer_of([&] { return ::sendmsg(what.fd, &shorter, flags); }), taken);
}

// ---- any descriptor ----

[[nodiscard]] attempt_result try_poll(const request& what) noexcept {
  const int events = ready_events(what.fd, what.flags);
  if ((events & POLLNVAL) != 0) return ended_with(-EBADF);
  return events == 0 ? blocked_for(what.flags) : ended_with(events);
}

[[nodiscard]] bool is_on_disk(int fd) noexcept {
  struct ::stat status {};
  return ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

[[nodiscard]] bool has_no_quick_way(std::int64_t answer) noexcept {
  return answer == -EOPNOTSUPP || answer == -ENOSYS;
}

[[nodiscard]] attempt_result try_read(const request& what, std::uint32_t size_max) noexcept {
  const std::size_t size = std::min(what.size, size_max);
  const ::iovec into{what.memory, size};
  ::off_t offset = what.offset;
  std::int64_t answer = answer_of([&] { return ::preadv2(what.fd, &into, 1, offset, RWF_NOWAIT); });
  if (answer == -ESPIPE && offset != -1) {  // a pipe has no offsets
    offset = -1;
    answer = answer_of([&] { return ::preadv2(what.fd, &into, 1, offset, RWF_NOWAIT); });
  }
  if (is_would_block(answer) || has_no_quick_way(answer)) {
    if (!is_on_disk(what.fd) && (is_would_block(answer) || ready_events(what.fd, POLLIN) == 0)) {
      return blocked_for(POLLIN);
    }
    answer = answer_of([&] { return ::preadv2(what.fd, &into, 1, offset, 0); });
    if (is_would_block(answer)) return blocked_for(POLLIN);
  }
  return ended_with(answer);
}

[[nodiscard]] attempt_result try_write(const request& what, std::uint32_t size_max) noexcept {
  std::size_t size = std::min(what.size, size_max);
  std::int64_t answer =
      answer_of([&] { return ::send(what.fd, what.memory, size, MSG_DONTWAIT | MSG_NOSIGNAL); });
  if (answer != -ENOTSOCK) {
    return is_would_block(answer) ? blocked_for(POLLOUT) : ended_with(answer);
  }
  const int events = ready_events(what.fd, POLLOUT);
  if ((events & POLLERR) != 0) return ended_with(-EPIPE);
  if (events == 0) return blocked_for(POLLOUT);
  ::off_t offset = what.offset;
  const auto write_with = [&](int flags) noexcept {
    const ::iovec from{what.memory, size};
    return answer_of([&] { return ::pwritev2(what.fd, &from, 1, offset, flags); });
  };
  answer = write_with(RWF_NOWAIT);
  if (answer == -ESPIPE && offset != -1) {
    offset = -1;
    answer = write_with(RWF_NOWAIT);
  }
  if (is_would_block(answer) || has_no_quick_way(answer)) {
    if (!is_on_disk(what.fd)) {
      if (is_would_block(answer)) return blocked_for(POLLOUT);
      size = std::min<std::size_t>(size, PIPE_BUF);  // POLLOUT promises so much without a wait
    }
    answer = write_with(0);
    if (is_would_block(answer)) return blocked_for(POLLOUT);
  }
  return ended_with(answer);
}

}  // namespace

attempt_result attempt(const request& what, attempt_state& state, receive_buffers& buffers,
                       std::uint32_t size_max) noexcept {
  switch (what.kind) {
    case request_kind::accept: return try_accept(what, state);
    case request_kind::connect: return try_connect(what, state);
    case request_kind::receive: return try_receive(what, buffers, size_max);
    case request_kind::send: return try_send(what, size_max);
    case request_kind::send_message: return try_send_message(what, size_max);
    case request_kind::receive_datagram: return try_receive_datagram(what, buffers);
    case request_kind::poll: return try_poll(what);
    case request_kind::read: return try_read(what, size_max);
    case request_kind::write: return try_write(what, size_max);
    // Waits for the disk: there is no other way without a ring.
    case request_kind::sync: return ended_with(answer_of([&] { return ::fdatasync(what.fd); }));
  }
  return ended_with(-EINVAL);
}

}  // namespace sluice::inline v0::io
