#include <netinet/tcp.h>

#include "net/net_fixture.hpp"

using namespace net_test;

namespace {

const char* refused_option(net_node& on, tcp::connection_options asked) {
  journal notes;
  auto who = on->spawn<worker>({}, notes, 0);
  auto made = on->spawn_meta<tcp::server>({.workers = {who.value()}, .connection = asked});
  who.value().exit();
  REQUIRE_FALSE(made);
  CHECK(made.error().code == error_code::bad_argument);
  return made.error().place;
}

const worker::data_function no_answer = [](worker&, tcp::data&&) {};

}  // namespace

TEST_CASE("an option out of its range is named at the spawn") {
  net_node on;
  using std::string_view;
  CHECK(refused_option(on, {.write_bytes_high = 0}) == string_view{"tcp: write_bytes_high"});
  CHECK(refused_option(on, {.read_bytes_max = 0}) == string_view{"tcp: read_bytes_max"});
  CHECK(refused_option(on, {.flush_time_max = -1ms}) == string_view{"tcp: flush_time_max"});
  CHECK(refused_option(on, {.write_bytes_max = 1}) == string_view{"tcp: write_bytes_max"});
  CHECK(refused_option(on, {.keepalive = {.enabled = true, .idle = 0s}}) ==
        string_view{"tcp: keepalive.idle"});
  CHECK(refused_option(on, {.keepalive = {.enabled = true, .interval = 40'000s}}) ==
        string_view{"tcp: keepalive.interval"});
  CHECK(refused_option(on, {.keepalive = {.enabled = true, .count = 200}}) ==
        string_view{"tcp: keepalive.count"});
  CHECK(refused_option(on, {.user_timeout = -1ms}) == string_view{"tcp: user_timeout"});
  CHECK(refused_option(on, {.receive_buffer_bytes = UINT32_MAX}) ==
        string_view{"tcp: receive_buffer_bytes"});
  CHECK(refused_option(on, {.send_buffer_bytes = UINT32_MAX}) ==
        string_view{"tcp: send_buffer_bytes"});
  CHECK(refused_option(on, {.linger_time_max = -1ms}) == string_view{"tcp: linger_time_max"});
  CHECK(refused_option(on, {.read_idle_max = -1ms}) == string_view{"tcp: read_idle_max"});
  CHECK(refused_option(on, {.write_stall_max = 24h * 1000}) == string_view{"tcp: write_stall_max"});
  CHECK(refused_option(on, {.handshake_time_max = -1ms}) == string_view{"tcp: handshake_time_max"});
  CHECK(refused_option(on, {.keep_alive_bytes = "x"}) == string_view{"tcp: keep_alive_bytes"});
  CHECK(refused_option(on, {.keep_alive_after = 1ms}) == string_view{"tcp: keep_alive_bytes"});
  on.end();
}

TEST_CASE("limits of time end a connection, and its worker is told which") {
  struct limit {
    tcp::connection_options options;
    disconnect_reason told;
    std::string_view said;  // by the peer, at first
  };
  for (const auto& each :
       {limit{{.read_idle_max = 30ms}, disconnect_reason::idle, "something"},
        limit{{.handshake_time_max = 30ms}, disconnect_reason::handshake_timed_out, ""}}) {
    net_node on;
    service echo{on, {.connection = each.options}};
    client peer{echo.port};
    peer.send(each.said);
    CHECK(peer.receive_to_end() == each.said);
    CHECK(peer.end_errno() == 0);
    CHECK(echo.notes.only_end().reason == each.told);
    peer.close();
    on.end();
  }
}

TEST_CASE("the first bytes end the handshake and nothing is lost of them") {
  net_node on;
  service echo{on, {.connection = {.read_idle_max = 150ms, .handshake_time_max = 40ms}}};
  client peer{echo.port};
  peer.send("in time");
  CHECK(peer.receive_to_end() == "in time");
  CHECK(echo.notes.only_end().reason == disconnect_reason::idle);
  on.end();
}

TEST_CASE("a peer that takes nothing is stalled and reset") {
  net_node on;
  service flood{
      on,
      {.connection = {.send_buffer_bytes = 16'384, .write_stall_max = 50ms}},
      1,
      [](worker& self, tcp::data&& message) {
        self.send(message.id, tcp::data{message.id, bytes::copy_of(std::string(8 << 20, 'f'))});
      }};
  client peer;
  peer.set_receive_buffer(4096);
  REQUIRE(peer.connect(flood.port));
  peer.send("?");
  CHECK(flood.notes.only_end().reason == disconnect_reason::write_stalled);
  CHECK(flood.notes.only_end().bytes_out < (8u << 20));
  static_cast<void>(peer.receive_to_end());
  CHECK(peer.end_errno() == ECONNRESET);
  on.end();
}

TEST_CASE("a connection that says nothing keeps itself alive") {
  net_node on;
  service silent{on,
                 {.connection = {.keep_alive_bytes = "still here\n", .keep_alive_after = 20ms}},
                 1,
                 no_answer};
  client peer{silent.port};
  CHECK(peer.receive(22) == "still here\nstill here\n");
  peer.close();
  on.end();
}

TEST_CASE("policy drop tells the first loss of an episode, its sum, and the sum of all") {
  net_node on;
  constexpr std::size_t message_bytes = 16'000;
  constexpr int message_count = 2000;
  service flood{on,
                {.connection = {.write_bytes_high = 64 * 1024,
                                .write_bytes_low = 16 * 1024,
                                .policy = tcp::write_policy::drop}},
                1,
                [](worker& self, tcp::data&& message) {
                  for (int i = 0; i < message_count; ++i) {
                    self.send(
                        message.id,
                        tcp::data{message.id, bytes::copy_of(std::string(message_bytes, 'f'))});
                  }
                }};
  client peer;
  peer.set_receive_buffer(4096);
  REQUIRE(peer.connect(flood.port));
  peer.send("flood me");
  REQUIRE(flood.notes.wait_for(kind::dropped, 1));
  std::string got;
  std::thread reader{[&] { got = peer.receive_to_end(); }};
  REQUIRE(flood.notes.wait_for(kind::writable, 1));
  on->exit(flood.notes.entries().front().id);
  reader.join();
  peer.close();
  const tcp::disconnected end = flood.notes.only_end();
  CHECK(end.bytes_dropped > 0);
  CHECK(end.bytes_out == got.size());
  CHECK(end.bytes_dropped + end.bytes_out == message_bytes * message_count);
  std::uint64_t told = 0;
  std::size_t episodes = 0;
  for (const auto& line : flood.notes.entries()) {
    if (line.what == kind::dropped) {
      CHECK(line.amount == message_bytes);
      ++episodes;
    }
    if (line.what == kind::writable) told += line.amount;
  }
  CHECK(told > 0);
  CHECK(told <= end.bytes_dropped);  // An episode that the end cut short is in the sum alone.
  CHECK(episodes >= 1);
  on.end();
}

TEST_CASE("a peer that reads nothing cannot make a connection grow, whatever its worker sends") {
  net_node on;
  service flood{
      on,
      {.connection = {.write_bytes_high = 64 * 1024,
                      .write_bytes_low = 16 * 1024,
                      .write_bytes_max = 1 << 20}},
      1,
      [](worker& self, tcp::data&& message) {
        for (int i = 0; i < 2000; ++i) {
          self.send(message.id, tcp::data{message.id, bytes::copy_of(std::string(16'000, 'f'))});
        }
      }};
  client peer;
  peer.set_receive_buffer(4096);
  REQUIRE(peer.connect(flood.port));
  peer.send("flood me");
  CHECK(flood.notes.only_end().reason == disconnect_reason::write_overflow);
  on.end();
}

TEST_CASE("a connection's bounded mailbox answers full to who floods it") {
  net_node on{{.io_threads = 1}};
  std::atomic<int> full{0};
  service flood{
      on, {.connection = {.mailbox_max = 8}}, 1, [&](worker& self, tcp::data&& message) {
        for (int i = 0; i < 5000; ++i) {
          const auto outcome = self.send(message.id, tcp::data{message.id, bytes::copy_of("x")});
          if (outcome == send_outcome::full) ++full;
        }
        self.send(message.id, tcp::close{message.id}, priority::system);
      }};
  client peer{flood.port};
  peer.send("?");
  CHECK(peer.receive_to_end().size() + static_cast<std::size_t>(full) <= 5000);
  CHECK(full > 0);
  peer.close();
  on.end();
}

TEST_CASE("no more connections are accepted a second than the rate allows") {
  net_node on;
  service echo{on, {.accepts_per_second_max = 100, .accepts_at_once_max = 5}};
  std::vector<std::unique_ptr<client>> peers;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 15; ++i) peers.push_back(std::make_unique<client>(echo.port));
  REQUIRE(echo.notes.wait_for(kind::connected, 15));
  CHECK(std::chrono::steady_clock::now() - begin >= 100ms);  // Five at once, ten 10 ms apart.
  for (auto& peer : peers) {
    peer->send("x");
    CHECK(peer->receive(1) == "x");
  }
  peers.clear();
  on.end();
}

TEST_CASE("every address of both families is served when none is named") {
  for (const char* host : {"", "*"}) {
    net_node on;
    service echo{on, {.host = host}};
    client four{echo.port};
    four.send("four");
    CHECK(four.receive(4) == "four");
    CHECK(echo.notes.entries().front().text == four.address());  // Not [::ffff:127.0.0.1].
    base::unique_fd six{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ::sockaddr_in6 where{};
    where.sin6_family = AF_INET6;
    where.sin6_port = htons(echo.port);
    where.sin6_addr = in6addr_loopback;
    if (six.is_open() &&
        ::connect(six.get(), reinterpret_cast<::sockaddr*>(&where), sizeof where) == 0) {
      REQUIRE(echo.notes.wait_for(kind::connected, 2));
      CHECK(echo.notes.entries().back().text.starts_with("[::1]:"));
    }
    six.reset();
    four.close();
    on.end();
  }
}

TEST_CASE("workers are found by name, and again when one was restarted under it") {
  net_node on;
  journal first_notes;
  journal second_notes;
  std::uint16_t port = 0;
  auto made =
      on->spawn_meta<tcp::server>({.port_bound = &port, .workers = {"left", "right", "nobody"}});
  REQUIRE(made);
  {
    client early{port};  // Nobody has a name yet.
    CHECK(early.receive_to_end().empty());
  }
  auto left = on->spawn<worker>({.name = "left"}, first_notes, 1);
  REQUIRE(on->spawn<worker>({.name = "right"}, first_notes, 2));
  std::vector<std::unique_ptr<client>> peers;
  for (int i = 0; i < 6; ++i) {
    peers.push_back(std::make_unique<client>(port));
    peers.back()->send("x");
    CHECK(peers.back()->receive(1) == "x");
  }
  CHECK(first_notes.count(kind::connected) == 6);
  left.value().exit();
  REQUIRE(eventually([&] { return !on->find("left").is_valid(); }));
  REQUIRE(on->spawn<worker>({.name = "left"}, second_notes, 3));
  for (int i = 0; i < 4; ++i) {
    peers.push_back(std::make_unique<client>(port));
    peers.back()->send("y");
    CHECK(peers.back()->receive(1) == "y");
  }
  CHECK(second_notes.count(kind::connected) >= 1);
  auto too_long = on->spawn_meta<tcp::server>({.workers = {std::string(256, 'n')}});
  CHECK(too_long.error().code == error_code::bad_argument);
  peers.clear();
  on.end();
}
