// Every error that a send or a receive of datagrams can end with, answered by the test.
#include "io/datagram_fixture.hpp"

using namespace io_test;
using io::datagram_outcome;
using io::op_site;

namespace {

// udp(7), ip(7), send(2), recv(2), and what a driver adds.
constexpr int transient_errors[] = {EINTR, EAGAIN};
constexpr int pending_errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN,
                                  ENONET,       ENOPROTOOPT,  EOPNOTSUPP,  EPROTO};
constexpr int pending_with_queue[] = {EMSGSIZE, EACCES};
constexpr int own_errors[] = {
    EPERM, EINVAL,  ENOBUFS,  ENOMEM, EDESTADDRREQ, EAFNOSUPPORT, EADDRNOTAVAIL, ENETDOWN, ENODEV,
    ENXIO, EISCONN, ENOTCONN, EPIPE,  ECONNRESET,   EIO,          EFBIG,         ETIMEDOUT};
constexpr int broken_errors[] = {EBADF, ENOTSOCK, EFAULT};

/// A socket on a driver that the test answers for. The descriptor is real, and idle.
struct scripted {
  explicit scripted(bool takes_errors = true) {
    peer.open(bound_socket(), {.takes_errors = takes_errors});
    driver.poll();
  }
  ~scripted() {
    peer.got.clear();
    peer.socket.abort();
    for (int turn = 0; turn < 5; ++turn) driver.poll();
    CHECK(peer.closed_count == 1);
    CHECK(driver.in_flight_count() == 0);
    CHECK(driver.buffers().free_count() == driver.buffers().count());
    CHECK(driver.counters().late.load() == 0);
  }
  void send(const char* text) {
    CHECK(peer.socket.send(to, bytes::copy_of(std::string_view{text})) ==
          datagram_outcome::accepted);
    driver.poll();
  }
  [[nodiscard]] unsigned sends() const { return driver.count(op_site::datagram_send); }

  const endpoint to = endpoint::parse("127.0.0.1:9").value();
  scripted_driver driver;
  peer_datagrams peer{driver};
};

std::span<const std::byte> name_of(const endpoint& where) {
  return {reinterpret_cast<const std::byte*>(&where), io::sockaddr_length(where)};
}

}  // namespace

TEST_CASE("a send that was interrupted is tried again, and not for ever") {
  for (const int os_error : transient_errors) {
    CAPTURE(os_error);
    scripted on;
    on.send("one");
    for (int tries = 0; tries < 5; ++tries) {
      on.driver.answer(op_site::datagram_send, -os_error);
      on.driver.poll();
      CHECK(on.sends() == 1);
    }
    on.driver.answer(op_site::datagram_send, 3);
    CHECK(on.peer.socket.sent().datagrams == 1);
    CHECK(on.peer.failures.empty());
    on.send("two");
    for (int tries = 0; tries < 8; ++tries) {
      on.driver.answer(op_site::datagram_send, -os_error);
      on.driver.poll();
    }
    CHECK(on.sends() == 0);
    REQUIRE(on.peer.failures.size() == 1);
    CHECK(on.peer.failures[0].os_error == os_error);
    CHECK(on.peer.socket.sent().failed == 1);
    CHECK(on.peer.socket.is_open());
  }
}

TEST_CASE("an error that may be another datagram's costs a send one more try") {
  const auto check = [](int os_error, bool takes_errors) {
    CAPTURE(os_error, takes_errors);
    scripted on{takes_errors};
    on.send("one");
    on.driver.answer(op_site::datagram_send, -os_error);
    on.driver.poll();
    CHECK(on.sends() == 1);
    on.driver.answer(op_site::datagram_send, 3);
    CHECK(on.peer.socket.sent().datagrams == 1);
    CHECK(on.peer.socket.sent().failed == 0);
    // The error queue of the idle socket is empty; without one the socket's own peer is told.
    CHECK(on.peer.failures.size() == (takes_errors ? 0 : 1));
    on.peer.failures.clear();
    on.send("two");
    on.driver.answer(op_site::datagram_send, -os_error);
    on.driver.poll();
    on.driver.answer(op_site::datagram_send, -os_error);
    on.driver.poll();
    CHECK(on.sends() == 0);
    REQUIRE(on.peer.failures.size() == 1);
    CHECK(on.peer.failures[0].peer == on.to);
    CHECK(on.peer.failures[0].os_error == os_error);
    CHECK(on.peer.failures[0].count == 1);
    CHECK(on.peer.socket.is_open());
  };
  for (const int os_error : pending_errors) {
    check(os_error, true);
    check(os_error, false);
  }
  for (const int os_error : pending_with_queue) check(os_error, true);
}

TEST_CASE("every other error of a send is told, counted, and ends nothing") {
  for (const int os_error : own_errors) {
    CAPTURE(os_error);
    scripted on;
    on.send("one");
    on.driver.answer(op_site::datagram_send, -os_error);
    on.driver.poll();
    CHECK(on.sends() == 0);
    REQUIRE(on.peer.failures.size() == 1);
    CHECK(on.peer.failures[0].os_error == os_error);
    CHECK(on.peer.socket.sent().failed == 1);
    CHECK(on.peer.socket.is_open());
    on.send("two");
    on.driver.answer(op_site::datagram_send, 3);
    CHECK(on.peer.socket.sent().datagrams == 1);
  }
}

TEST_CASE("a broken descriptor ends a datagram socket, told once, whoever noticed") {
  for (const int os_error : broken_errors) {
    for (const auto site : {op_site::datagram_send, op_site::datagram_receive}) {
      CAPTURE(os_error);
      scripted on;
      on.send("one");
      CHECK(on.peer.socket.send(on.to, bytes::copy_of("queued")) == datagram_outcome::accepted);
      on.driver.answer(site, -os_error);
      for (int turn = 0; turn < 3; ++turn) on.driver.poll();
      CHECK(on.peer.closed_count == 1);
      CHECK(on.peer.end_error == os_error);
      CHECK(on.peer.socket.sent().datagrams == 0);
    }
  }
}

TEST_CASE("a split send that was refused leaves in single ones, whatever the kernel says") {
  for (const int os_error : {EINVAL, EMSGSIZE, EIO, ENOPROTOOPT, EOPNOTSUPP}) {
    CAPTURE(os_error);
    scripted on;
    REQUIRE(on.peer.socket.has_split_sends());
    for (int each = 0; each < 10; ++each) {
      CHECK(on.peer.socket.send(on.to, bytes::copy_of("alike")) == datagram_outcome::accepted);
    }
    on.driver.poll();
    CHECK(on.sends() == 1);
    while (on.sends() == 1) {  // once more for those that may be another datagram's
      on.driver.answer(op_site::datagram_send, -os_error);
      on.driver.poll();
    }
    CHECK(on.sends() == 10);
    while (on.sends() != 0) on.driver.answer(op_site::datagram_send, 5);
    CHECK(on.peer.socket.sent().datagrams == 10);
    CHECK(on.peer.failures.empty());
    // Larger ones than those that were refused are not tried either.
    for (int each = 0; each < 3; ++each) {
      CHECK(on.peer.socket.send(on.to, bytes::copy_of("alike2")) == datagram_outcome::accepted);
    }
    on.driver.poll();
    CHECK(on.sends() == 3);
    while (on.sends() != 0) on.driver.answer(op_site::datagram_send, 6);
  }
}

TEST_CASE("another error of a split send is told for all of its datagrams") {
  scripted on;
  for (int each = 0; each < 10; ++each) {
    CHECK(on.peer.socket.send(on.to, bytes::copy_of("alike")) == datagram_outcome::accepted);
  }
  on.driver.poll();
  on.driver.answer(op_site::datagram_send, -ENOBUFS);
  REQUIRE(on.peer.failures.size() == 1);
  CHECK(on.peer.failures[0].count == 10);
  CHECK(on.peer.socket.sent().failed == 10);
}

TEST_CASE("no more sends are in flight than allowed, and the rest follows") {
  scripted_driver driver;
  peer_datagrams peer{driver};
  peer.open(bound_socket(), {.send = {.in_flight_max = 4}, .wants_split_sends = false});
  const endpoint to = endpoint::parse("127.0.0.1:9").value();
  for (int each = 0; each < 10; ++each) {
    CHECK(peer.socket.send(to, bytes::copy_of("x")) == datagram_outcome::accepted);
  }
  driver.poll();
  CHECK(driver.count(op_site::datagram_send) == 4);
  for (int left = 9; left >= 0; --left) {
    driver.answer(op_site::datagram_send, 1);
    driver.poll();
    CHECK(driver.count(op_site::datagram_send) == static_cast<unsigned>(std::min(left, 4)));
  }
  CHECK(peer.socket.sent().datagrams == 10);
  peer.socket.abort();
  for (int turn = 0; turn < 3; ++turn) driver.poll();
  CHECK(peer.closed_count == 1);
}

TEST_CASE("no error of a receive but a broken descriptor ends a datagram socket") {
  const endpoint from = endpoint::parse("192.0.2.7:700").value();
  const auto check = [&](int os_error, unsigned flags) {
    CAPTURE(os_error, flags);
    scripted on;
    on.driver.answer(op_site::datagram_receive, -os_error, flags);
    for (int turn = 0; turn < 3; ++turn) on.driver.poll();
    CHECK(on.driver.count(op_site::datagram_receive) == 1);
    on.driver.arrive(name_of(from), "still there");
    REQUIRE(on.peer.got.size() == 1);
    CHECK(on.peer.got[0].data.text() == "still there");
    CHECK(on.peer.got[0].peer == from);
  };
  for (const unsigned flags : {0U, io::completion::flag_more}) {
    for (const int os_error : transient_errors) check(os_error, flags);
    for (const int os_error : pending_errors) check(os_error, flags);
    for (const int os_error : {ENOMEM, EMSGSIZE, ENETDOWN, ECONNRESET, ETIMEDOUT, EIO, ECANCELED}) {
      check(os_error, flags);
    }
    check(ENOBUFS, flags);
  }
}

TEST_CASE("a receive that lost its F_MORE is armed again, with and without a datagram") {
  const endpoint from = endpoint::parse("[2001:db8::7]:700").value();
  scripted on;
  for (int round = 0; round < 5; ++round) {
    on.driver.arrive(name_of(from), "last", false);
    on.driver.poll();
    CHECK(on.driver.count(op_site::datagram_receive) == 1);
  }
  CHECK(on.peer.got.size() == 5);
  CHECK(on.peer.got[4].peer == from);
}

TEST_CASE("errors without end make the reading rest, not spin") {
  scripted on;
  unsigned answered = 0;
  const auto begin_ns = base::now_ns();
  while (base::now_ns() - begin_ns < 100'000'000) {
    if (on.driver.find(op_site::datagram_receive) != nullptr) {
      on.driver.answer(op_site::datagram_receive, -ENETDOWN);
      ++answered;
    }
    on.driver.poll();
  }
  CHECK(answered >= 32);
  CHECK(answered <= 32 * 12);  // 32, a rest of 10 ms, 32, …
  CHECK(on.peer.socket.is_open());
}

TEST_CASE("a buffer that makes no sense is thrown away and given back") {
  scripted on;
  const auto answer_with = [&](std::size_t size, std::array<std::uint32_t, 4> head) {
    const auto index = on.driver.buffers().pick();
    REQUIRE(index);
    std::memcpy(on.driver.buffers().memory_of(*index).data(), head.data(), sizeof head);
    on.driver.answer(op_site::datagram_receive, static_cast<int>(size),
                     io::completion::flag_buffer | io::completion::flag_more | (*index << 16));
  };
  answer_with(3, {16, 0, 0, 0});              // shorter than its own head
  answer_with(100, {16, 0xffffffff, 10, 0});  // control messages without room for them
  CHECK(on.peer.socket.received().malformed == 2);
  CHECK(on.peer.got.empty());
  answer_with(60, {0xffffffff, 0, 0xffffffff, 0});  // a name and a payload larger than their rooms
  REQUIRE(on.peer.got.size() == 1);
  CHECK(on.peer.got[0].peer.is_empty());
  CHECK(on.peer.got[0].data.size() == 60 - 48);
}
