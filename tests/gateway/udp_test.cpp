// The modes udp and forward over UDP.
#include "gateway_fixture.hpp"

namespace {

using namespace gateway_test;

/// A blocking UDP socket on a port of its own.
class flow {
 public:
  explicit flow(int family = AF_INET)
      : family_(family), socket_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    any_address own = any_address::loopback(0, family);
    if (::bind(socket_.get(), own.get(), own.size) != 0) throw std::runtime_error("no port");
    ::getsockname(socket_.get(), reinterpret_cast<::sockaddr*>(&own.value), &own.size);
    port_ = family == AF_INET ? ntohs(reinterpret_cast<const ::sockaddr_in&>(own.value).sin_port)
                              : ntohs(reinterpret_cast<const ::sockaddr_in6&>(own.value).sin6_port);
    limit_waiting(socket_.get());
  }
  void connect(std::uint16_t port) {
    const any_address to = any_address::loopback(port, family_);
    REQUIRE(::connect(socket_.get(), to.get(), to.size) == 0);
  }
  void send(std::string_view text) {
    // A refusal of an earlier one is told here.
    if (::send(socket_.get(), text.data(), text.size(), 0) < 0) {
      static_cast<void>(::send(socket_.get(), text.data(), text.size(), 0));
    }
  }
  std::string receive() {
    std::string got(70'000, '\0');
    last_from_ = {};
    last_from_.size = sizeof last_from_.value;
    const auto size =
        ::recvfrom(socket_.get(), got.data(), got.size(), 0,
                   reinterpret_cast<::sockaddr*>(&last_from_.value), &last_from_.size);
    got.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return got;
  }
  /// Sends back what came last from whom it came.
  void answer(std::string_view text) {
    static_cast<void>(
        ::sendto(socket_.get(), text.data(), text.size(), 0, last_from_.get(), last_from_.size));
  }
  [[nodiscard]] const any_address& last_from() const { return last_from_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void give_up_after(std::chrono::milliseconds time) {
    const ::timeval limit{0, 1000 * time.count()};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

 private:
  int family_;
  base::unique_fd socket_;
  std::uint16_t port_ = 0;
  any_address last_from_;
};

struct udp_echo : serving {
  explicit udp_echo(std::vector<std::string> more = {}, const std::string& host = "127.0.0.1")
      : serving(with_place(std::move(more), host), "udp echo on udp:" + host + ":") {}
  static std::vector<std::string> with_place(std::vector<std::string> more,
                                             const std::string& host) {
    more.insert(more.begin(), {"udp", "--listen", host + ":0"});
    return more;
  }
};

struct udp_forward : serving {
  explicit udp_forward(std::uint16_t to, std::vector<std::string> more = {})
      : serving(with_places(to, std::move(more)), "udp forward on udp:127.0.0.1:") {}
  static std::vector<std::string> with_places(std::uint16_t to, std::vector<std::string> more) {
    more.insert(more.begin(), {"forward", "--listen", "udp:127.0.0.1:0", "--to",
                               "udp:localhost:" + std::to_string(to)});
    return more;
  }
};

}  // namespace

TEST_CASE("udp: each datagram comes back whole to its sender, of any size") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  for (const auto& layout :
       std::vector<std::vector<std::string>>{{},
                                             {"--io-threads", "1"},
                                             {"--sockets", "4", "--workers", "3"},
                                             {"--driver", "epoll"}}) {
    CAPTURE(layout);
    udp_echo gateway{layout};
    std::vector<flow> flows(10);
    for (flow& each : flows) each.connect(gateway.port);
    for (const std::size_t size : {0, 1, 100, 1472, 9000, 65'507}) {
      for (flow& each : flows) {
        const std::string text = random_text(random, size);
        each.send(text);
        CHECK((each.receive() == text));
      }
    }
    const std::string summary = gateway.end_in_order();
    CAPTURE(summary);
    CHECK(summary.find("datagrams 60 ") != std::string::npos);
    CHECK(summary.find("truncated 0 lost 0") != std::string::npos);
  }
}

TEST_CASE("udp: an IPv6 address is served") {
  udp_echo gateway{{}, "[::1]"};
  flow client{AF_INET6};
  client.connect(gateway.port);
  client.send("six");
  CHECK(client.receive() == "six");
  gateway.end_in_order();
}

TEST_CASE("udp: a sender that is gone ends nothing") {
  udp_echo gateway;
  for (int i = 0; i < 20; ++i) {
    flow client;
    client.connect(gateway.port);
    client.send("nobody will be there");
  }
  // The kernel may let an answer pay for somebody else's refusal: datagrams may be lost.
  flow client;
  client.connect(gateway.port);
  client.give_up_after(200ms);
  std::string answer;
  for (int i = 0; i < 50 && answer.empty(); ++i) {
    client.send("still there?");
    answer = client.receive();
  }
  CHECK(answer == "still there?");
  gateway.end_in_order();
}

TEST_CASE("forward udp: each peer has a session of its own, and answers find their way back") {
  flow target;
  udp_forward gateway{target.port()};
  flow first;
  flow second;
  first.connect(gateway.port);
  second.connect(gateway.port);
  first.send("from first");
  REQUIRE(target.receive() == "from first");
  const any_address first_session = target.last_from();
  second.send("from second");
  REQUIRE(target.receive() == "from second");
  CHECK(std::memcmp(&first_session.value, &target.last_from().value, sizeof first_session.value) !=
        0);
  target.answer("to second");
  CHECK(second.receive() == "to second");
  first.send("first again");
  REQUIRE(target.receive() == "first again");
  CHECK(std::memcmp(&first_session.value, &target.last_from().value, sizeof first_session.value) ==
        0);
  target.answer("to first");
  CHECK(first.receive() == "to first");
  const std::string summary = gateway.end_in_order();
  CAPTURE(summary);
  CHECK(summary.find("sessions 2 (ended 2), datagrams there 3 back 2") != std::string::npos);
}

TEST_CASE("forward udp: a session without datagrams ends, and a late peer gets a new one") {
  flow target;
  udp_forward gateway{target.port(), {"--idle-seconds", "1"}};
  flow client;
  client.connect(gateway.port);
  client.send("one");
  REQUIRE(target.receive() == "one");
  std::string status;
  do {
    gateway.signal(SIGUSR1);
    status = gateway.line();
    std::this_thread::sleep_for(20ms);
  } while (status.find("sessions 1 (ended 0)") != std::string::npos);
  CHECK(status.find("sessions 1 (ended 1)") != std::string::npos);
  client.send("two");
  CHECK(target.receive() == "two");
  target.answer("three");
  CHECK(client.receive() == "three");
  gateway.end_in_order();
}

TEST_CASE("forward udp: a target that is not there yet, and sessions above the limit") {
  auto target = std::make_unique<flow>();
  const std::uint16_t place = target->port();
  udp_forward gateway{place, {"--sessions-max", "1", "--workers", "1"}};
  target.reset();
  flow client;
  client.connect(gateway.port);
  for (int i = 0; i < 5; ++i) client.send("nobody there");
  flow other;
  other.connect(gateway.port);
  other.send("one too many");
  other.give_up_after(50ms);
  CHECK(other.receive().empty());
  const std::string summary = gateway.end_in_order();
  CAPTURE(summary);
  CHECK(summary.find("sessions 1 (ended 1)") != std::string::npos);
  CHECK(summary.find("without session 1") != std::string::npos);
}
