#include <sys/resource.h>
#include <sys/syscall.h>

#include <fstream>
#include <set>

#include "net/net_fixture.hpp"

using namespace net_test;

namespace {

error_code spawn_error(net_node& on, tcp::server_options options) {
  auto made = on->spawn_meta<tcp::server>(std::move(options));
  return made ? error_code::none : made.error().code;
}

/// Spawns a server from inside a process, which is its worker.
struct own_server : actor<own_server> {
  own_server(journal& notes_, std::uint16_t& port_) : notes(notes_), port(port_) {}
  result<void> on_start() {
    auto made = spawn_meta<tcp::server>({.port_bound = &port});
    if (!made) return made.error();
    return {};
  }
  void on(tcp::connected there) { notes.write({kind::connected, there.id, there.peer}); }
  void on(tcp::data message) {
    const alias peer = message.id;
    send(peer, std::move(message));
  }
  void on(tcp::disconnected end) { notes.write({kind::disconnected, end.id, {}, end}); }
  journal& notes;
  std::uint16_t& port;
};

}  // namespace

TEST_CASE("a server that cannot be says why at its spawn, and leaves nothing behind") {
  net_node on;
  journal notes;
  const pid who = on->spawn<worker>({}, notes, 0).value();
  service running{on};
  client peer{running.port};
  REQUIRE(running.notes.wait_for(kind::connected, 1));
  const auto descriptors = open_descriptors();
  CHECK(spawn_error(on, {.port = running.port, .workers = {who}}) == error_code::address_in_use);
  CHECK(spawn_error(on, {.host = "256.1.1.1", .workers = {who}}) == error_code::bad_address);
  CHECK(spawn_error(on, {.host = "no.such.host", .workers = {who}}) == error_code::bad_address);
  CHECK(spawn_error(on, {.host = "192.0.2.1", .workers = {who}}) == error_code::bad_address);
  CHECK(spawn_error(on, {}) == error_code::bad_argument);  // The node itself is no worker.
  CHECK(spawn_error(on, {.workers = {pid{}}}) == error_code::bad_argument);
  CHECK(spawn_error(on, {.backlog = 0, .workers = {who}}) == error_code::bad_argument);
  CHECK(spawn_error(on, {.workers = {who},
                         .connection = {.write_bytes_high = 10, .write_bytes_low = 11}}) ==
        error_code::bad_argument);
  CHECK(spawn_error(on, {.workers = {who}, .meta = {.ring = 99}}) == error_code::bad_argument);
  CHECK(open_descriptors() == descriptors);
  CHECK(peer.send("alive"));
  CHECK(peer.receive(5) == "alive");
  peer.close();
  on.end();
}

TEST_CASE("a port that needs a right is refused to who has it not") {
  std::ifstream setting{"/proc/sys/net/ipv4/ip_unprivileged_port_start"};
  int first_free_port = 1024;
  setting >> first_free_port;
  if (first_free_port <= 1) SKIP("every port is free to all here");
  net_node on;
  journal notes;
  const pid who = on->spawn<worker>({}, notes, 0).value();
  // Of this thread alone, which is the one that binds.
  const bool is_root = ::geteuid() == 0;
  if (is_root) REQUIRE(::syscall(SYS_setresuid, -1, 65534, -1) == 0);
  CHECK(spawn_error(on, {.port = 1, .workers = {who}}) == error_code::permission_denied);
  if (is_root) REQUIRE(::syscall(SYS_setresuid, -1, 0, -1) == 0);
  on.end();
}

TEST_CASE("a node without rings refuses a server") {
  net_node on{{.io = false}};
  journal notes;
  const pid who = on->spawn<worker>({}, notes, 0).value();
  CHECK(spawn_error(on, {.workers = {who}}) == error_code::not_supported);
  on.end();
}

TEST_CASE("connection i goes to worker i mod n, with every layout of rings") {
  for (const std::uint32_t io_threads : {0u, 1u, 2u}) {
    CAPTURE(io_threads);
    net_node on{{.io_threads = io_threads}};
    service echo{on, {}, 3};
    std::vector<std::unique_ptr<client>> peers;
    for (int i = 0; i < 9; ++i) {
      peers.push_back(std::make_unique<client>(echo.port));
      REQUIRE(echo.notes.wait_for(kind::connected, peers.size()));
      CHECK(echo.notes.entries().back().worker == i % 3);
      CHECK(echo.notes.entries().back().text == peers.back()->address());
    }
    for (auto& peer : peers) {
      peer->send("hello");
      CHECK(peer->receive(5) == "hello");
    }
    on.end();
  }
}

TEST_CASE("a server spawned by a process has that process for its worker and ends with it") {
  net_node on;
  journal notes;
  std::uint16_t port = 0;
  auto owner = on->spawn<own_server>({}, notes, port);
  REQUIRE(owner);
  client peer{port};
  peer.send("to the owner");
  CHECK(peer.receive(12) == "to the owner");
  owner.value().exit();
  CHECK(peer.receive_to_end().empty());
  CHECK(peer.end_errno() == 0);
  // The port is free as soon as the server's meta is gone.
  CHECK(eventually([&] { return !client{}.connect(port); }));
  on.end();
}

TEST_CASE("at connections_max the next ones wait, unharmed, until one has ended") {
  net_node on;
  service echo{on, {.connections_max = 2}};
  client first{echo.port};
  client second{echo.port};
  REQUIRE(echo.notes.wait_for(kind::connected, 2));
  std::vector<std::unique_ptr<client>> later;
  for (int i = 0; i < 5; ++i) {
    later.push_back(std::make_unique<client>(echo.port));  // The kernel's backlog takes them.
    later.back()->send("patient");
  }
  first.send("x");
  CHECK(first.receive(1) == "x");
  CHECK(echo.notes.count(kind::connected) == 2);
  first.close();
  second.close();
  for (auto& peer : later) {
    CHECK(peer->receive(7) == "patient");
    peer->close();
  }
  REQUIRE(echo.notes.wait_for(kind::disconnected, 7));
  std::size_t open = 0;
  for (const auto& line : echo.notes.entries()) {
    if (line.what == kind::connected) CHECK(++open <= 2);
    if (line.what == kind::disconnected) --open;
  }
  on.end();
}

TEST_CASE("a server that ends takes its connections along, after what they had to say") {
  net_node on;
  service echo{on, {}, 2};
  std::vector<std::unique_ptr<client>> peers;
  for (int i = 0; i < 6; ++i) {
    peers.push_back(std::make_unique<client>(echo.port));
    peers.back()->send("before");
    CHECK(peers.back()->receive(6) == "before");
  }
  on->exit(echo.server);
  for (auto& peer : peers) {
    CHECK(peer->receive_to_end().empty());
    CHECK(peer->end_errno() == 0);
    peer->close();
  }
  REQUIRE(echo.notes.wait_for(kind::disconnected, 6));
  for (const auto& line : echo.notes.entries()) {
    if (line.what == kind::disconnected) CHECK(line.end.reason == disconnect_reason::closed_here);
  }
  on.end();
}

TEST_CASE("a server that is killed resets its connections") {
  net_node on;
  service echo{on};
  client peer{echo.port};
  REQUIRE(echo.notes.wait_for(kind::connected, 1));
  on->exit(echo.server, exit_reason::killed());
  CHECK(peer.receive_to_end().empty());
  CHECK(peer.end_errno() == ECONNRESET);
  CHECK(echo.notes.only_end().reason == disconnect_reason::aborted);
  on.end();
}

TEST_CASE("connections may outlive their server if it is told so") {
  net_node on;
  service echo{on, {.takes_connections_along = false}};
  client peer{echo.port};
  REQUIRE(echo.notes.wait_for(kind::connected, 1));
  on->exit(echo.server);
  REQUIRE(eventually([&] { return !client{}.connect(echo.port); }));
  peer.send("still here");
  CHECK(peer.receive(10) == "still here");
  on.end();
}

TEST_CASE("out of descriptors a server sheds or holds connections, and accepts again when it can") {
  net_node on;
  service echo{on};
  client early{echo.port};
  REQUIRE(echo.notes.wait_for(kind::connected, 1));
  std::vector<std::unique_ptr<client>> storm;
  for (int i = 0; i < 40; ++i) storm.push_back(std::make_unique<client>());
  ::rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  // Ten more descriptors for the whole program, for forty connections.
  ::rlimit tight{static_cast<::rlim_t>(::dup(0)), before.rlim_max};
  ::close(static_cast<int>(tight.rlim_cur));
  tight.rlim_cur += 10;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  for (auto& peer : storm) {
    CHECK(peer->connect(echo.port));
    peer->send("x");
  }
  CHECK(early.send("early"));
  CHECK(early.receive(5) == "early");
  std::size_t served = 0;
  for (auto& peer : storm) {
    served += peer->receive(1) == "x" ? 1 : 0;  // Answered, shed, or held until others end.
    peer->close();
  }
  CHECK(served >= 10);
  ::setrlimit(RLIMIT_NOFILE, &before);
  client late{echo.port};
  late.send("late");
  CHECK(late.receive(4) == "late");
  on.end();
}

TEST_CASE("a unix socket is served like any other and its name goes with the server") {
  const std::string path = "/tmp/sluice-net-test-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  net_node on;
  service echo{on, {.host = "unix:" + path}};
  CHECK(::access(path.c_str(), F_OK) == 0);
  on.end();
  CHECK(::access(path.c_str(), F_OK) != 0);
}
