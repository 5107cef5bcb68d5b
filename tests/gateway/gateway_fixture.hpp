// What the tests of the gateway stand on: the real program as a child, and blocking sockets.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/unique_fd.hpp"

extern char** environ;

namespace gateway_test {

using namespace sluice;
using namespace std::chrono_literals;

/// How long anything may take before a test gives up; nothing waits for it in the good case.
constexpr auto patience = 20s;

inline std::string program() {
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
  [[nodiscard]] ::pid_t process() const { return child_; }
  /// The exit status, or 128 + the signal it died of.
  int status() {
    int state = 0;
    ::waitpid(child_, &state, 0);
    child_ = 0;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  }
  /// Ends it by SIGTERM and expects an end in order. Returns the summary.
  std::string end_in_order() {
    signal(SIGTERM);
    std::string summary = rest();
    CAPTURE(summary);
    CHECK(summary.find("SIGTERM: draining\n") != std::string::npos);
    CHECK(summary.find(": balanced\n") != std::string::npos);
    CHECK(summary.find("did not stop") == std::string::npos);
    CHECK(status() == 0);
    return summary;
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

/// A gateway that has said where it listens: `before` is what stands before the port.
struct serving : run {
  serving(std::vector<std::string> arguments, const std::string& before)
      : run(std::move(arguments)), start_line(line()) {
    INFO(start_line);
    const std::size_t at = start_line.find(before);
    REQUIRE(at != std::string::npos);
    port = static_cast<std::uint16_t>(std::atoi(start_line.c_str() + at + before.size()));
  }
  std::string start_line;
  std::uint16_t port = 0;
};

/// A path that no other test has, gone at the end.
class scratch_path {
 public:
  explicit scratch_path(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("sluice-" + std::to_string(::getpid()) + "-" + name)) {
    std::filesystem::remove(path_);
  }
  scratch_path(const scratch_path&) = delete;
  scratch_path& operator=(const scratch_path&) = delete;
  ~scratch_path() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string text() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// 127.0.0.1 or ::1, as the family says.
struct any_address {
  ::sockaddr_storage value{};
  ::socklen_t size = 0;

  static any_address loopback(std::uint16_t port, int family = AF_INET) {
    any_address made;
    if (family == AF_INET) {
      auto& four = reinterpret_cast<::sockaddr_in&>(made.value);
      four.sin_family = AF_INET;
      four.sin_port = htons(port);
      four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      made.size = sizeof four;
    } else {
      auto& six = reinterpret_cast<::sockaddr_in6&>(made.value);
      six.sin6_family = AF_INET6;
      six.sin6_port = htons(port);
      six.sin6_addr = in6addr_loopback;
      made.size = sizeof six;
    }
    return made;
  }
  static any_address path(const std::string& text) {
    any_address made;
    auto& local = reinterpret_cast<::sockaddr_un&>(made.value);
    local.sun_family = AF_UNIX;
    std::strncpy(local.sun_path, text.c_str(), sizeof local.sun_path - 1);
    made.size = sizeof local;
    return made;
  }
  [[nodiscard]] const ::sockaddr* get() const {
    return reinterpret_cast<const ::sockaddr*>(&value);
  }
};

inline void limit_waiting(int fd) {
  const ::timeval limit{patience.count(), 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/// A blocking stream socket. No call waits longer than `patience`. Also used on threads of their
/// own, where Catch2's assertions may not be.
class peer {
 public:
  explicit peer(base::unique_fd connected) : socket_(std::move(connected)) {
    limit_waiting(socket_.get());
  }
  explicit peer(const any_address& to)
      : peer(base::unique_fd{::socket(to.value.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)}) {
    if (::connect(socket_.get(), to.get(), to.size) != 0) {
      throw std::runtime_error("a test client cannot connect");
    }
  }
  explicit peer(std::uint16_t port, int family = AF_INET)
      : peer(any_address::loopback(port, family)) {}

  /// False: the connection is gone.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void send_in_odd_pieces(std::string_view text, std::uint64_t seed) {
    base::random_source pieces{seed};
    while (!text.empty()) {
      const std::string_view piece = text.substr(0, 1 + 2 * pieces.next_below(4000));
      if (!send(piece)) return;
      text.remove_prefix(piece.size());
    }
  }
  /// Exactly `size` bytes, or what came before the end.
  std::string receive(std::size_t size) {
    std::string got(size, '\0');
    const auto have = ::recv(socket_.get(), got.data(), size, MSG_WAITALL);
    got.resize(have > 0 ? static_cast<std::size_t>(have) : 0);
    return got;
  }
  std::string receive_to_end() {
    std::string all;
    char part[65536];
    while (true) {
      const auto got = ::recv(socket_.get(), part, sizeof part, 0);
      if (got <= 0) {
        end_errno_ = got == 0 ? 0 : errno;
        return all;
      }
      all.append(part, static_cast<std::size_t>(got));
    }
  }
  /// What ended receive_to_end(): 0 = the peer's end of output.
  [[nodiscard]] int end_errno() const { return end_errno_; }
  void shutdown_write() { ::shutdown(socket_.get(), SHUT_WR); }
  /// Ends what other threads do with it; the socket stays theirs.
  void shutdown_both() { ::shutdown(socket_.get(), SHUT_RDWR); }
  void reset() {
    const ::linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_.reset();
  }
  [[nodiscard]] int fd() const { return socket_.get(); }

  /// Sends all from a thread of its own, half-closes, and returns what came until the end.
  std::string exchange(std::string_view text, std::uint64_t seed = 1) {
    std::thread writer{[&] {
      send_in_odd_pieces(text, seed);
      shutdown_write();
    }};
    std::string got = receive_to_end();
    writer.join();
    return got;
  }

 private:
  base::unique_fd socket_;
  int end_errno_ = 0;
};

inline std::uint64_t fresh_seed() {
  if (const char* given = std::getenv("SLUICE_TEST_SEED")) return std::strtoull(given, nullptr, 0);
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

inline std::string random_text(base::random_source& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& letter : text) letter = static_cast<char>(random.next());
  return text;
}

}  // namespace gateway_test
