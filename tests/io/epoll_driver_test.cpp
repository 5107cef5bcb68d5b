// What only the epoll driver has to take care of: remembered readiness, fairness, edges.
#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <deque>

#include "io/epoll_driver.hpp"
#include "io/probe.hpp"

using namespace io_test;

namespace {

/// An epoll driver, whatever the environment.
struct epoll_loop : loop {
  explicit epoll_loop(const io::driver_options& options = {})
      : loop(*io::epoll_driver::create({options, {}})) {}
};

/// A receive that counts and throws away.
struct drain_probe {
  explicit drain_probe(io::driver& on) : driver(on) {}
  void on_completion(io::completion what) noexcept {
    ++count;
    if (what.result == 0) has_ended = true;
    if (what.has_buffer()) {
      bytes += static_cast<std::size_t>(what.result);
      driver.buffers().recycle(what.buffer_index());
    }
  }
  io::driver& driver;
  unsigned count = 0;
  std::size_t bytes = 0;
  bool has_ended = false;
  io::bound_operation<drain_probe, &drain_probe::on_completion> op{*this};
};

}  // namespace

TEST_CASE("epoll: an end of input that came with the last bytes is told", "[epoll]") {
  epoll_loop on;
  for (int round = 0; round < 50; ++round) {
    auto ends = round % 2 == 0 ? make_socketpair() : make_tcp_pair();
    REQUIRE(send_all(ends.theirs.get(), "last bytes"));
    ::shutdown(ends.theirs.get(), SHUT_WR);
    drain_probe reader{*on.driver};
    on.driver->start(reader.op, io::request::receive(ends.ours.get(), io::op_site::test, true));
    CHECK(on.run_until([&] { return reader.has_ended; }, 3'000));
    CHECK(reader.bytes == 10);
    if (reader.op.in_flight()) {
      on.driver->cancel(reader.op);
      on.run_until([&] { return !reader.op.in_flight(); });
    }
    on.driver->forget(ends.ours.get());
  }
}

TEST_CASE("epoll: a flooded descriptor leaves the others their turn", "[epoll]") {
  epoll_loop on{{.buffer_count = 256, .buffer_bytes = 64}};
  auto flooded = make_socketpair();
  auto quiet = make_socketpair();
  const std::string block(100'000, 'f');
  REQUIRE(::send(flooded.theirs.get(), block.data(), block.size(), MSG_DONTWAIT) > 50'000);
  drain_probe flood{*on.driver};
  drain_probe lone{*on.driver};
  on.driver->start(flood.op, io::request::receive(flooded.ours.get(), io::op_site::test, true));
  on.driver->start(lone.op, io::request::receive(quiet.ours.get(), io::op_site::test, true));
  REQUIRE(on.run_until([&] { return flood.count > 0; }));
  CHECK(flood.count <= 16);
  REQUIRE(send_all(quiet.theirs.get(), "me too"));
  const unsigned before = flood.count;
  REQUIRE(on.run_until([&] { return lone.count > 0; }));
  CHECK(flood.count - before < 400);
  CHECK(flood.bytes < block.size());
  REQUIRE(on.run_until([&] { return flood.bytes >= 50'000; }));
  for (auto* each : {&flood, &lone}) {
    on.driver->cancel(each->op);
    REQUIRE(on.run_until([&] { return !each->op.in_flight(); }));
  }
  on.driver->forget(flooded.ours.get());
  on.driver->forget(quiet.ours.get());
}

TEST_CASE("epoll: what arrived while nobody asked is there for the next request", "[epoll]") {
  epoll_loop on;
  auto ends = make_socketpair();
  drain_probe reader{*on.driver};
  for (int round = 1; round <= 20; ++round) {
    on.driver->start(reader.op, io::request::receive(ends.ours.get(), io::op_site::test, false));
    REQUIRE(send_all(ends.theirs.get(), "x"));
    REQUIRE(on.run_until([&] { return !reader.op.in_flight(); }));
    REQUIRE(send_all(ends.theirs.get(), "y"));  // an edge without a request
    on.run_for(round % 2);
    on.driver->start(reader.op, io::request::receive(ends.ours.get(), io::op_site::test, false));
    REQUIRE(on.run_until([&] { return !reader.op.in_flight(); }, 3'000));
    CHECK(reader.bytes == static_cast<std::size_t>(2 * round));
  }
  on.driver->forget(ends.ours.get());
}

TEST_CASE("epoll: a message costs one receive, one send and a share of a wait", "[epoll]") {
  epoll_loop on;
  auto ends = make_tcp_pair();
  peer_stream peer{*on.driver};
  peer.echo();
  peer.stream.open(std::move(ends.ours));
  on.run_for(5);
  const auto& counters = on.driver->counters();
  const auto submissions = counters.submissions.load();
  const auto enters = counters.enters.load();
  constexpr unsigned rounds = 200;
  char back[16];
  for (unsigned round = 0; round < rounds; ++round) {
    REQUIRE(send_all(ends.theirs.get(), "message"));
    REQUIRE(on.run_until(
        [&] { return ::recv(ends.theirs.get(), back, sizeof back, MSG_DONTWAIT) == 7; }));
  }
  CHECK(counters.submissions.load() - submissions == rounds);  // the sends; the receive is armed
  CHECK(counters.enters.load() - enters <= 3 * rounds);
  CHECK(counters.rearms.load() == 0);
  peer.stream.abort();
  CHECK(on.run_until([&] { return peer.is_closed(); }));
}

TEST_CASE("epoll: buffers that the peer frees wake nobody who does not wait for them", "[epoll]") {
  epoll_loop on;
  auto ends = make_socketpair();
  peer_stream peer{*on.driver};
  peer.stream.open(std::move(ends.ours));
  // Fill the socket once, so that output has been waited for.
  CHECK(peer.stream.write(bytes::copy_of(std::string(2'000'000, 'w'))) ==
        io::write_outcome::above_high_mark);
  std::vector<char> drain(1 << 20);
  REQUIRE(on.run_until([&] {
    while (::recv(ends.theirs.get(), drain.data(), drain.size(), MSG_DONTWAIT) > 0) {
    }
    return peer.stream.queued_bytes() == 0;
  }));
  on.run_for(5);
  // From here each message is sent, read by the peer, and wakes the driver at most once more.
  unsigned events = 0;
  for (int round = 0; round < 50; ++round) {
    CHECK(peer.stream.write(bytes::copy_of("small"s)) == io::write_outcome::accepted);
    on.driver->poll();
    while (::recv(ends.theirs.get(), drain.data(), drain.size(), MSG_DONTWAIT) > 0) {
    }
    if (on.driver->park(base::now_ns() + 200'000) == sched::park_outcome::event) ++events;
    on.driver->poll();
  }
  CHECK(events <= 2);
  peer.stream.abort();
  CHECK(on.run_until([&] { return peer.is_closed(); }));
}

TEST_CASE("epoll: a descriptor closed under its user's wait harms nobody who gets its number",
          "[epoll]") {
  epoll_loop on;
  auto closed = make_socketpair();
  const int number = closed.ours.get();
  probe waiting;
  on.driver->start(waiting.op, io::request::poll(number, io::op_site::flow_poll, POLLIN));
  on.run_for(5);
  auto ends = make_socketpair();
  base::unique_fd again{::dup3(ends.ours.get(), closed.ours.release(), O_CLOEXEC)};
  REQUIRE(again.get() == number);
  ends.ours.reset();
  peer_stream peer{*on.driver};
  peer.echo();
  peer.stream.open(std::move(again));
  REQUIRE(send_all(ends.theirs.get(), "echo"));
  ::shutdown(ends.theirs.get(), SHUT_WR);
  CHECK(on.run_until([&] { return peer.is_closed(); }));
  on.driver->cancel(waiting.op);
  CHECK(on.run_until([&] { return !waiting.op.in_flight(); }));
}
