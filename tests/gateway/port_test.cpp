// The mode port: a program for each connection.
#include <fstream>

#include "gateway_fixture.hpp"

namespace {

using namespace gateway_test;

struct running_programs : serving {
  explicit running_programs(std::vector<std::string> program)
      : serving(with_program(std::move(program)), "tcp port on 127.0.0.1:") {}
  static std::vector<std::string> with_program(std::vector<std::string> program) {
    std::vector<std::string> all{"port", "--listen", "127.0.0.1:0", "--"};
    all.insert(all.end(), program.begin(), program.end());
    return all;
  }
  /// The processes it has started and not reaped.
  [[nodiscard]] std::vector<::pid_t> children() const {
    std::vector<::pid_t> all;
    const std::string tasks = "/proc/" + std::to_string(process()) + "/task";
    for (const auto& task : std::filesystem::directory_iterator{tasks}) {
      std::ifstream list{task.path() / "children"};
      for (::pid_t each = 0; list >> each;) all.push_back(each);
    }
    return all;
  }
  /// Waits for that, for a while.
  [[nodiscard]] bool has_no_children() const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!children().empty()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
};

}  // namespace

TEST_CASE("port: the connection's bytes are the program's input and its output the answer") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  running_programs gateway{{"/bin/cat"}};
  const std::string text = random_text(random, 2'000'000);
  std::vector<std::string> got(5);
  std::vector<std::thread> peers;
  for (std::string& each : got) {
    peers.emplace_back([&, own = random.next()] { each = peer{gateway.port}.exchange(text, own); });
  }
  for (auto& each : peers) each.join();
  for (const std::string& each : got) CHECK((each == text));
  CHECK(gateway.has_no_children());
  const std::string summary = gateway.end_in_order();
  CAPTURE(summary);
  CHECK(summary.find("connections 5 (ended 5, of these not in order 0), "
                     "programs 5 (exited 5, of these by a signal 0)") != std::string::npos);
}

TEST_CASE("port: the program's end closes the connection after all it wrote") {
  running_programs gateway{{"/bin/sh", "-c", "head -c 500000 /dev/zero; exit 3"}};
  peer client{gateway.port};
  CHECK(client.receive_to_end().size() == 500'000);
  CHECK(client.end_errno() == 0);
  client.shutdown_write();
  gateway.end_in_order();
}

TEST_CASE("port: a connection that is reset takes its program along") {
  running_programs gateway{{"/bin/cat"}};
  peer client{gateway.port};
  client.send("x");
  REQUIRE(client.receive(1) == "x");
  CHECK(gateway.children().size() == 1);
  client.reset();
  CHECK(gateway.has_no_children());
  gateway.end_in_order();
}

TEST_CASE("port: a program that is killed closes its connection and no other") {
  running_programs gateway{{"/bin/cat"}};
  peer first{gateway.port};
  first.send("x");
  REQUIRE(first.receive(1) == "x");
  const std::vector<::pid_t> children = gateway.children();
  REQUIRE(children.size() == 1);
  peer second{gateway.port};
  second.send("y");
  REQUIRE(second.receive(1) == "y");
  ::kill(children.front(), SIGKILL);
  CHECK(first.receive_to_end().empty());
  second.send("z");
  CHECK(second.receive(1) == "z");
  second.shutdown_write();
  CHECK(second.receive_to_end().empty());
  CHECK(gateway.end_in_order().find("of these by a signal 1") != std::string::npos);
}

TEST_CASE("port: a program that cannot be started resets the connection and is named") {
  running_programs gateway{{"/no/such/program"}};
  peer client{gateway.port};
  CHECK(client.receive_to_end().empty());
  CHECK(client.end_errno() == ECONNRESET);
  const std::string summary = gateway.end_in_order();
  CAPTURE(summary);
  CHECK(summary.find("cannot run /no/such/program") != std::string::npos);
  CHECK(summary.find("not started 1") != std::string::npos);
}

TEST_CASE("port: a program that does not read stops its connection, not the gateway") {
  running_programs gateway{{"/bin/sh", "-c", "sleep 1000"}};
  peer client{gateway.port};
  const std::string text(40'000'000, 's');
  std::size_t sent = 0;
  while (sent < text.size()) {
    ::pollfd room{client.fd(), POLLOUT, 0};
    if (::poll(&room, 1, 300) <= 0) break;
    const auto more = ::send(client.fd(), text.data(), 65536, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (more > 0) sent += static_cast<std::size_t>(more);
  }
  CHECK(sent < text.size());
  const std::vector<::pid_t> children = gateway.children();
  REQUIRE(children.size() == 1);
  ::kill(children.front(), SIGKILL);
  static_cast<void>(client.receive_to_end());
  gateway.end_in_order();
}

TEST_CASE("port: SIGTERM closes the programs' input, and what they answer still arrives") {
  running_programs gateway{{"/bin/sh", "-c", "cat; echo the end"}};
  peer client{gateway.port};
  client.send("before ");
  REQUIRE(client.receive(7) == "before ");
  gateway.signal(SIGTERM);
  CHECK(client.receive_to_end() == "the end\n");
  CHECK(client.end_errno() == 0);
  client.shutdown_write();
  const std::string summary = gateway.rest();
  CAPTURE(summary);
  CHECK(summary.find("programs 1 (exited 1, of these by a signal 0)") != std::string::npos);
  CHECK(summary.find(": balanced") != std::string::npos);
  CHECK(gateway.status() == 0);
}
