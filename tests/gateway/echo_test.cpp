// The modes echo and unix, and what holds for every mode: output, signals, statuses.
#include "gateway_fixture.hpp"

namespace {

using namespace gateway_test;

struct tcp_echo : serving {
  explicit tcp_echo(std::vector<std::string> arguments = {}, const std::string& host = "127.0.0.1")
      : serving(with_address(std::move(arguments), host), "tcp echo on " + host + ":") {}
  static std::vector<std::string> with_address(std::vector<std::string> arguments,
                                               const std::string& host) {
    arguments.insert(arguments.end(), {"--tcp", host + ":0"});
    return arguments;
  }
};

}  // namespace

TEST_CASE("help and version are printed and are no failure") {
  run help{{"--help"}};
  const std::string text = help.rest();
  for (const char* const word :
       {"--tcp", "--workers", "--schedulers", "--io-threads", "--pin", "--version", "forward"}) {
    CHECK(text.find(word) != std::string::npos);
  }
  CHECK(help.status() == 0);
  run version{{"--version"}};
  CHECK(version.rest().rfind("sluice-gateway 0.", 0) == 0);
  CHECK(version.status() == 0);
}

TEST_CASE("arguments that are not understood end it with status 2 and say which") {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--port", "1"},
                                             {"--tcp"},
                                             {"--pin=0,,1"},
                                             {"7000"},
                                             {"forward", "--tcp", "::1:7000"}}) {
    CAPTURE(arguments);
    run refused{arguments};
    CHECK(refused.rest().find(arguments[0].substr(0, arguments[0].find('='))) != std::string::npos);
    CHECK(refused.status() == 2);
  }
}

TEST_CASE("what cannot be served ends it with status 1 and says why") {
  tcp_echo first;
  run second{{"--tcp", "127.0.0.1:" + std::to_string(first.port)}};
  CHECK(second.rest().find("address_in_use") != std::string::npos);
  CHECK(second.status() == 1);
  run nowhere{{"--tcp", "192.0.2.1:7000"}};
  CHECK(nowhere.rest().find("bad_address") != std::string::npos);
  CHECK(nowhere.status() == 1);
  first.end_in_order();
}

TEST_CASE("the start line says what was asked and what was accepted") {
  tcp_echo gateway{{"--workers", "3", "--schedulers=2", "--io-threads", "1", "--pin", "none",
                    "--ring-buffers", "64", "--ring-buffer-bytes", "4096"}};
  for (const char* const part : {"workers 3 (asked 3)", "schedulers 2 (asked 2)", "io threads 1",
                                 "pins -,-,-", "kernel ", "64 x 4096"}) {
    INFO(gateway.start_line);
    CHECK(gateway.start_line.find(part) != std::string::npos);
  }
  gateway.signal(SIGINT);
  CHECK(gateway.line() == "SIGINT: draining");
  CHECK(gateway.status() == 0);
}

TEST_CASE("the driver that is asked for is taken, and the start line says so") {
  for (const char* const driver : {"epoll", "io_uring"}) {
    CAPTURE(driver);
    tcp_echo gateway{{"--driver", driver}};
    INFO(gateway.start_line);
    CHECK(gateway.start_line.find(std::string{"driver "} + driver) != std::string::npos);
    CHECK(peer{gateway.port}.exchange(std::string(100'000, 'd')).size() == 100'000);
    gateway.end_in_order();
  }
}

TEST_CASE("above connections-max the next one waits until another has gone") {
  tcp_echo gateway{{"--connections-max", "2"}};
  peer first{gateway.port};
  peer second{gateway.port};
  first.send("1");
  second.send("2");
  REQUIRE(first.receive(1) == "1");
  REQUIRE(second.receive(1) == "2");
  peer third{gateway.port};
  third.send("3");
  ::pollfd answer{third.fd(), POLLIN, 0};
  CHECK(::poll(&answer, 1, 50) == 0);
  first.shutdown_write();
  CHECK(first.receive_to_end().empty());
  CHECK(third.receive(1) == "3");
  second.shutdown_write();
  third.shutdown_write();
  CHECK(second.receive_to_end().empty());
  CHECK(third.receive_to_end().empty());
  gateway.end_in_order();
}

TEST_CASE("a status line comes when asked for by SIGUSR1, and by itself as often as wished") {
  tcp_echo gateway{{"--status-every", "1"}};
  peer client{gateway.port};
  client.send("once");
  REQUIRE(client.receive(4) == "once");
  gateway.signal(SIGUSR1);
  const std::string asked_for = gateway.line();
  CHECK(asked_for.rfind("status: connections 1 (ended 0", 0) == 0);
  CHECK(asked_for.find("envelopes out") != std::string::npos);
  CHECK(asked_for.find("buffers out 0") != std::string::npos);
  CHECK(gateway.line().rfind("status: connections 1 (ended 0", 0) == 0);
  client.shutdown_write();
  CHECK(client.receive_to_end().empty());
  gateway.end_in_order();
}

TEST_CASE("every byte of many sockets comes back, in odd pieces and over half-closes") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  for (const auto& layout : std::vector<std::vector<std::string>>{
           {"--io-threads", "0"}, {"--io-threads", "1"}, {"--schedulers", "1", "--workers", "5"}}) {
    CAPTURE(layout);
    tcp_echo gateway{layout};
    constexpr std::size_t count = 20;
    constexpr std::size_t total = 200'000;
    std::vector<std::string> sent(count);
    std::vector<std::string> got(count);
    base::random_source random{seed};
    std::vector<std::thread> peers;
    for (std::size_t i = 0; i < count; ++i) {
      sent[i] = random_text(random, total - i);
      peers.emplace_back(
          [&, i, own = random.next()] { got[i] = peer{gateway.port}.exchange(sent[i], own); });
    }
    for (auto& each : peers) each.join();
    for (std::size_t i = 0; i < count; ++i) CHECK((got[i] == sent[i]));
    const std::string summary = gateway.end_in_order();
    CAPTURE(summary);
    CHECK(summary.find("connections 20 (ended 20, of these not in order 0)") != std::string::npos);
  }
}

TEST_CASE("an IPv6 address is served") {
  tcp_echo gateway{{}, "[::1]"};
  CHECK(peer{gateway.port, AF_INET6}.exchange("over six") == "over six");
  gateway.end_in_order();
}

TEST_CASE("unix: a path is served, and is gone afterwards") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  const scratch_path path{"echo.socket"};
  serving gateway{{"unix", "--listen", path.text()}, "unix echo on unix:" + path.text()};
  const std::string text = random_text(random, 300'000);
  CHECK((peer{any_address::path(path.text())}.exchange(text, seed) == text));
  const std::string summary = gateway.end_in_order();
  CHECK(summary.find("connections 1 (ended 1, of these not in order 0)") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(path.text()));
}

TEST_CASE("SIGTERM with open connections: they are ended in order and nothing is left behind") {
  tcp_echo gateway;
  std::vector<peer> peers;
  for (int i = 0; i < 50; ++i) {
    peers.emplace_back(gateway.port);
    peers.back().send("open");
    REQUIRE(peers.back().receive(4) == "open");
  }
  gateway.signal(SIGTERM);
  for (peer& each : peers) {
    CHECK(each.receive_to_end().empty());
    CHECK(each.end_errno() == 0);
    each.shutdown_write();
  }
  const std::string summary = gateway.rest();
  CAPTURE(summary);
  CHECK(summary.find("connections 50") != std::string::npos);
  CHECK(summary.find(": balanced") != std::string::npos);
  CHECK(summary.find("did not stop") == std::string::npos);
  CHECK(gateway.status() == 0);
}

TEST_CASE(
    "SIGTERM with bytes in flight: what the workers were told is answered, to the last byte") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  tcp_echo gateway;
  const std::string text = random_text(random, 20'000'000);
  peer client{gateway.port};
  std::thread writer{[&] {
    client.send(text);
    client.shutdown_write();
  }};
  std::string got = client.receive(300'000);
  gateway.signal(SIGTERM);
  got += client.receive_to_end();
  CHECK(client.end_errno() == 0);
  const std::string summary = gateway.rest();
  CAPTURE(summary);
  CHECK(summary.find("messages " + std::to_string(got.size()) + " bytes") != std::string::npos);
  CHECK((got == text.substr(0, got.size())));
  CHECK(gateway.status() == 0);
  writer.join();
}

TEST_CASE("SIGTERM amid traffic: it stops in time and in balance") {
  tcp_echo gateway;
  std::vector<std::unique_ptr<peer>> sockets;  // Connected while it surely listens.
  for (int i = 0; i < 8; ++i) sockets.push_back(std::make_unique<peer>(gateway.port));
  std::vector<std::thread> peers;
  for (auto& own : sockets) {
    peers.emplace_back([&own = *own] {
      const std::string piece(10'000, 'p');
      char back[10'000];
      while (own.send(piece) && ::recv(own.fd(), back, sizeof back, 0) > 0) {
      }
    });
  }
  static_cast<void>(peer{gateway.port}.exchange(std::string(1'000'000, 'm')));
  const auto begin = std::chrono::steady_clock::now();
  gateway.end_in_order();
  CHECK(std::chrono::steady_clock::now() - begin < patience);
  for (auto& each : peers) each.join();
}
