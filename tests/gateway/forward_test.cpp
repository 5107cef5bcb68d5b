// The mode forward over streams: bytes, half-closes, resets and slowness are handed on.
#include "gateway_fixture.hpp"

namespace {

using namespace gateway_test;

/// The target, played by the test.
class target {
 public:
  target() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    any_address own = any_address::loopback(0);
    REQUIRE(::bind(socket_.get(), own.get(), own.size) == 0);
    REQUIRE(::listen(socket_.get(), 128) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<::sockaddr*>(&own.value), &own.size) ==
            0);
    port_ = ntohs(reinterpret_cast<const ::sockaddr_in&>(own.value).sin_port);
    limit_waiting(socket_.get());
  }
  [[nodiscard]] std::string text() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] peer accept() {
    base::unique_fd made{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!made.is_open()) throw std::runtime_error("nobody connects to the target");
    return peer{std::move(made)};
  }
  void close() { socket_.reset(); }

 private:
  base::unique_fd socket_;
  std::uint16_t port_ = 0;
};

struct forwarding : serving {
  explicit forwarding(const std::string& to, std::vector<std::string> arguments = {})
      : serving(with_places(to, std::move(arguments)), "tcp forward on 127.0.0.1:") {}
  static std::vector<std::string> with_places(const std::string& to,
                                              std::vector<std::string> more) {
    std::vector<std::string> all{"forward", "--listen", "127.0.0.1:0", "--to", to};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

/// Sends until nothing is taken any more for a while.
std::size_t send_until_stuck(const peer& from, std::string_view text) {
  std::size_t total = 0;
  while (total < text.size()) {
    const auto sent =
        ::send(from.fd(), text.data() + total, text.size() - total, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      total += static_cast<std::size_t>(sent);
      continue;
    }
    ::pollfd room{from.fd(), POLLOUT, 0};
    if (errno != EAGAIN || ::poll(&room, 1, 300) <= 0) return total;
  }
  return total;
}

std::uint64_t number_before(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  if (at == std::string::npos) return UINT64_MAX;
  std::size_t begin = at;
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  return std::strtoull(text.c_str() + begin, nullptr, 10);
}

}  // namespace

TEST_CASE("forward: every byte of many sockets goes there and comes back, over half-closes") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  serving echo{{"echo", "--tcp", "127.0.0.1:0"}, "tcp echo on 127.0.0.1:"};
  for (const auto& layout :
       std::vector<std::vector<std::string>>{{"--io-threads", "0"},
                                             {"--io-threads", "1"},
                                             {"--schedulers", "1", "--workers", "5"},
                                             {"--ring-buffers", "4", "--ring-buffer-bytes", "512"},
                                             {"--driver", "epoll"}}) {
    CAPTURE(layout);
    forwarding gateway{"localhost:" + std::to_string(echo.port), layout};
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
    CHECK(number_before(summary, " bytes there") == count * total - count * (count - 1) / 2);
    CHECK(number_before(summary, " bytes back") == count * total - count * (count - 1) / 2);
  }
  echo.end_in_order();
}

TEST_CASE("forward: either side may end its output first, and still gets the other's") {
  target there;
  forwarding gateway{there.text()};
  {
    peer client{gateway.port};
    client.send("question");
    client.shutdown_write();
    peer server = there.accept();
    CHECK(server.receive_to_end() == "question");
    server.send("answer");
    server.shutdown_write();
    CHECK(client.receive_to_end() == "answer");
    CHECK(client.end_errno() == 0);
  }
  {
    peer client{gateway.port};
    peer server = there.accept();
    server.send("greeting");
    server.shutdown_write();
    CHECK(client.receive_to_end() == "greeting");
    client.send("still here");
    client.shutdown_write();
    CHECK(server.receive_to_end() == "still here");
    CHECK(server.end_errno() == 0);
  }
  CHECK(gateway.end_in_order().find("connections 2 (ended 2, of these not in order 0)") !=
        std::string::npos);
}

TEST_CASE("forward: a target that refuses resets the client, and the next one is served again") {
  target there;
  const std::string place = there.text();
  there.close();
  forwarding gateway{place};
  peer client{gateway.port};
  CHECK(client.receive_to_end().empty());
  CHECK(client.end_errno() == ECONNRESET);
  CHECK(gateway.end_in_order().find("targets not reached 1") != std::string::npos);
}

TEST_CASE("forward: a reset of either side reaches the other") {
  target there;
  forwarding gateway{there.text()};
  {
    peer client{gateway.port};
    peer server = there.accept();
    client.send("x");
    REQUIRE(server.receive(1) == "x");
    client.reset();
    CHECK(server.receive_to_end().empty());
    CHECK(server.end_errno() == ECONNRESET);
  }
  {
    peer client{gateway.port};
    peer server = there.accept();
    server.send("y");
    REQUIRE(client.receive(1) == "y");
    server.reset();
    CHECK(client.receive_to_end().empty());
    CHECK(client.end_errno() == ECONNRESET);
  }
  gateway.end_in_order();
}

TEST_CASE(
    "forward: who does not read stops the other side's socket, and neither memory nor others") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  target there;
  forwarding gateway{there.text()};
  const std::string text = random_text(random, 40'000'000);
  peer client{gateway.port};
  peer server = there.accept();
  const std::size_t sent = send_until_stuck(client, text);
  CHECK(sent < text.size());
  // The target writes although it does not read; and others are served.
  server.send("not reading");
  CHECK(client.receive(11) == "not reading");
  peer other{gateway.port};
  peer other_server = there.accept();
  other.send("beside");
  CHECK(other_server.receive(6) == "beside");
  // The other way round, too: now nobody reads.
  const std::size_t answered = send_until_stuck(server, text);
  CHECK(answered < text.size());
  // All of it was kept.
  std::thread reader{[&] { CHECK_NOFAIL(client.receive(answered).size() == answered); }};
  client.shutdown_write();
  const std::string got = server.receive_to_end();
  reader.join();
  CHECK(got.size() == sent);
  CHECK((got == text.substr(0, sent)));
  server.shutdown_write();
  CHECK(client.receive_to_end().empty());
  other.shutdown_write();
  other_server.shutdown_write();
  CHECK(other.receive_to_end().empty());
  gateway.end_in_order();
}

TEST_CASE(
    "forward: a PROXY header names the client to the target, and is believed only from proxies") {
  target there;
  for (const char* const version : {"v1", "v2"}) {
    CAPTURE(version);
    // The outer gateway tells the inner one, which tells the target, whose client this is.
    forwarding inner{there.text(), {"--proxy-accept", "127.0.0.0/8", "--proxy-send", "v1"}};
    forwarding outer{"127.0.0.1:" + std::to_string(inner.port), {"--proxy-send", version}};
    peer client{outer.port};
    any_address own;
    own.size = sizeof own.value;
    ::getsockname(client.fd(), reinterpret_cast<::sockaddr*>(&own.value), &own.size);
    const int own_port = ntohs(reinterpret_cast<const ::sockaddr_in&>(own.value).sin_port);
    peer server = there.accept();
    client.send("payload");
    const std::string expected = "PROXY TCP4 127.0.0.1 127.0.0.1 " + std::to_string(own_port) +
                                 " " + std::to_string(outer.port) + "\r\npayload";
    CHECK(server.receive(expected.size()) == expected);
    // Without a header there is no way in.
    peer stranger{inner.port};
    stranger.send("GET / HTTP/1.1\r\n\r\n");
    CHECK(stranger.receive_to_end().empty());
    client.shutdown_write();
    server.shutdown_write();
    CHECK(client.receive_to_end().empty());
    outer.end_in_order();
    inner.end_in_order();
  }
}

TEST_CASE("forward: a client that goes while its target does not read is let go with the target") {
  target there;
  forwarding gateway{there.text(), {"--stall-seconds", "1"}};
  const std::string text(40'000'000, 's');
  peer client{gateway.port};
  peer server = there.accept();
  CHECK(send_until_stuck(client, text) < text.size());
  client.reset();
  std::string status;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  do {
    gateway.signal(SIGUSR1);
    status = gateway.line();
    std::this_thread::sleep_for(20ms);
  } while (status.find("(ended 0") != std::string::npos &&
           std::chrono::steady_clock::now() < deadline);
  CHECK(status.find("connections 1 (ended 1, of these not in order 1)") != std::string::npos);
  gateway.end_in_order();
}

TEST_CASE("forward: unix sockets on both sides") {
  const scratch_path in{"forward-in"};
  const scratch_path out{"forward-out"};
  serving echo{{"unix", "--listen", out.text()}, "unix echo on unix:" + out.text()};
  serving gateway{{"forward", "--listen", "unix:" + in.text(), "--to", "unix:" + out.text()},
                  "unix forward on unix:" + in.text()};
  CHECK((peer{any_address::path(in.text())}.exchange(std::string(300'000, 'u')) ==
         std::string(300'000, 'u')));
  gateway.end_in_order();
  echo.end_in_order();
}

TEST_CASE("forward: SIGTERM with bytes in flight: what was read on one side reaches the other") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  target there;
  forwarding gateway{there.text()};
  const std::string question = random_text(random, 20'000'000);
  const std::string answer = random_text(random, 20'000'000);
  peer client{gateway.port};
  peer server = there.accept();
  std::thread asking{[&] { client.send(question); }};
  std::thread answering{[&] { server.send(answer); }};
  std::string got = client.receive(1'000'000);
  std::string got_there = server.receive(1'000'000);
  gateway.signal(SIGTERM);
  std::thread reading{[&] { got_there += server.receive_to_end(); }};
  got += client.receive_to_end();
  reading.join();
  const std::string summary = gateway.rest();
  CAPTURE(summary);
  CHECK(client.end_errno() == 0);
  CHECK(server.end_errno() == 0);
  CHECK((got == answer.substr(0, got.size())));
  CHECK((got_there == question.substr(0, got_there.size())));
  CHECK(number_before(summary, " bytes back") == got.size());
  CHECK(number_before(summary, " bytes there") == got_there.size());
  CHECK(summary.find(": balanced") != std::string::npos);
  CHECK(gateway.status() == 0);
  client.shutdown_both();
  server.shutdown_both();
  asking.join();
  answering.join();
}
