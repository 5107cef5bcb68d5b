#include "io/datagram_header.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/unique_fd.hpp"
#include "io/socket_address.hpp"

using namespace sluice;
using namespace std::string_literals;

namespace {

using octets = std::string;  // raw bytes

octets raw_of(const void* data, std::size_t size) { return {static_cast<const char*>(data), size}; }
octets raw_of(std::string_view text) { return octets{text}; }
std::span<const std::byte> bytes_of(const octets& raw) {
  return std::as_bytes(std::span{raw.data(), raw.size()});
}

std::string text_of(std::span<const std::byte> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

void append(octets& to, const octets& more) { to.append(more); }

octets control_message(int level, int type, const octets& data,
                       std::size_t length_said = SIZE_MAX) {
  ::cmsghdr head{};
  head.cmsg_len = length_said == SIZE_MAX ? CMSG_LEN(data.size()) : length_said;
  head.cmsg_level = level;
  head.cmsg_type = type;
  octets made = raw_of(&head, sizeof head);
  append(made, data);
  made.resize(CMSG_SPACE(data.size()));
  return made;
}

octets gro_message(int segment_bytes) {
  return control_message(SOL_UDP, UDP_GRO, raw_of(&segment_bytes, sizeof segment_bytes));
}

/// A buffer as the kernel fills it in.
struct buffer {
  io::datagram_layout layout{.name_bytes = 28, .control_bytes = 128};
  ::io_uring_recvmsg_out head{};
  octets name;
  octets control;
  octets payload;

  buffer(const octets& from, const octets& controls, const octets& text)
      : name(from), control(controls), payload(text) {
    head.namelen = static_cast<std::uint32_t>(name.size());
    head.controllen = static_cast<std::uint32_t>(control.size());
    head.payloadlen = static_cast<std::uint32_t>(payload.size());
  }
  [[nodiscard]] octets written() const {
    octets made = raw_of(&head, sizeof head);
    append(made, name);
    made.resize(sizeof head + layout.name_bytes, '\xee');
    append(made, control);
    made.resize(io::datagram_start_bytes(layout), '\xee');
    append(made, payload);
    return made;
  }
};

octets a_peer() {
  return raw_of(text_of(io::socket_address::parse("192.0.2.7", 4711).value().span()));
}

/// Reads from memory of just that size, so that a sanitizer sees a read beyond it.
struct outcome {
  std::unique_ptr<std::byte[]> memory;
  io::datagram_step step;
  io::received_datagram got;
};
outcome read(const octets& written, const io::datagram_layout& layout) {
  outcome made{std::make_unique<std::byte[]>(written.size()), io::datagram_step::malformed, {}};
  std::memcpy(made.memory.get(), written.data(), written.size());
  made.step = io::read_datagram({made.memory.get(), written.size()}, layout, made.got);
  return made;
}

bool lies_in(std::span<const std::byte> part, const std::byte* start, std::size_t size) {
  return part.empty() || (part.data() >= start && part.data() + part.size() <= start + size);
}

}  // namespace

TEST_CASE("datagram: peer and payload are found, with control messages or without") {
  for (const octets& control :
       {octets{}, control_message(SOL_SOCKET, SO_RXQ_OVFL, raw_of("abcd"))}) {
    const buffer one{a_peer(), control, raw_of("hello")};
    const outcome got = read(one.written(), one.layout);
    REQUIRE(got.step == io::datagram_step::datagram);
    CHECK(io::socket_address::from_bytes(got.got.peer).to_string() == "192.0.2.7:4711");
    CHECK(text_of(got.got.payload) == "hello");
    CHECK(got.got.count() == 1);
    CHECK(text_of(got.got.datagram(0)) == "hello");
    CHECK(got.got.datagram(1).empty());
    CHECK_FALSE(got.got.is_truncated);
    CHECK_FALSE(got.got.is_control_truncated);
  }
}

TEST_CASE("datagram: an empty one is one") {
  const buffer one{a_peer(), {}, {}};
  const outcome got = read(one.written(), one.layout);
  REQUIRE(got.step == io::datagram_step::datagram);
  CHECK(got.got.count() == 1);
  CHECK(got.got.datagram(0).empty());
}

TEST_CASE(
    "datagram: a buffer cut before its payload is malformed, one cut within it is truncated") {
  const buffer one{a_peer(), gro_message(2), raw_of("hello")};
  const octets whole = one.written();
  const std::size_t start = io::datagram_start_bytes(one.layout);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const outcome got = read(whole.substr(0, size), one.layout);
    if (size < start) {
      REQUIRE(got.step == io::datagram_step::malformed);
      REQUIRE(got.got.payload.empty());
    } else {
      REQUIRE(got.step == io::datagram_step::datagram);
      REQUIRE(got.got.is_truncated);
      REQUIRE(got.got.sent_bytes == 5);
      REQUIRE(text_of(got.got.payload) == std::string_view{"hello"}.substr(0, size - start));
    }
  }
}

TEST_CASE("datagram: truncation is told") {
  buffer one{a_peer(), {}, raw_of("hello")};
  one.head.flags = MSG_TRUNC;
  one.head.payloadlen = 70'000;
  const outcome got = read(one.written(), one.layout);
  REQUIRE(got.step == io::datagram_step::datagram);
  CHECK(got.got.is_truncated);
  CHECK(got.got.sent_bytes == 70'000);
  CHECK(text_of(got.got.payload) == "hello");
  one.head.flags = MSG_CTRUNC;
  CHECK(read(one.written(), one.layout).got.is_control_truncated);
}

TEST_CASE("datagram: bytes behind the payload that was said are not shown") {
  buffer one{a_peer(), {}, raw_of("hello and what was there before")};
  one.head.payloadlen = 5;
  CHECK(text_of(read(one.written(), one.layout).got.payload) == "hello");
}

TEST_CASE("datagram: sizes beyond their rooms are not believed") {
  for (const std::uint32_t size : {129u, 200u, 0x7fffffffu, 0xfffffff0u, 0xffffffffu}) {
    buffer one{a_peer(), {}, raw_of("hello")};
    one.head.controllen = size;
    REQUIRE(read(one.written(), one.layout).step == io::datagram_step::malformed);
    one.head.controllen = 0;
    one.head.namelen = size;
    const outcome got = read(one.written(), one.layout);
    REQUIRE(got.step == io::datagram_step::datagram);
    REQUIRE(got.got.peer.empty());
    one.head.namelen = 0;
    one.head.payloadlen = size;
    const outcome cut = read(one.written(), one.layout);
    REQUIRE(text_of(cut.got.payload) == "hello");
    REQUIRE(cut.got.is_truncated);
  }
  // A payload is never read as a control message.
  buffer one{a_peer(), gro_message(2), gro_message(3)};
  one.layout.control_bytes = one.head.controllen;
  REQUIRE(read(one.written(), one.layout).got.segment_bytes == 2);
  one.head.controllen *= 2;
  REQUIRE(read(one.written(), one.layout).step == io::datagram_step::malformed);
}

TEST_CASE("datagram: what the kernel joined is taken apart") {
  struct joined {
    std::string_view payload;
    int segment_bytes;
    std::vector<std::string> parts;
  };
  const joined table[] = {
      {"aabbcc", 2, {"aa", "bb", "cc"}},
      {"aabbc", 2, {"aa", "bb", "c"}},
      {"aa", 2, {"aa"}},
      {"a", 2, {"a"}},
      {"abc", 1, {"a", "b", "c"}},
      {"", 7, {""}},
      {"abc", 2'000'000'000, {"abc"}},
  };
  for (const joined& each : table) {
    const buffer one{a_peer(), gro_message(each.segment_bytes), raw_of(each.payload)};
    const outcome got = read(one.written(), one.layout);
    REQUIRE(got.step == io::datagram_step::datagram);
    REQUIRE(got.got.count() == each.parts.size());
    for (std::size_t i = 0; i < each.parts.size(); ++i) {
      CHECK(text_of(got.got.datagram(i)) == each.parts[i]);
    }
    CHECK(got.got.datagram(each.parts.size()).empty());
    CHECK(got.got.datagram(SIZE_MAX).empty());
  }
  for (const int impossible : {0, -1, INT32_MIN}) {
    const buffer one{a_peer(), gro_message(impossible), raw_of("abc")};
    CHECK(read(one.written(), one.layout).step == io::datagram_step::malformed);
  }
}

TEST_CASE("datagram: packet information says where it came in and to whom") {
  ::in_pktinfo four{};
  four.ipi_ifindex = 3;
  four.ipi_addr.s_addr = htonl(0xc0000209);
  ::in6_pktinfo six{};
  six.ipi6_ifindex = 4;
  six.ipi6_addr.s6_addr[15] = 9;
  octets control = control_message(IPPROTO_IP, IP_PKTINFO, raw_of(&four, sizeof four));
  append(control, gro_message(2));
  const buffer first{a_peer(), control, raw_of("abc")};
  const outcome got = read(first.written(), first.layout);
  CHECK(got.got.interface_index == 3);
  CHECK(text_of(got.got.local) == "\xc0\x00\x02\x09"s);
  CHECK(got.got.segment_bytes == 2);
  const buffer second{
      {}, control_message(IPPROTO_IPV6, IPV6_PKTINFO, raw_of(&six, sizeof six)), {}};
  const outcome other = read(second.written(), second.layout);
  CHECK(other.got.interface_index == 4);
  CHECK(text_of(other.got.local) == std::string(15, '\0') + '\x09');
}

TEST_CASE("datagram: control messages with impossible lengths are malformed, cut ones are told") {
  const octets data = raw_of("\2\0\0\0"s);
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, sizeof(::cmsghdr) - 1,
                                   CMSG_SPACE(4) + 1, std::size_t{1} << 31, SIZE_MAX - 1}) {
    const buffer one{a_peer(), control_message(SOL_UDP, UDP_GRO, data, length), raw_of("abc")};
    REQUIRE(read(one.written(), one.layout).step == io::datagram_step::malformed);
  }
  // As the kernel cuts a control message that lacks room.
  for (const auto& [level, type] : {std::pair{SOL_UDP, UDP_GRO}, std::pair{+IPPROTO_IP, IP_PKTINFO},
                                    std::pair{+IPPROTO_IPV6, IPV6_PKTINFO}}) {
    for (std::size_t size = 0; size < 4; ++size) {
      octets control = control_message(level, type, data, CMSG_LEN(size));
      control.resize(CMSG_LEN(size));
      const buffer one{a_peer(), control, raw_of("abc")};
      const outcome got = read(one.written(), one.layout);
      REQUIRE(got.step == io::datagram_step::datagram);
      REQUIRE(got.got.is_control_truncated);
    }
  }
  // Less than a head behind the last message is padding.
  octets control = gro_message(2);
  control.resize(control.size() + sizeof(::cmsghdr) - 1, '\xff');
  const buffer one{a_peer(), control, raw_of("abc")};
  CHECK(read(one.written(), one.layout).got.segment_bytes == 2);
}

TEST_CASE("datagram: random bytes never show what does not lie in the buffer") {
  const std::uint64_t seed = Catch::getSeed();
  CAPTURE(seed);
  base::random_source random{seed};
  std::size_t read_count = 0;
  for (int round = 0; round < 50'000; ++round) {
    octets control = gro_message(static_cast<int>(random.next_below(5)));
    append(control, control_message(IPPROTO_IP, IP_PKTINFO, octets(sizeof(::in_pktinfo), '\0')));
    buffer one{a_peer(), control, octets(random.next_below(20), 'x')};
    octets written = one.written();
    for (std::uint32_t i = random.next_below(4); i > 0; --i) {
      written[random.next_below(static_cast<std::uint32_t>(written.size()))] =
          static_cast<char>(random.next_below(3) == 0 ? 0xff : random.next_below(64));
    }
    if (random.next_below(4) == 0) {
      written.resize(random.next_below(static_cast<std::uint32_t>(written.size() + 1)));
    }
    const outcome got = read(written, one.layout);
    if (got.step == io::datagram_step::malformed) continue;
    ++read_count;
    const std::byte* const start = got.memory.get();
    REQUIRE(lies_in(got.got.peer, start, written.size()));
    REQUIRE(lies_in(got.got.payload, start, written.size()));
    REQUIRE(lies_in(got.got.local, start, written.size()));
    std::size_t sum = 0;
    for (std::size_t i = 0; i < got.got.count(); ++i) sum += got.got.datagram(i).size();
    REQUIRE(sum == got.got.payload.size());
  }
  CHECK(read_count > 1000);
}

TEST_CASE("datagram: a segment size is written as the kernel takes it, or not at all") {
  for (std::size_t size = 0; size < io::segment_control_bytes(); ++size) {
    std::vector<std::byte> control(size);
    REQUIRE(io::write_segment_control(control, 1200) == 0);
  }
  std::vector<std::byte> control(io::segment_control_bytes() + 5, std::byte{0xee});
  const std::size_t size = io::write_segment_control(control, 1200);
  REQUIRE(size == CMSG_SPACE(2));
  ::cmsghdr head;
  std::memcpy(&head, control.data(), sizeof head);
  std::uint16_t segment_bytes = 0;
  std::memcpy(&segment_bytes, control.data() + CMSG_LEN(0), sizeof segment_bytes);
  CHECK(head.cmsg_level == SOL_UDP);
  CHECK(head.cmsg_type == UDP_SEGMENT);
  CHECK(head.cmsg_len == CMSG_LEN(2));
  CHECK(segment_bytes == 1200);
  CHECK(control[size] == std::byte{0xee});
}

namespace {

/// One datagram's buffer from the kernel, by a multishot receive on a ring of its own.
class receiving_ring {
 public:
  static constexpr std::uint32_t buffer_bytes = 4096;
  static constexpr std::uint32_t buffer_count = 4;

  [[nodiscard]] bool open() { return is_open_ = ::io_uring_queue_init(16, &ring_, 0) == 0; }
  ~receiving_ring() {
    if (is_open_) ::io_uring_queue_exit(&ring_);
  }

  void arm(int socket, const io::datagram_layout& layout) {
    ::io_uring_sqe* provide = ::io_uring_get_sqe(&ring_);
    ::io_uring_prep_provide_buffers(provide, memory_.data(), buffer_bytes, buffer_count, 0, 0);
    message_.msg_namelen = layout.name_bytes;
    message_.msg_controllen = layout.control_bytes;
    ::io_uring_sqe* receive = ::io_uring_get_sqe(&ring_);
    ::io_uring_prep_recvmsg_multishot(receive, socket, &message_, MSG_TRUNC);
    receive->flags |= IOSQE_BUFFER_SELECT;
    receive->buf_group = 0;
    receive->user_data = 1;
    ::io_uring_submit(&ring_);
  }

  /// The bytes of the next completion; empty on an error.
  [[nodiscard]] std::span<const std::byte> next() {
    for (;;) {
      ::io_uring_cqe* seen = nullptr;
      if (::io_uring_wait_cqe(&ring_, &seen) != 0) return {};
      const ::io_uring_cqe completion = *seen;
      ::io_uring_cqe_seen(&ring_, seen);
      if (completion.user_data != 1 && completion.res >= 0) continue;
      if (completion.res < 0 || (completion.flags & IORING_CQE_F_BUFFER) == 0) return {};
      const std::size_t index = completion.flags >> IORING_CQE_BUFFER_SHIFT;
      return bytes_of(memory_).subspan(index * buffer_bytes,
                                       static_cast<std::size_t>(completion.res));
    }
  }

 private:
  ::io_uring ring_{};
  bool is_open_ = false;
  ::msghdr message_{};
  octets memory_ = octets(std::size_t{buffer_bytes} * buffer_count, '\0');
};

base::unique_fd udp_socket(const char* host, io::socket_address& bound) {
  const io::socket_address any = io::socket_address::parse(host, 0).value();
  base::unique_fd made{::socket(any.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!made.is_open() || ::bind(made.get(), any.data(), any.length()) != 0) return {};
  bound = io::socket_address::local_of(made.get());
  return made;
}

bool send_segments(int socket, const io::socket_address& to, std::string text,
                   std::uint16_t segment_bytes) {
  alignas(::cmsghdr) std::byte control[64];
  ::iovec vector{text.data(), text.size()};
  ::msghdr message{};
  message.msg_name = const_cast<::sockaddr*>(to.data());
  message.msg_namelen = to.length();
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (segment_bytes != 0) {
    message.msg_control = control;
    message.msg_controllen = io::write_segment_control(control, segment_bytes);
  }
  return ::sendmsg(socket, &message, 0) == static_cast<::ssize_t>(text.size());
}

}  // namespace

TEST_CASE("datagram: what this kernel writes is read, joined by it and cut by it") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    io::socket_address here;
    io::socket_address there;
    const base::unique_fd receiver = udp_socket(host, here);
    const base::unique_fd sender = udp_socket(host, there);
    receiving_ring ring;
    if (!receiver.is_open() || !sender.is_open() || !ring.open())
      SKIP("no UDP or no io_uring here");
    const int on = 1;
    const bool is_six = here.family() == AF_INET6;
    REQUIRE(::setsockopt(receiver.get(), is_six ? +IPPROTO_IPV6 : +IPPROTO_IP,
                         is_six ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on) == 0);
    const bool joins = ::setsockopt(receiver.get(), SOL_UDP, UDP_GRO, &on, sizeof on) == 0;
    const io::datagram_layout layout{
        .name_bytes = sizeof(::sockaddr_in6),
        .control_bytes = static_cast<std::uint32_t>(io::datagram_control_bytes())};
    ring.arm(receiver.get(), layout);
    REQUIRE(send_segments(sender.get(), here, "hello", 0));
    io::received_datagram got;
    REQUIRE(io::read_datagram(ring.next(), layout, got) == io::datagram_step::datagram);
    CHECK(io::socket_address::from_bytes(got.peer).to_string() == there.to_string());
    CHECK(text_of(got.payload) == "hello");
    CHECK(got.count() == 1);
    CHECK(got.interface_index > 0);
    CHECK(got.local.size() == (is_six ? 16 : 4));
    // Larger than the buffer: cut, and its true size told.
    REQUIRE(send_segments(sender.get(), here, std::string(6000, 'x'), 0));
    REQUIRE(io::read_datagram(ring.next(), layout, got) == io::datagram_step::datagram);
    CHECK(got.is_truncated);
    CHECK(got.sent_bytes == 6000);
    CHECK(got.payload.size() == receiving_ring::buffer_bytes - io::datagram_start_bytes(layout));
    if (!joins ||
        !send_segments(sender.get(), here, std::string(1000, 'a') + std::string(500, 'b'), 1000)) {
      continue;
    }
    REQUIRE(io::read_datagram(ring.next(), layout, got) == io::datagram_step::datagram);
    CHECK(text_of(got.datagram(0)) == std::string(1000, 'a'));
    if (got.count() == 2) CHECK(text_of(got.datagram(1)) == std::string(500, 'b'));
    CHECK_FALSE(got.is_control_truncated);
  }
}
