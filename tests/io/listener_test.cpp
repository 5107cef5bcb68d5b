#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "io/loop.hpp"

using namespace io_test;

namespace {

struct acceptor : io::listener_handler {
  explicit acceptor(io::driver& driver) : listener(driver, *this) {}
  void on_accept(base::unique_fd connection, const io::socket_address& peer) noexcept override {
    connections.push_back(std::move(connection));
    peers.push_back(peer.to_string());
  }
  void on_accept_error(const error& why) noexcept override { errors.push_back(why); }
  void on_listener_closed() noexcept override { ++closed_count; }

  std::vector<base::unique_fd> connections;
  std::vector<std::string> peers;
  std::vector<error> errors;
  unsigned closed_count = 0;
  io::listener listener;
};

base::unique_fd connect_to(const io::socket_address& where) {
  base::unique_fd client{::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(::connect(client.get(), where.data(), where.length()) == 0);
  return client;
}

base::unique_fd must_listen(std::string_view host, const io::listen_options& options = {}) {
  auto listening = io::listen_on(*io::socket_address::parse(host, 0), options);
  REQUIRE(listening);
  return std::move(*listening);
}

int lowest_free_descriptor() {
  const base::unique_fd probe{::dup(0)};
  return probe.get();
}

}  // namespace

TEST_CASE("addresses are parsed and printed, and what is no literal is a bad address") {
  const auto text = [](std::string_view host) {
    auto parsed = io::socket_address::parse(host, 7000);
    return parsed ? parsed->to_string() : to_string(parsed.error().code);
  };
  CHECK(text("127.0.0.1") == "127.0.0.1:7000");
  CHECK(text("localhost") == "127.0.0.1:7000");
  CHECK(text("") == "0.0.0.0:7000");
  CHECK(text("*") == "0.0.0.0:7000");
  CHECK(text("::1") == "[::1]:7000");
  CHECK(text("[::1]") == "[::1]:7000");
  CHECK(text("unix:/tmp/x") == "unix:/tmp/x");
  for (const auto bad : {"256.0.0.1", "example.org", "1.2.3", "unix:", "[", "127.0.0.1 "}) {
    CHECK(text(bad) == "bad_address"s);
  }
  CHECK(text("unix:" + std::string(200, 'a')) == "bad_address");
  CHECK(text(std::string_view{"127.0.0.1\0x", 11}) == "bad_address");
}

TEST_CASE("a taken port, a foreign address and a missing right are told apart") {
  auto first = must_listen("127.0.0.1");
  const auto where = io::socket_address::local_of(first.get());
  CHECK(where.port() != 0);
  CHECK(io::listen_on(where).error().code == error_code::address_in_use);
  CHECK(io::listen_on(*io::socket_address::parse("192.0.2.1", 0)).error().code ==
        error_code::bad_address);
  CHECK(io::listen_on(io::socket_address{}).error().code == error_code::bad_address);
  CHECK(io::listen_on(*io::socket_address::parse("127.0.0.1", 0), {.backlog = 0}).error().code ==
        error_code::bad_argument);
  const ::pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(10);
    auto refused = io::listen_on(*io::socket_address::parse("unix:/proc/refused", 0));
    ::_exit(refused.error().code == error_code::permission_denied ||
                    refused.error().os_error == ENOENT
                ? 0
                : 11);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("two listeners share a port when both ask for it") {
  auto first = must_listen("127.0.0.1", {.reuse_port = true});
  const auto where = io::socket_address::local_of(first.get());
  CHECK(io::listen_on(where, {.reuse_port = true}));
}

TEST_CASE("connections are accepted with their peers' addresses") {
  loop ring;
  for (const auto host : {"127.0.0.1", "::1"}) {
    auto socket = io::listen_on(*io::socket_address::parse(host, 0));
    if (!socket) continue;  // a machine without IPv6
    acceptor server{*ring.driver};
    REQUIRE(server.listener.open(std::move(*socket)));
    const auto where = server.listener.local_address();
    std::vector<base::unique_fd> clients;
    for (int count = 0; count < 100; ++count) clients.push_back(connect_to(where));
    REQUIRE(ring.run_until([&] { return server.connections.size() == clients.size(); }));
    for (std::size_t index = 0; index < clients.size(); ++index) {
      CHECK(server.peers[index] == io::socket_address::local_of(clients[index].get()).to_string());
    }
    server.listener.close();
    CHECK(server.closed_count == 0);
    CHECK(ring.run_until([&] { return server.closed_count == 1; }));
  }
}

TEST_CASE("of servers that find the path of a gone one, one gets it and keeps it") {
  const std::string path = "/tmp/sluice-race-test-" + std::to_string(::getpid());
  const auto where = *io::socket_address::parse("unix:" + path, 0);
  constexpr int racers = 3;
  for (int round = 0; round < 3000; ++round) {
    { const auto gone = io::listen_on(where); }  // Leaves its path behind.
    std::atomic<int> ready{0};
    std::array<base::unique_fd, racers> got;
    std::vector<std::thread> threads;
    for (auto& own : got) {
      threads.emplace_back([&] {
        for (++ready; ready < racers;) std::this_thread::yield();
        if (auto made = io::listen_on(where)) own = std::move(made).value();
      });
    }
    for (auto& each : threads) each.join();
    CHECK(std::count_if(got.begin(), got.end(), [](auto& own) { return own.is_open(); }) == 1);
    const base::unique_fd client{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(::connect(client.get(), where.data(), where.length()) == 0);
  }
  ::unlink(path.c_str());
}

TEST_CASE("a unix path is listened on") {
  loop ring;
  const std::string path = "/tmp/sluice-listener-test-" + std::to_string(::getpid());
  auto socket = io::listen_on(*io::socket_address::parse("unix:" + path, 0));
  REQUIRE(socket);
  acceptor server{*ring.driver};
  REQUIRE(server.listener.open(std::move(*socket)));
  auto client = connect_to(server.listener.local_address());
  CHECK(ring.run_until([&] { return server.connections.size() == 1; }));
  server.listener.close();
  CHECK(ring.run_until([&] { return server.closed_count == 1; }));
  ::unlink(path.c_str());
}

TEST_CASE("a path is taken over from a server that is gone, and from nobody else") {
  const std::string path = "/tmp/sluice-stale-test-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  const auto where = *io::socket_address::parse("unix:" + path, 0);
  auto first = io::listen_on(where);
  REQUIRE(first);
  CHECK(io::listen_on(where).error().code == error_code::address_in_use);
  const auto own = io::identity_of(where);
  first->reset();
  CHECK(::access(path.c_str(), F_OK) == 0);
  auto second = io::listen_on(where);
  CHECK(second);
  CHECK(io::identity_of(where) != own);
  io::remove_path(where, own);  // The first one's: not there any more.
  CHECK(::access(path.c_str(), F_OK) == 0);
  io::remove_path(where, io::identity_of(where));
  CHECK(::access(path.c_str(), F_OK) != 0);
  // No socket: nobody's business.
  const base::unique_fd file{::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
  REQUIRE(file.is_open());
  CHECK(io::listen_on(where).error().code == error_code::address_in_use);
  CHECK(::access(path.c_str(), F_OK) == 0);
  ::unlink(path.c_str());
}

TEST_CASE("one by one nothing is accepted after a pause") {
  loop ring;
  struct pausing final : acceptor {
    using acceptor::acceptor;
    void on_accept(base::unique_fd connection, const io::socket_address& peer) noexcept override {
      acceptor::on_accept(std::move(connection), peer);
      listener.pause();
    }
  };
  pausing server{*ring.driver};
  REQUIRE(server.listener.open(must_listen("127.0.0.1"), io::listener::manner::one_by_one));
  const auto where = server.listener.local_address();
  std::vector<base::unique_fd> clients;
  for (int count = 0; count < 50; ++count) clients.push_back(connect_to(where));
  for (std::size_t count = 1; count <= 5; ++count) {
    CHECK(ring.run_until([&] { return server.connections.size() == count; }));
    ring.run_for(5);
    CHECK(server.connections.size() == count);
    server.listener.resume();
  }
  server.listener.close();
  CHECK(ring.run_until([&] { return server.closed_count == 1; }));
}

TEST_CASE("a paused listener accepts nothing until resumed") {
  loop ring;
  acceptor server{*ring.driver};
  REQUIRE(server.listener.open(must_listen("127.0.0.1")));
  ring.driver->poll();
  server.listener.pause();
  ring.run_for(10);
  auto client = connect_to(server.listener.local_address());
  ring.run_for(10);
  CHECK(server.connections.empty());
  server.listener.resume();
  CHECK(ring.run_until([&] { return server.connections.size() == 1; }));
  server.listener.close();
  CHECK(ring.run_until([&] { return server.closed_count == 1; }));
}

TEST_CASE("a listener out of descriptors tells those who wait, pauses, and goes on") {
  loop ring;
  acceptor server{*ring.driver};
  REQUIRE(server.listener.open(must_listen("127.0.0.1")));
  const auto where = server.listener.local_address();
  std::vector<base::unique_fd> clients;
  for (int count = 0; count < 60; ++count) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  ::rlimit tight = before;
  tight.rlim_cur = static_cast<::rlim_t>(lowest_free_descriptor() + 5);
  const auto storm = [&](std::size_t first, std::size_t count) {
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    server.listener.pause();  // an accept keeps the limit that held when it was armed
    server.listener.resume();
    ring.run_for(5);
    for (std::size_t index = first; index < first + count; ++index) {
      ::connect(clients[index].get(), where.data(), where.length());
    }
    return ring.run_until([&] { return !server.errors.empty(); });
  };

  // The backoff ends by itself. Nothing is checked under the limit: a failing check needs a file.
  bool told = storm(0, 29);
  const bool backing_off = server.listener.is_backing_off();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(told);
  CHECK(backing_off);
  CHECK(server.errors.front().code == error_code::limit_reached);
  CHECK(server.connections.size() == 5);
  CHECK(server.listener.shed_count() == 24);
  ::connect(clients[29].get(), where.data(), where.length());
  CHECK(ring.run_until([&] { return server.connections.size() == 6; }, 3'000));

  // No storm: a handful of attempts in a tenth of a second. The word that one was freed ends it.
  server.connections.clear();
  server.errors.clear();
  const auto enters_before = ring.driver->counters().enters.load();
  told = storm(30, 29);
  ring.run_for(100);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(told);
  CHECK(server.errors.size() < 10);
  CHECK(ring.driver->counters().enters.load() - enters_before < 150);
  server.connections.clear();
  server.listener.on_descriptor_freed();
  CHECK(!server.listener.is_backing_off());
  ::connect(clients[59].get(), where.data(), where.length());
  CHECK(ring.run_until([&] { return server.connections.size() == 1; }, 3'000));
  server.listener.close();
  CHECK(ring.run_until([&] { return server.closed_count == 1; }));
}

TEST_CASE("detach ends a listener, told once") {
  loop ring;
  acceptor server{*ring.driver};
  REQUIRE(server.listener.open(must_listen("127.0.0.1")));
  ring.driver->poll();
  ring.detach();
  CHECK(server.closed_count == 1);
}
