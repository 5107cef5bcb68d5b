#include "net/net_fixture.hpp"
#include "net/proxy_header.hpp"

using namespace net_test;

namespace {

/// Writes down who it is said to speak with.
struct host : actor<host> {
  explicit host(journal& notes_) : notes(notes_) {}
  void on(tcp::connected there) {
    notes.write({kind::connected, there.id, there.peer + " " + there.local + " " + there.via});
  }
  void on(tcp::data&& message) {
    notes.write({kind::data, message.id, std::string{message.bytes.text()}});
    const alias peer = message.id;
    send(peer, std::move(message));
  }
  void on(tcp::disconnected end) { notes.write({kind::disconnected, end.id, {}, end}); }
  journal& notes;
};

std::string header_of(net::proxy_version version) {
  net::proxy_header said;
  said.version = version;
  said.transport = net::proxy_transport::stream;
  said.source = io::socket_address::parse("192.0.2.7", 4711).value();
  said.destination = io::socket_address::parse("198.51.100.1", 443).value();
  return std::string{net::write_proxy_header(said).text()};
}

const std::string said_text = "192.0.2.7:4711 198.51.100.1:443 ";

struct proxied_service {
  explicit proxied_service(net_node& on, tcp::server_options options = {}) {
    if (options.proxy_from.empty()) options.proxy_from = {"127.0.0.0/8"};
    options.workers = {on->spawn<host>({}, notes).value()};
    options.port_bound = &port;
    REQUIRE(on->spawn_meta<tcp::server>(std::move(options)));
  }
  journal notes;
  std::uint16_t port = 0;
};

}  // namespace

TEST_CASE("a configured proxy says for whom it speaks, and what follows are that one's bytes") {
  for (const auto version : {net::proxy_version::one, net::proxy_version::two}) {
    for (const bool in_bytes : {false, true}) {
      net_node on;
      proxied_service echo{on};
      client peer{echo.port};
      const std::string wire = header_of(version) + "hello";
      for (std::size_t at = 0; at < wire.size(); at += in_bytes ? 1 : wire.size()) {
        peer.send(std::string_view{wire}.substr(at, in_bytes ? 1 : wire.size()));
      }
      CHECK(peer.receive(5) == "hello");
      CHECK(echo.notes.entries().front().text == said_text + peer.address());
      peer.close();
      REQUIRE(echo.notes.wait_for(kind::disconnected, 1));
      on.end();
    }
  }
}

TEST_CASE("a proxy's own connection has the real addresses") {
  net_node on;
  proxied_service echo{on};
  client peer{echo.port};
  peer.send("PROXY UNKNOWN\r\nx");
  CHECK(peer.receive(1) == "x");
  CHECK(echo.notes.entries().front().text ==
        peer.address() + " 127.0.0.1:" + std::to_string(echo.port) + " ");
  on.end();
}

TEST_CASE("without a header, or with a wrong one, a proxy is closed and no worker hears of it") {
  net_node on;
  proxied_service echo{on, {.connection = {.handshake_time_max = 40ms}}};
  const std::string good = header_of(net::proxy_version::two);
  for (const std::string& wire :
       {std::string{"GET / HTTP/1.1\r\n"}, std::string{"PROXY TCP4 nonsense\r\n"},
        good.substr(0, 14) + "\xff\xff", std::string{"PROXY TCP4 192.0.2"}, std::string{}}) {
    client peer{echo.port};
    peer.send(wire);
    CHECK(peer.receive_to_end().empty());
  }
  {
    client ending{echo.port};
    ending.send("PROXY TC");
    ending.shutdown_write();
    CHECK(ending.receive_to_end().empty());
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    client resetting{echo.port};
    resetting.send(std::string_view{good}.substr(0, size));
    resetting.reset();
  }
  client last{echo.port};
  last.send(good + "fine");
  CHECK(last.receive(4) == "fine");
  CHECK(echo.notes.count(kind::connected) == 1);
  CHECK(echo.notes.count(kind::disconnected) == 0);
  on.end();
}

TEST_CASE("from others a PROXY header is data") {
  net_node on;
  proxied_service echo{on, {.proxy_from = {"10.0.0.0/8", "unix"}}};
  client peer{echo.port};
  const std::string wire = header_of(net::proxy_version::one);
  peer.send(wire);
  CHECK(peer.receive(wire.size()) == wire);
  auto refused =
      on->spawn_meta<tcp::server>({.workers = {on->find("nobody")}, .proxy_from = {"10.0.0.1/8"}});
  CHECK(refused.error().place == std::string_view{"tcp::server: proxy_from"});
  on.end();
}

TEST_CASE("who resets before it is known who it was says nothing by a header") {
  net_node on;
  // The second connection waits in the backlog for a second, and is gone when it is accepted; its
  // bytes can still be read.
  proxied_service echo{on, {.proxy_from = {"10.0.0.0/8"}, .accepts_per_second_max = 1}};
  client first{echo.port};
  CHECK(first.send("first"));
  CHECK(first.receive(5) == "first");
  client forger{echo.port};
  CHECK(forger.send(header_of(net::proxy_version::one) + "forged"));
  forger.reset();
  client last{echo.port};
  CHECK(last.send("last"));
  CHECK(last.receive(4) == "last");
  for (const auto& line : echo.notes.entries()) {
    CHECK(line.text.find(said_text) == std::string::npos);
    CHECK(line.text.find("forged") == std::string::npos);
  }
  on.end();
}

TEST_CASE("a stop with headers due ends at once") {
  net_node on;
  proxied_service echo{on};
  std::vector<std::unique_ptr<client>> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(std::make_unique<client>(echo.port));
    peers.back()->send("PROXY ");
  }
  std::thread closing{[&] {
    for (auto& peer : peers) {
      static_cast<void>(peer->receive_to_end());
      peer->close();
    }
  }};
  CHECK(on->stop(patience).is_clean());
  closing.join();
  on.end();
}

TEST_CASE("a client sends the header first, then what waited") {
  struct given {
    tcp::proxy_options asked;
    net::proxy_version version;
  };
  for (const auto version : {tcp::proxy_version::one, tcp::proxy_version::two}) {
    net_node on;
    proxied_service echo{on};
    journal notes;
    auto who = on->spawn<worker>({}, notes, 0, [](worker&, tcp::data&&) {});
    auto made = on->spawn_meta<tcp::client>({.port = echo.port,
                                             .worker = who.value(),
                                             .proxy = {.version = version,
                                                       .source = "192.0.2.7",
                                                       .source_port = 4711,
                                                       .destination = "198.51.100.1",
                                                       .destination_port = 443}});
    REQUIRE(made);
    on->send(made.value(), tcp::data{made.value(), bytes::copy_of("behind it")});
    REQUIRE(notes.wait_for(kind::data, 1));
    CHECK(echo.notes.entries().front().text.starts_with(said_text + "127.0.0.1:"));
    CHECK(echo.notes.entries().back().text == "behind it");
    // Its own ends, when none are given.
    auto own = on->spawn_meta<tcp::client>(
        {.port = echo.port, .worker = who.value(), .proxy = {.version = version}});
    REQUIRE(own);
    REQUIRE(echo.notes.wait_for(kind::connected, 2));
    CHECK(echo.notes.entries().back().text.starts_with("127.0.0.1:"));
    auto half = on->spawn_meta<tcp::client>(
        {.port = 1, .worker = who.value(), .proxy = {.version = version, .source = "::1"}});
    CHECK(half.error().place == std::string_view{"tcp::client: proxy.destination"});
    on.end();
  }
}
