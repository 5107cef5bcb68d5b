// How UDP sockets end: closed is the last word to each worker, once.
#include "net/udp_fixture.hpp"

using namespace net_test;

namespace {

void check_last_words(udp_journal& notes, std::size_t worker_count) {
  std::map<int, int> closed;
  for (const auto& line : notes.entries()) {
    CHECK(closed[line.worker] == 0);  // UD1: nothing after it
    if (line.what == told::closed) ++closed[line.worker];
  }
  CHECK(notes.count(told::closed) == worker_count);
}

void tell_close(udp_service& on) {
  on.workers[0].send(
      udp_errand{[to = on.socket.id()](udp_worker& self) { self.send(to, udp::close{}); }});
}

}  // namespace

TEST_CASE("close sends what was queued before it") {
  net_node on;
  udp_service talk{on, {}, 2};
  udp_client peer;
  talk.workers[0].send(udp_errand{[&, to = talk.socket.id()](udp_worker& self) {
    for (int each = 0; each < 100; ++each) {
      self.send(to,
                udp::datagram{.peer = peer.where(), .bytes = bytes::copy_of(std::to_string(each))});
    }
    self.send(to, udp::close{});
    self.send(to, udp::datagram{.peer = peer.where(), .bytes = bytes::copy_of("late")});
  }});
  for (int each = 0; each < 100; ++each) CHECK(peer.receive() == std::to_string(each));
  REQUIRE(talk.notes.wait_for(told::closed, 2));
  CHECK_FALSE(peer.receive(nullptr, MSG_DONTWAIT));
  const auto line = talk.notes.all(told::closed).front();
  CHECK(line.why.code == error_code::none);
  CHECK(line.sums.datagrams_out == 100);
  CHECK(line.sums.local == talk.where);
  on.end();
  check_last_words(talk.notes, 2);
}

TEST_CASE("asked to end a socket answers first what it had read, by all its workers") {
  for (const std::size_t worker_count : {1, 3}) {
    net_node on{{.io_threads = 1}};  // The workers block their schedulers; the ring goes on.
    latch gate;
    std::atomic<std::size_t> waiting{0};
    udp_service echo{on, {}, worker_count, [&](udp_worker& self, udp::datagram&& message) {
                       ++waiting;
                       gate.wait();
                       const alias socket = message.id;
                       self.send(socket, std::move(message));
                     }};
    udp_client peer;
    constexpr int count = 30;
    for (int each = 0; each < count; ++each) REQUIRE(peer.send(echo.where, std::to_string(each)));
    REQUIRE(eventually([&] { return on->messages().sent >= count; }));
    REQUIRE(eventually([&] { return waiting != 0; }));
    echo.socket.exit();
    // The first probe is queued behind what was read.
    REQUIRE(eventually([&] { return on->messages().sent >= count + 2; }));
    gate.open();
    std::set<std::string> answers;
    for (int each = 0; each < count; ++each) answers.insert(peer.receive().value_or("nothing"));
    CHECK(answers.size() == count);
    REQUIRE(echo.notes.wait_for(told::closed, worker_count));
    CHECK(echo.notes.all(told::closed).front().sums.datagrams_out == count);
    on.end();
    check_last_words(echo.notes, worker_count);
  }
}

TEST_CASE("a worker that never answers holds up the end no longer than the flush time") {
  net_node on{{.io_threads = 1}};
  latch gate;
  udp_service stuck{
      on, {.flush_time_max = 50ms}, 1, [&](udp_worker&, udp::datagram&&) { gate.wait(); }};
  udp_client peer;
  REQUIRE(peer.send(stuck.where, "?"));
  REQUIRE(stuck.notes.wait_for(told::datagram, 1));
  stuck.socket.exit();
  REQUIRE(eventually([&] { return on->messages().alive <= 1; }));  // the worker, which is stuck
  gate.open();
  on.end();
  check_last_words(stuck.notes, 1);
}

TEST_CASE("a second order to end skips the waiting") {
  net_node on{{.io_threads = 1}};
  latch gate;
  udp_service stuck{on, {}, 1, [&](udp_worker&, udp::datagram&&) { gate.wait(); }};
  udp_client peer;
  REQUIRE(peer.send(stuck.where, "?"));
  REQUIRE(stuck.notes.wait_for(told::datagram, 1));
  stuck.socket.exit();
  stuck.socket.exit();
  REQUIRE(eventually([&] { return on->messages().alive <= 1; }));
  gate.open();
  on.end();
  check_last_words(stuck.notes, 1);
}

TEST_CASE("a worker that ends while it is waited for holds up nobody") {
  net_node on{{.io_threads = 1}};
  latch gate;
  std::atomic<int> waiting{0};
  udp_service stuck{on, {.flush_time_max = 30s}, 2, [&](udp_worker&, udp::datagram&&) {
                      ++waiting;
                      gate.wait();
                    }};
  udp_client peer;
  for (int each = 0; each < 2; ++each) REQUIRE(peer.send(stuck.where, "?"));
  REQUIRE(eventually([&] { return waiting >= 2; }));
  for (const auto& each : stuck.workers) each.exit(exit_reason::killed());
  const std::uint64_t before = on->messages().sent;
  stuck.socket.exit();
  REQUIRE(eventually([&] { return on->messages().sent >= before + 2; }));  // the first probe is out
  const auto begun = std::chrono::steady_clock::now();
  gate.open();
  REQUIRE(eventually([&] { return on->messages().alive == 0; }));
  CHECK(std::chrono::steady_clock::now() - begun < 20s);
  on.end();
  CHECK(stuck.notes.count(told::closed) == 0);
}

TEST_CASE("a killed socket is gone at once and says so") {
  net_node on;
  udp_service talk{on, {}, 2};
  udp_client peer;
  REQUIRE(peer.send(talk.where, "x"));
  CHECK(peer.receive() == "x");
  talk.socket.exit(exit_reason::killed());
  REQUIRE(talk.notes.wait_for(told::closed, 2));
  udp_client next{"127.0.0.1", talk.where.port()};  // the port is free again
  CHECK(on->send(talk.socket.id(), udp::close{}) == send_outcome::unknown);
  on.end();
  check_last_words(talk.notes, 2);
}

TEST_CASE("workers that end one by one hand over to those that live") {
  net_node on;
  udp_service pool{on, {}, 3};
  udp_client peer;
  for (std::size_t left = 3; left > 0; --left) {
    for (int each = 0; each < 6; ++each) {
      REQUIRE(peer.send(pool.where, "hello"));
      CHECK(peer.receive() == "hello");
    }
    pool.workers[left - 1].exit();
    REQUIRE(eventually([&] { return on->messages().alive == left; }));
  }
  // Nobody is left: what comes is counted, and the socket can still be ended.
  REQUIRE(peer.send(pool.where, "to nobody"));
  pool.socket.exit();
  REQUIRE(eventually([&] { return on->messages().alive == 0; }));
  on.end();
  CHECK(pool.notes.count(told::closed) == 0);
}

TEST_CASE("the end of its parent ends a socket, and workers that live on are told") {
  struct owner : actor<owner> {
    owner(pid worker_, std::uint16_t& port_) : worker(worker_), port(port_) {}
    result<void> on_start() {
      const auto made = spawn_meta<udp::socket>(
          {.port_bound = &port, .sockets = 2, .workers = std::vector<pid>{worker}});
      return made ? result<void>{} : made.error();
    }
    pid worker;
    std::uint16_t& port;
  };
  net_node on;
  udp_journal notes;
  std::uint16_t port = 0;
  const auto worker = on->spawn<udp_worker>({}, notes, 0);
  const auto parent = on->spawn<owner>({}, worker.value().id(), port);
  REQUIRE(parent);
  udp_client peer;
  REQUIRE(peer.send(endpoint::ipv4(INADDR_LOOPBACK, port), "x"));
  CHECK(peer.receive() == "x");
  parent.value().exit(exit_reason::killed());
  REQUIRE(notes.wait_for(told::closed, 2));  // of two sockets
  REQUIRE(eventually([&] { return on->messages().alive == 1; }));
  on.end();
}

TEST_CASE("sockets that come and go under fire end once each, and leave nothing") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  net_node on;
  std::atomic<std::uint16_t> port{0};
  std::atomic<bool> over{false};
  udp_client peer;
  std::thread shooter{[&] {
    for (unsigned each = 0; !over; ++each) {
      peer.send(endpoint::ipv4(INADDR_LOOPBACK, port), std::string(each % 300, 's'));
      if (each % 64 == 0) std::this_thread::yield();
    }
  }};
  for (int round = 0; round < 40; ++round) {
    udp_service talk{on, {.sockets = 1 + random.next_below(3)}, 1 + random.next_below(3)};
    port = talk.where.port();
    if (random.next_below(2) == 0) static_cast<void>(talk.notes.wait_for(told::datagram, 5));
    switch (random.next_below(4)) {
      case 0: talk.socket.exit(); break;
      case 1: talk.socket.exit(exit_reason::killed()); break;
      case 2: tell_close(talk); break;
      default: talk.workers[0].exit(exit_reason::killed()); break;
    }
    talk.socket.exit();
    REQUIRE(eventually([&] { return on->messages().alive <= talk.workers.size(); }));
    for (const auto& each : talk.workers) each.exit();
    REQUIRE(eventually([&] { return on->messages().alive == 0; }));
    std::map<std::pair<int, alias>, int> closed;
    for (const auto& line : talk.notes.entries()) {
      CHECK(closed[std::pair{line.worker, line.id}] == 0);
      if (line.what == told::closed) ++closed[std::pair{line.worker, line.id}];
    }
  }
  over = true;
  shooter.join();
  on.end();
}
