// What the tests of udp::socket stand on: a worker that writes down what it is told, and blocking
// UDP clients.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "net/net_fixture.hpp"

namespace net_test {

/// What UDP workers were told, in order.
class udp_journal {
 public:
  enum class kind { datagram, failed, statistics, closed };
  struct entry {
    kind what;
    alias id;
    int worker = 0;
    endpoint peer{};
    std::string text{};
    std::uint32_t cut_bytes = 0;
    error why{};
    std::uint64_t count = 0;
    udp::statistics sums{};
  };

  void write(entry line) {
    const std::lock_guard lock{guard_};
    entries_.push_back(std::move(line));
    changed_.notify_all();
  }
  template <class Holds>
  [[nodiscard]] bool wait(Holds&& holds) {
    std::unique_lock lock{guard_};
    return changed_.wait_for(lock, patience, [&] { return holds(entries_); });
  }
  [[nodiscard]] bool wait_for(kind what, std::size_t count) {
    return wait([&](const std::vector<entry>&) { return count_locked(what) >= count; });
  }
  [[nodiscard]] std::vector<entry> entries() {
    const std::lock_guard lock{guard_};
    return entries_;
  }
  [[nodiscard]] std::size_t count(kind what) {
    const std::lock_guard lock{guard_};
    return count_locked(what);
  }
  [[nodiscard]] std::vector<entry> all(kind what) {
    std::vector<entry> found;
    for (entry& line : entries()) {
      if (line.what == what) found.push_back(std::move(line));
    }
    return found;
  }

 private:
  [[nodiscard]] std::size_t count_locked(kind what) const {
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [&](const entry& line) { return line.what == what; }));
  }
  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<entry> entries_;
};
using told = udp_journal::kind;

struct udp_worker;
/// Runs in the worker.
struct udp_errand {
  std::function<void(udp_worker&)> run;
};

/// Echoes unless told otherwise.
struct udp_worker : actor<udp_worker, udp_errand> {
  using datagram_function = std::function<void(udp_worker&, udp::datagram&&)>;
  udp_worker(udp_journal& notes_, int number_, datagram_function on_datagram_ = {})
      : notes(notes_), number(number_), on_datagram(std::move(on_datagram_)) {}

  void on(udp_errand order) { order.run(*this); }
  void on(udp::datagram&& message) {
    notes.write({.what = told::datagram,
                 .id = message.id,
                 .worker = number,
                 .peer = message.peer,
                 .text = std::string{message.bytes.text()},
                 .cut_bytes = message.cut_bytes});
    if (on_datagram) return on_datagram(*this, std::move(message));
    const alias socket = message.id;
    send(socket, std::move(message));
  }
  void on(udp::failed message) {
    notes.write({.what = told::failed,
                 .id = message.id,
                 .worker = number,
                 .peer = message.peer,
                 .why = message.error,
                 .count = message.count});
  }
  void on(udp::statistics message) {
    notes.write({.what = told::statistics, .id = message.id, .worker = number, .sums = message});
  }
  void on(udp::closed message) {
    notes.write({.what = told::closed,
                 .id = message.id,
                 .worker = number,
                 .why = message.error,
                 .sums = message.statistics});
  }

  udp_journal& notes;
  int number;
  datagram_function on_datagram;
};

/// Workers and a UDP socket on any free port of 127.0.0.1.
struct udp_service {
  explicit udp_service(net_node& on, udp::socket_options options = {}, std::size_t worker_count = 1,
                       udp_worker::datagram_function on_datagram = {},
                       std::uint32_t mailbox_max = 0) {
    for (std::size_t i = 0; i < worker_count; ++i) {
      auto made = on->spawn<udp_worker>({.mailbox_max = mailbox_max}, notes, static_cast<int>(i),
                                        on_datagram);
      REQUIRE(made);
      workers.push_back(made.value());
    }
    options.workers = workers;
    std::uint16_t port = 0;
    options.port_bound = &port;
    const std::string host = options.host;
    auto made = on->spawn_meta<udp::socket>(std::move(options));
    INFO(made.error().message());
    REQUIRE(made);
    socket = made.value();
    where = endpoint::parse(host == "*" ? "127.0.0.1" : host, port).value();
  }
  /// Asks the socket and waits for the answer.
  [[nodiscard]] udp::statistics ask() {
    const std::size_t before = notes.count(told::statistics);
    workers[0].send(
        udp_errand{[to = socket.id()](udp_worker& self) { self.send(to, udp::ask_statistics{}); }});
    REQUIRE(notes.wait_for(told::statistics, before + 1));
    return notes.all(told::statistics).back().sums;
  }

  udp_journal notes;
  std::vector<handle<udp_worker>> workers;
  meta_handle<udp::socket> socket;
  endpoint where;
};

/// A blocking UDP socket. No call waits longer than `patience`.
class udp_client {
 public:
  explicit udp_client(const std::string& host = "127.0.0.1", std::uint16_t port = 0,
                      bool shares = false) {
    const endpoint own = endpoint::parse(host, port).value();
    socket_.reset(::socket(own.is_ipv6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ++client_descriptors;
    const ::timeval limit{std::chrono::seconds{patience}.count(), 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (shares) {
      const int on = 1;
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const ::sockaddr*>(&own), sizeof own) == 0);
  }
  udp_client(const udp_client&) = delete;
  udp_client& operator=(const udp_client&) = delete;
  ~udp_client() { close(); }

  bool send(const endpoint& to, std::string_view text) {
    return uninterrupted([&] {
             return ::sendto(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const ::sockaddr*>(&to), sizeof to);
           }) == static_cast<ssize_t>(text.size());
  }
  [[nodiscard]] std::optional<std::string> receive(endpoint* from = nullptr, int flags = 0) {
    std::string text(70'000, '\0');
    endpoint peer;
    ::socklen_t length = sizeof peer;
    const auto size = uninterrupted([&] {
      length = sizeof peer;
      return ::recvfrom(socket_.get(), text.data(), text.size(), flags,
                        reinterpret_cast<::sockaddr*>(&peer), &length);
    });
    if (size < 0) return std::nullopt;
    if (from != nullptr) *from = peer;
    text.resize(static_cast<std::size_t>(size));
    return text;
  }
  [[nodiscard]] endpoint where() const {
    endpoint own;
    ::socklen_t length = sizeof own;
    ::getsockname(socket_.get(), reinterpret_cast<::sockaddr*>(&own), &length);
    return own;
  }
  [[nodiscard]] int fd() const { return socket_.get(); }
  void close() {
    if (socket_.is_open()) --client_descriptors;
    socket_.reset();
  }

 private:
  base::unique_fd socket_;
};

}  // namespace net_test
