// The real program, driven from outside: its arguments, its output, its sockets, its signals.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "base/unique_fd.hpp"

extern char** environ;

namespace {

using namespace sluice;
using namespace std::chrono_literals;

constexpr auto patience = 20s;

std::string program() {
  const char* const path = std::getenv("SLUICE_GATEWAY");
  if (path == nullptr) SKIP("SLUICE_GATEWAY does not name the program");
  return path;
}

/// One run of the gateway. Whatever happens it does not outlive the test.
class run {
 public:
  explicit run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program());
    std::vector<char*> words;
    for (std::string& each : arguments) words.push_back(each.data());
    words.push_back(nullptr);
    int pipes[2];
    REQUIRE(::pipe2(pipes, O_CLOEXEC) == 0);
    output_.reset(pipes[0]);
    const base::unique_fd write_end{pipes[1]};
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
    const int failed = ::posix_spawn(&child_, words[0], &actions, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    REQUIRE(failed == 0);
  }
  run(const run&) = delete;
  run& operator=(const run&) = delete;
  ~run() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  /// The next line, or what there was at the end of the output.
  std::string line() {
    std::size_t end = 0;
    while ((end = text_.find('\n')) == std::string::npos && read_more()) {
    }
    const std::string first = text_.substr(0, end);
    text_.erase(0, end == std::string::npos ? end : end + 1);
    return first;
  }
  /// The rest of the output.
  std::string rest() {
    while (read_more()) {
    }
    return std::exchange(text_, {});
  }
  void signal(int number) { ::kill(child_, number); }
  /// The exit status, or 128 + the signal it died of.
  int status() {
    int state = 0;
    ::waitpid(child_, &state, 0);
    child_ = 0;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  }

 private:
  bool read_more() {
    ::pollfd ready{output_.get(), POLLIN, 0};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    if (::poll(&ready, 1, static_cast<int>(limit.count())) <= 0) return false;
    char part[4096];
    const auto got = ::read(output_.get(), part, sizeof part);
    if (got <= 0) return false;
    text_.append(part, static_cast<std::size_t>(got));
    return true;
  }

  ::pid_t child_ = 0;
  base::unique_fd output_;
  std::string text_;
};

/// A gateway that listens on a port of its own choice.
struct serving : run {
  explicit serving(std::vector<std::string> arguments = {}, const std::string& host = "127.0.0.1")
      : run(with_address(std::move(arguments), host)), start_line(line()) {
    INFO(start_line);
    const std::string before = "tcp echo on " + host + ":";
    const std::size_t at = start_line.find(before);
    REQUIRE(at != std::string::npos);
    port = static_cast<std::uint16_t>(std::stoi(start_line.substr(at + before.size())));
  }
  static std::vector<std::string> with_address(std::vector<std::string> arguments,
                                               const std::string& host) {
    arguments.insert(arguments.end(), {"--tcp", host + ":0"});
    return arguments;
  }
  std::string start_line;
  std::uint16_t port = 0;
};

base::unique_fd connect_to(std::uint16_t port, int family = AF_INET) {
  base::unique_fd socket{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const ::timeval limit{patience.count(), 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  ::sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int failed =
      family == AF_INET ? ::connect(socket.get(), reinterpret_cast<::sockaddr*>(&four), sizeof four)
                        : ::connect(socket.get(), reinterpret_cast<::sockaddr*>(&six), sizeof six);
  // Also called on threads of their own, where Catch2's assertions may not be.
  if (failed != 0) throw std::runtime_error("a test client cannot connect");
  return socket;
}

void send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string receive_to_end(int fd) {
  std::string all;
  char part[65536];
  while (true) {
    const auto got = ::recv(fd, part, sizeof part, 0);
    if (got <= 0) return all;
    all.append(part, static_cast<std::size_t>(got));
  }
}

std::string echo_of(std::uint16_t port, const std::string& text, int family = AF_INET) {
  const base::unique_fd socket = connect_to(port, family);
  std::thread writer{[&] {
    send_all(socket.get(), text);
    ::shutdown(socket.get(), SHUT_WR);
  }};
  std::string got = receive_to_end(socket.get());
  writer.join();
  return got;
}

}  // namespace

TEST_CASE("help and version are printed and are no failure") {
  run help{{"--help"}};
  const std::string text = help.rest();
  for (const char* const word :
       {"--tcp", "--workers", "--schedulers", "--io-threads", "--pin", "--version"}) {
    CHECK(text.find(word) != std::string::npos);
  }
  CHECK(help.status() == 0);
  run version{{"--version"}};
  CHECK(version.rest().rfind("sluice-gateway 0.", 0) == 0);
  CHECK(version.status() == 0);
}

TEST_CASE("arguments that are not understood end it with status 2 and say which") {
  const std::vector<std::vector<std::string>> wrong{
      {"--port", "1"},          {"--tcp"},          {"--tcp", "7000"},
      {"--tcp", "127.0.0.1:x"}, {"--tcp", ":7000"}, {"--tcp", "127.0.0.1:65536"},
      {"--tcp", "::1:7000"},    {"--workers", "0"}, {"--workers", "-1"},
      {"--schedulers", "two"},  {"--pin", "all"},   {"--pin", "0,"},
      {"--io-threads", ""},     {"--pin=0,,1"},     {"7000"},
  };
  for (const auto& arguments : wrong) {
    CAPTURE(arguments);
    run refused{arguments};
    CHECK(refused.rest().find(arguments[0].substr(0, arguments[0].find('='))) != std::string::npos);
    CHECK(refused.status() == 2);
  }
}

TEST_CASE("what cannot be served ends it with status 1 and says why") {
  serving first;
  run second{{"--tcp", "127.0.0.1:" + std::to_string(first.port)}};
  CHECK(second.rest().find("address_in_use") != std::string::npos);
  CHECK(second.status() == 1);
  run nowhere{{"--tcp", "192.0.2.1:7000"}};
  CHECK(nowhere.rest().find("bad_address") != std::string::npos);
  CHECK(nowhere.status() == 1);
  first.signal(SIGTERM);
  CHECK(first.status() == 0);
}

TEST_CASE("the start line says what was asked and what was accepted") {
  serving gateway{{"--workers", "3", "--schedulers=2", "--io-threads", "1", "--pin", "none"}};
  for (const char* const part : {"workers 3 (asked 3)", "schedulers 2 (asked 2)", "io threads 1",
                                 "pins -,-,-", "kernel ", "io_uring"}) {
    CHECK(gateway.start_line.find(part) != std::string::npos);
  }
  gateway.signal(SIGINT);
  CHECK(gateway.line() == "SIGINT: draining");
  CHECK(gateway.status() == 0);
}

TEST_CASE("every byte of many sockets comes back, in odd pieces and over half-closes") {
  const std::uint64_t seed =
      static_cast<std::uint64_t>(std::getenv("SLUICE_TEST_SEED") != nullptr
                                     ? std::strtoull(std::getenv("SLUICE_TEST_SEED"), nullptr, 0)
                                     : std::chrono::steady_clock::now().time_since_epoch().count());
  INFO("SLUICE_TEST_SEED=" << seed);
  for (const auto& layout : std::vector<std::vector<std::string>>{
           {"--io-threads", "0"}, {"--io-threads", "1"}, {"--schedulers", "1", "--workers", "5"}}) {
    CAPTURE(layout);
    serving gateway{layout};
    constexpr std::size_t count = 20;
    constexpr std::size_t total = 200'000;
    std::vector<std::string> sent(count);
    std::vector<std::string> got(count);
    base::random_source random{seed};
    std::vector<std::thread> peers;
    for (std::size_t i = 0; i < count; ++i) {
      sent[i].resize(total - i);
      for (char& letter : sent[i]) letter = static_cast<char>(random.next());
      peers.emplace_back([&, i, own = random.next()] {
        const base::unique_fd socket = connect_to(gateway.port);
        std::thread writer{[&] {
          base::random_source pieces{own};
          for (std::size_t at = 0; at < sent[i].size();) {
            const std::size_t size = 1 + 2 * pieces.next_below(4000);
            send_all(socket.get(), std::string_view{sent[i]}.substr(at, size));
            at += size;
          }
          ::shutdown(socket.get(), SHUT_WR);
        }};
        got[i] = receive_to_end(socket.get());
        writer.join();
      });
    }
    for (auto& peer : peers) peer.join();
    for (std::size_t i = 0; i < count; ++i) CHECK((got[i] == sent[i]));
    gateway.signal(SIGTERM);
    CHECK(gateway.line() == "SIGTERM: draining");
    const std::string summary = gateway.rest();
    CAPTURE(summary);
    CHECK(summary.find("connections 20 (ended 20, of these not in order 0)") != std::string::npos);
    CHECK(summary.find(": balanced") != std::string::npos);
    CHECK(gateway.status() == 0);
  }
}

TEST_CASE("an IPv6 address is served") {
  serving gateway{{}, "[::1]"};
  CHECK(echo_of(gateway.port, "over six", AF_INET6) == "over six");
  gateway.signal(SIGTERM);
  CHECK(gateway.status() == 0);
}

TEST_CASE("SIGTERM with open connections: they are ended in order and nothing is left behind") {
  serving gateway;
  std::vector<base::unique_fd> peers;
  for (int i = 0; i < 50; ++i) {
    peers.push_back(connect_to(gateway.port));
    send_all(peers.back().get(), "open");
    char answer[4];
    REQUIRE(::recv(peers.back().get(), answer, 4, MSG_WAITALL) == 4);
  }
  gateway.signal(SIGTERM);
  for (const auto& peer : peers) {
    char more = 0;
    CHECK(::recv(peer.get(), &more, 1, 0) == 0);
    ::shutdown(peer.get(), SHUT_WR);
  }
  const std::string summary = gateway.rest();
  CAPTURE(summary);
  CHECK(summary.find("connections 50") != std::string::npos);
  CHECK(summary.find(": balanced") != std::string::npos);
  CHECK(summary.find("did not stop") == std::string::npos);
  CHECK(gateway.status() == 0);
}

TEST_CASE("SIGTERM amid traffic: it stops in time and in balance") {
  serving gateway;
  std::vector<std::thread> peers;
  for (int i = 0; i < 8; ++i) {
    peers.emplace_back([&] {
      const base::unique_fd socket = connect_to(gateway.port);
      const std::string piece(10'000, 'p');
      char back[10'000];
      while (::send(socket.get(), piece.data(), piece.size(), MSG_NOSIGNAL) > 0 &&
             ::recv(socket.get(), back, sizeof back, 0) > 0) {
      }
    });
  }
  static_cast<void>(echo_of(gateway.port, std::string(1'000'000, 'm')));
  const auto begin = std::chrono::steady_clock::now();
  gateway.signal(SIGTERM);
  const std::string summary = gateway.rest();
  CHECK(gateway.status() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < patience);
  for (auto& peer : peers) peer.join();
  CAPTURE(summary);
  CHECK(summary.find(": balanced") != std::string::npos);
}
