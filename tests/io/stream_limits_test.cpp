#include <netinet/tcp.h>

#include <cerrno>

#include "io/simulated_loop.hpp"

using namespace io_test;
using io::close_reason;
using io::write_outcome;

namespace {

constexpr base::nanoseconds_t ms = 1'000'000;

int option_of(int fd, int level, int option) {
  int value = -1;
  ::socklen_t size = sizeof value;
  ::getsockopt(fd, level, option, &value, &size);
  return value;
}

int error_at_end(int fd) {
  char byte;
  return ::recv(fd, &byte, 1, 0) < 0 ? errno : 0;
}

}  // namespace

TEST_CASE("a socket gets what it is asked for, and a unix socket what it knows of that") {
  loop ring;
  const io::stream_options options{.socket = {.keepalive_idle_s = 33,
                                              .keepalive_interval_s = 7,
                                              .keepalive_count = 3,
                                              .user_timeout_ms = 4321,
                                              .receive_buffer_bytes = 16384,
                                              .send_buffer_bytes = 32768}};
  auto ends = make_tcp_pair();
  peer_stream peer{*ring.driver};
  peer.stream.open(std::move(ends.ours), options);
  const int fd = peer.stream.fd();
  CHECK(option_of(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option_of(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 33);
  CHECK(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 7);
  CHECK(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT) == 3);
  CHECK(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 4321);
  CHECK(option_of(fd, SOL_SOCKET, SO_RCVBUF) == 2 * 16384);
  CHECK(option_of(fd, SOL_SOCKET, SO_SNDBUF) == 2 * 32768);
  auto local_ends = make_socketpair();
  peer_stream local{*ring.driver};
  local.echo();
  local.stream.open(std::move(local_ends.ours), options);
  REQUIRE(send_all(local_ends.theirs.get(), "still works"));
  ::shutdown(local_ends.theirs.get(), SHUT_WR);
  CHECK(ring.run_until([&] { return local.is_closed(); }));
  CHECK(receive_all(local_ends.theirs.get()) == "still works");
  peer.stream.abort();
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
}

TEST_CASE("a peer that says nothing is idle; one that speaks is not; the end is no reset") {
  loop ring;
  auto silent_ends = make_tcp_pair();
  auto speaking_ends = make_tcp_pair();
  peer_stream silent{*ring.driver};
  peer_stream speaking{*ring.driver};
  const io::stream_options options{.limits = {.read_idle_ns = 60 * ms}};
  const auto begin_ns = base::now_ns();
  silent.stream.open(std::move(silent_ends.ours), options);
  speaking.stream.open(std::move(speaking_ends.ours), options);
  auto next_ns = begin_ns;
  CHECK(ring.run_until([&] {
    if (base::now_ns() >= next_ns) {
      next_ns = base::now_ns() + 10 * ms;
      send_all(speaking_ends.theirs.get(), "x");
    }
    return silent.is_closed();
  }));
  CHECK(base::now_ns() - begin_ns >= 60 * ms);
  CHECK(silent.reason == close_reason::idle);
  CHECK(error_at_end(silent_ends.theirs.get()) == 0);
  CHECK_FALSE(speaking.is_closed());
  const auto last_ns = base::now_ns();
  send_all(speaking_ends.theirs.get(), "last");
  CHECK(ring.run_until([&] { return speaking.is_closed(); }));
  CHECK(base::now_ns() - last_ns >= 60 * ms);
  CHECK(speaking.reason == close_reason::idle);
}

TEST_CASE("what came before a deadline counts, however late the turn is", "[simulation]") {
  io::simulation_options options = exact_simulation();
  options.delay_max_ns = 0;
  simulated_loop ring{options};
  auto ends = make_socketpair();
  peer_stream peer{*ring.driver};
  peer.stream.open(std::move(ends.ours), {.limits = {.read_idle_ns = 60 * ms}});
  for (int turn = 0; turn < 10; ++turn) ring.driver->poll();
  REQUIRE(send_all(ends.theirs.get(), "in time"));
  ring.plan.advance_clock(base::now_ns() + 90 * ms);  // The thread was busy elsewhere.
  for (int turn = 0; turn < 10; ++turn) ring.driver->poll();
  CHECK(peer.received == "in time");
  CHECK_FALSE(peer.is_closed());
  ring.plan.advance_clock(base::now_ns() + 61 * ms);
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
  CHECK(peer.reason == close_reason::idle);
}

TEST_CASE("a stream that does not read blames nobody for silence") {
  loop ring;
  auto ends = make_tcp_pair();
  peer_stream peer{*ring.driver};
  peer.stream.open(std::move(ends.ours), {.limits = {.read_idle_ns = 20 * ms}});
  peer.stream.pause_read();
  ring.run_for(100);
  CHECK_FALSE(peer.is_closed());
  const auto resumed_ns = base::now_ns();
  peer.stream.resume_read();
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
  CHECK(base::now_ns() - resumed_ns >= 20 * ms);
}

TEST_CASE("a peer that takes nothing stalls the writer; one that takes a little does not") {
  loop ring;
  // A window that was closed is probed after 200 ms.
  constexpr base::nanoseconds_t stall_ns = 500 * ms;
  auto stuck_ends = make_tcp_pair();
  auto slow_ends = make_tcp_pair();
  const io::stream_options options{.socket = {.send_buffer_bytes = 16384},
                                   .write_bytes_high = 64 << 20,
                                   .limits = {.write_stall_ns = stall_ns}};
  peer_stream stuck{*ring.driver};
  peer_stream slow{*ring.driver};
  for (const auto* ends : {&stuck_ends, &slow_ends}) {
    const int small = 16384;
    ::setsockopt(ends->theirs.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  }
  stuck.stream.open(std::move(stuck_ends.ours), options);
  slow.stream.open(std::move(slow_ends.ours), options);
  CHECK(stuck.stream.write(bytes::copy_of(std::string(8 << 20, 's'))) == write_outcome::accepted);
  CHECK(slow.stream.write(bytes::copy_of(std::string(8 << 20, 's'))) == write_outcome::accepted);
  const auto begin_ns = base::now_ns();
  std::string part(64 * 1024, '\0');
  CHECK(ring.run_until([&] {
    static_cast<void>(::recv(slow_ends.theirs.get(), part.data(), part.size(), MSG_DONTWAIT));
    return stuck.is_closed();
  }));
  CHECK(base::now_ns() - begin_ns >= stall_ns);
  CHECK(stuck.reason == close_reason::write_stalled);
  CHECK_FALSE(slow.is_closed());
  slow.stream.abort();
  CHECK(ring.run_until([&] { return slow.is_closed(); }));
  CHECK(slow.bytes_out > stuck.bytes_out);
}

TEST_CASE("a handshake is over when its user says so, else by its deadline") {
  loop ring;
  auto late_ends = make_tcp_pair();
  auto good_ends = make_tcp_pair();
  peer_stream late{*ring.driver};
  peer_stream good{*ring.driver};
  good.react = [&](bytes) { good.stream.finish_handshake(); };
  const io::stream_options options{.limits = {.handshake_ns = 50 * ms}};
  late.stream.open(std::move(late_ends.ours), options);
  good.stream.open(std::move(good_ends.ours), options);
  REQUIRE(send_all(late_ends.theirs.get(), "half a hand"));
  REQUIRE(send_all(good_ends.theirs.get(), "hand"));
  CHECK(ring.run_until([&] { return late.is_closed(); }));
  CHECK(late.reason == close_reason::handshake_timed_out);
  ring.run_for(30);
  CHECK_FALSE(good.is_closed());
  good.stream.abort();
  CHECK(ring.run_until([&] { return good.is_closed(); }));
}

TEST_CASE("a stream that writes nothing says so from time to time") {
  loop ring;
  auto ends = make_tcp_pair();
  peer_stream peer{*ring.driver};
  peer.stream.open(std::move(ends.ours),
                   {.limits = {.keep_alive_ns = 20 * ms}, .keep_alive = bytes::copy_of("."s)});
  const auto begin_ns = base::now_ns();
  CHECK(ring.run_until([&] { return peer.stream.bytes_out() == 3; }));
  CHECK(base::now_ns() - begin_ns >= 60 * ms);
  peer.stream.close_after_flush();
  ::shutdown(ends.theirs.get(), SHUT_WR);
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
  CHECK(receive_all(ends.theirs.get()).starts_with("..."));
}

TEST_CASE("a linger time of nothing closes by a reset, after the flush") {
  loop ring;
  auto ends = make_tcp_pair();
  peer_stream peer{*ring.driver};
  peer.stream.open(std::move(ends.ours), {.linger_ns = 0});
  CHECK(peer.stream.write(bytes::copy_of("bye"s)) == write_outcome::accepted);
  peer.stream.close_after_flush();
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
  CHECK(peer.reason == close_reason::closed_here);
  CHECK(peer.bytes_out == 3);
  char part[8];
  ::ssize_t got = ::recv(ends.theirs.get(), part, sizeof part, 0);
  if (got > 0) got = ::recv(ends.theirs.get(), part, sizeof part, 0);
  CHECK(got < 0);
  CHECK(errno == ECONNRESET);
}

TEST_CASE("beyond the maximum a write queue ends its stream, whatever the policy") {
  for (const auto policy : {io::write_policy::pause_reading, io::write_policy::close}) {
    loop ring;
    auto ends = make_tcp_pair();
    peer_stream peer{*ring.driver};
    peer.stream.open(std::move(ends.ours), {.write_bytes_high = 1000,
                                            .write_bytes_low = 500,
                                            .write_bytes_max = 100'000,
                                            .policy = policy});
    // A single one may be larger, where it may stand above the high mark at all.
    const auto first = peer.stream.write(bytes::copy_of(std::string(8 << 20, 'w')));
    if (policy == io::write_policy::pause_reading) {
      CHECK(first == write_outcome::above_high_mark);
      CHECK(peer.stream.write(bytes::copy_of("one more"s)) == write_outcome::closed);
    } else {
      CHECK(first == write_outcome::closed);
    }
    CHECK(ring.run_until([&] { return peer.is_closed(); }));
    CHECK(peer.reason == close_reason::write_overflow);
  }
  // Many small ones count for more than their bytes.
  loop ring;
  auto ends = make_tcp_pair();
  peer_stream peer{*ring.driver};
  peer.stream.open(std::move(ends.ours),
                   {.write_bytes_high = 100, .write_bytes_low = 50, .write_bytes_max = 100'000});
  const bytes small = bytes::copy_of("x"s);
  unsigned count = 0;
  while (peer.stream.write(small) != write_outcome::closed) REQUIRE(++count < 1000);
  CHECK(count > 700);
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
}
