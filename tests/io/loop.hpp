// What the io tests share: a driver turned by the test's own thread, and handlers that record.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/unique_fd.hpp"
#include "io/environment.hpp"
#include "io/listener.hpp"
#include "io/stream.hpp"

namespace io_test {

using namespace sluice;
using namespace std::string_literals;

/// A driver as the environment has it, attached to the test's thread; detached at the end.
struct loop {
  explicit loop(const io::uring_options& options = {}) : loop(make_driver(options)) {}
  explicit loop(std::unique_ptr<io::driver> made) : driver(std::move(made)) {
    REQUIRE(driver->attach());
  }
  ~loop() { detach(); }
  void detach() {
    if (!std::exchange(detached, true)) driver->detach();
  }

  /// Turns the driver until `done` says so. False after `limit_ms`. Looks at least every 5 ms, so
  /// that `done` may watch what another thread does.
  template <class Done>
  bool run_until(Done done, int limit_ms = 10'000) {
    const auto limit_ns = base::now_ns() + std::int64_t{limit_ms} * 1'000'000;
    while (!done()) {
      if (base::now_ns() > limit_ns) return false;
      driver->poll();
      if (done()) return true;
      static_cast<void>(driver->park(base::now_ns() + 5'000'000));
    }
    return true;
  }
  /// Turns for a while: for showing that something does not happen.
  void run_for(int span_ms) {
    run_until([] { return false; }, span_ms);
  }

  std::unique_ptr<io::driver> driver;
  bool detached = false;
};

/// A stream and everything its handler was told.
struct peer_stream final : io::stream_handler {
  explicit peer_stream(io::driver& driver) : stream(driver, *this) {}

  void on_bytes(bytes data) noexcept override {
    ++slice_count;
    if (react) return react(std::move(data));
    received.append(data.text());
  }
  void on_read_closed() noexcept override {
    read_closed = true;
    if (react_to_end) react_to_end();
  }
  void on_writable() noexcept override { ++writable_count; }
  void on_stream_closed(io::close_reason why, std::uint64_t in,
                        std::uint64_t out) noexcept override {
    ++closed_count;
    reason = why;
    bytes_in = in;
    bytes_out = out;
  }
  /// Sends back what comes, closes when the peer has finished.
  void echo() {
    react = [this](bytes data) { static_cast<void>(stream.write(std::move(data))); };
    react_to_end = [this] { stream.close_after_flush(); };
  }
  [[nodiscard]] bool is_closed() const { return closed_count > 0; }

  std::string received;
  std::function<void(bytes)> react;
  std::function<void()> react_to_end;
  unsigned slice_count = 0;
  unsigned writable_count = 0;
  unsigned closed_count = 0;
  bool read_closed = false;
  io::close_reason reason = io::close_reason::none;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  io::stream stream;
};

struct socket_ends {
  base::unique_fd ours;
  base::unique_fd theirs;
};

inline socket_ends make_socketpair() {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  return {base::unique_fd{fds[0]}, base::unique_fd{fds[1]}};
}

/// A TCP connection over loopback, accepted synchronously.
inline socket_ends make_tcp_pair() {
  auto listening = io::listen_on(*io::socket_address::parse("127.0.0.1", 0));
  REQUIRE(listening);
  const auto where = io::socket_address::local_of(listening->get());
  base::unique_fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(::connect(client.get(), where.data(), where.length()) == 0);
  base::unique_fd server;
  while (!server.is_open())
    server.reset(::accept4(listening->get(), nullptr, nullptr, SOCK_CLOEXEC));
  return {std::move(server), std::move(client)};
}

/// Blocking, for peers on threads of their own. False when the connection is gone.
inline bool send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Reads to the end of input; what came before an error is returned too.
inline std::string receive_all(int fd) {
  std::string all;
  char part[4096];
  for (;;) {
    const auto got = ::recv(fd, part, sizeof part, 0);
    if (got <= 0) return all;
    all.append(part, static_cast<std::size_t>(got));
  }
}

inline std::string random_text(base::random_source& random, std::size_t size) {
  std::string text(size, '\0');
  for (auto& letter : text) letter = static_cast<char>(random.next());
  return text;
}

inline std::uint64_t fresh_seed() {
  if (const char* given = std::getenv("SLUICE_TEST_SEED")) return std::strtoull(given, nullptr, 0);
  return static_cast<std::uint64_t>(base::now_ns());
}

}  // namespace io_test
