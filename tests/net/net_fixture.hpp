// What the tests of net stand on: a node that must end clean, a worker that writes down what it is
// told and does what the test says, and blocking client sockets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sluice/sluice.hpp>

#include "base/host_entries.hpp"
#include "base/random.hpp"
#include "base/unique_fd.hpp"

namespace net_test {

using namespace sluice;
using namespace std::chrono_literals;
using tcp::disconnect_reason;

/// How long anything may take before a test gives up; nothing waits for it in the good case.
constexpr auto patience = 20s;

/// Looks until it holds.
template <class Condition>
[[nodiscard]] bool eventually(Condition&& condition) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// Descriptors that clients hold: the tests' own, not a leak of the node.
inline std::atomic<std::size_t> client_descriptors{0};

/// What workers were told, in order.
class journal {
 public:
  enum class kind {
    connected,
    data,
    writable,
    read_closed,
    disconnected,
    connect_failed,
    dropped,
  };
  struct entry {
    kind what;
    alias id;
    std::string text{};  // bytes, or the peer's address
    tcp::disconnected end{};
    int worker = 0;
    tcp::connect_failed failure{};
    std::uint64_t amount = 0;  // of bytes dropped
  };

  void write(entry line) {
    const std::lock_guard lock{guard_};
    entries_.push_back(std::move(line));
    changed_.notify_all();
  }
  /// Waits until `holds(entries)`; false when it never did.
  template <class Holds>
  [[nodiscard]] bool wait(Holds&& holds) {
    std::unique_lock lock{guard_};
    return changed_.wait_for(lock, patience, [&] { return holds(entries_); });
  }
  [[nodiscard]] bool wait_for(kind what, std::size_t count) {
    return wait([&](const std::vector<entry>& all) { return count_in(all, what) >= count; });
  }
  [[nodiscard]] std::vector<entry> entries() {
    const std::lock_guard lock{guard_};
    return entries_;
  }
  [[nodiscard]] std::size_t count(kind what) { return count_in(entries(), what); }
  /// The only disconnection there is.
  [[nodiscard]] tcp::disconnected only_end() {
    REQUIRE(wait_for(kind::disconnected, 1));
    for (const entry& line : entries()) {
      if (line.what == kind::disconnected) return line.end;
    }
    return {};
  }

 private:
  static std::size_t count_in(const std::vector<entry>& all, kind what) {
    std::size_t found = 0;
    for (const entry& line : all) found += line.what == what ? 1 : 0;
    return found;
  }
  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<entry> entries_;
};
using kind = journal::kind;

/// Once opened it stays open.
class latch {
 public:
  void open() {
    const std::lock_guard lock{guard_};
    is_open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock{guard_};
    changed_.wait_for(lock, patience, [&] { return is_open_; });
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool is_open_ = false;
};

struct worker;
/// Runs in the worker.
struct errand {
  std::function<void(worker&)> run;
};

/// Echoes unless told otherwise; has no handler for read_closed.
struct worker : actor<worker, errand> {
  using data_function = std::function<void(worker&, tcp::data&&)>;
  worker(journal& notes_, int number_, data_function on_data_ = {})
      : notes(notes_), number(number_), on_data(std::move(on_data_)) {}

  void on(errand order) { order.run(*this); }
  void on(tcp::connected there) {
    notes.write({kind::connected, there.id, there.peer, {}, number});
  }
  void on(tcp::data&& message) {
    notes.write({kind::data, message.id, std::string{message.bytes.text()}, {}, number});
    if (on_data) return on_data(*this, std::move(message));
    const alias peer = message.id;
    send(peer, std::move(message));
  }
  void on(tcp::writable there) {
    notes.write({kind::writable, there.id, {}, {}, number, {}, there.bytes_dropped});
  }
  void on(tcp::disconnected end) { notes.write({kind::disconnected, end.id, {}, end, number}); }
  void on(tcp::connect_failed why) {
    notes.write({kind::connect_failed, why.id, {}, {}, number, why});
  }
  void on(tcp::dropped lost) {
    notes.write({kind::dropped, lost.id, {}, {}, number, {}, lost.bytes});
  }

  journal& notes;
  int number;
  data_function on_data;
};

/// Answers the peer's half-close itself.
struct half_closing_worker : actor<half_closing_worker> {
  half_closing_worker(journal& notes_, std::string last_words_)
      : notes(notes_), last_words(std::move(last_words_)) {}
  void on(tcp::connected there) { notes.write({kind::connected, there.id}); }
  void on(tcp::data message) {
    notes.write({kind::data, message.id, std::string{message.bytes.text()}});
  }
  void on(tcp::read_closed there) {
    notes.write({kind::read_closed, there.id});
    send(there.id, tcp::data{there.id, bytes::copy_of(last_words)});
    send(there.id, tcp::shutdown_write{there.id});
  }
  void on(tcp::disconnected end) { notes.write({kind::disconnected, end.id, {}, end}); }
  journal& notes;
  std::string last_words;
};

/// What SLUICE_DRIVER says: the suite runs over each driver, a meson test each.
inline driver_choice driver_from_environment() {
  const char* const given = std::getenv("SLUICE_DRIVER");
  const std::string name = given == nullptr ? "" : given;
  if (name == "epoll") return driver_choice::epoll;
  if (name == "io_uring") return driver_choice::io_uring;
  return driver_choice::automatic;
}

/// A started node. end() stops it and checks that nothing is left.
class net_node {
 public:
  explicit net_node(node_options options = {})
      : descriptors_before_(open_descriptors() - client_descriptors) {
    if (options.schedulers == 0) options.schedulers = 2;
    options.pin = pinning::never;
    if (options.driver == driver_choice::automatic) options.driver = driver_from_environment();
    options.log = [this](log_severity, std::string_view text) {
      const std::lock_guard lock{guard_};
      log_.emplace_back(text);
    };
    node_ = std::make_unique<sluice::node>("net-test", options);
    const auto started = node_->start();
    INFO(node_->start_text());
    REQUIRE(started);
  }
  ~net_node() {
    if (node_) node_->stop(patience);
  }
  sluice::node* operator->() { return node_.get(); }
  sluice::node& operator*() { return *node_; }

  void end() {
    const stop_report left = node_->stop(patience);
    for (const std::string& name : left.not_stopped) UNSCOPED_INFO("did not stop: " << name);
    CHECK(left.is_clean());
    const message_statistics sums = node_->messages();
    CHECK(sums.sent == sums.handled + sums.dropped + sums.rejected + sums.queued);
    CHECK(sums.queued == 0);
    CHECK(sums.alive == 0);
    for (const scheduler_statistics& each : node_->schedulers()) {
      CHECK(each.rescued_by_timeout == 0);
    }
    node_.reset();
    CHECK(open_descriptors() - client_descriptors == descriptors_before_);
  }

 private:
  std::size_t descriptors_before_;
  std::mutex guard_;
  std::vector<std::string> log_;
  std::unique_ptr<sluice::node> node_;
};

/// A worker and a server on any free port of 127.0.0.1.
struct service {
  explicit service(net_node& on, tcp::server_options options = {}, std::size_t worker_count = 1,
                   worker::data_function on_data = {}, std::uint32_t mailbox_max = 0) {
    for (std::size_t i = 0; i < worker_count; ++i) {
      auto made =
          on->spawn<worker>({.mailbox_max = mailbox_max}, notes, static_cast<int>(i), on_data);
      REQUIRE(made);
      workers.push_back(made.value());
      options.workers.push_back(made.value());
    }
    listen(on, std::move(options));
  }
  struct with_workers {
    std::vector<pid> who;
  };
  service(net_node& on, with_workers workers_, tcp::server_options options = {}) {
    options.workers = workers_.who;
    listen(on, std::move(options));
  }

  journal notes;
  std::vector<handle<worker>> workers;
  meta_handle<tcp::server> server;
  std::uint16_t port = 0;

 private:
  void listen(net_node& on, tcp::server_options options) {
    options.port_bound = &port;
    auto made = on->spawn_meta<tcp::server>(std::move(options));
    REQUIRE(made);
    server = made.value();
  }
};

/// A system call that may be interrupted: calls with a time-out are never restarted, and the end of
/// an earlier ring interrupts the thread that made it.
template <class Call>
auto uninterrupted(Call&& call) {
  while (true) {
    const auto answer = call();
    if (answer >= 0 || errno != EINTR) return answer;
  }
}

/// A blocking TCP client of 127.0.0.1. No call waits longer than `patience`.
class client {
 public:
  // Also used on threads of their own, where Catch2's assertions may not be.
  explicit client(std::uint16_t port) : client() {
    if (!connect(port)) throw std::runtime_error("a test client cannot connect");
  }
  client() : client(base::unique_fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}) {}
  explicit client(base::unique_fd socket) : socket_(std::move(socket)) {
    const ::timeval limit{std::chrono::seconds{patience}.count(), 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ++client_descriptors;
  }
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client() { close(); }
  [[nodiscard]] bool connect(std::uint16_t port) {
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int answer = uninterrupted([&] {
      return ::connect(socket_.get(), reinterpret_cast<::sockaddr*>(&where), sizeof where);
    });
    return answer == 0 || errno == EISCONN;
  }
  /// False: the connection is gone.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = uninterrupted(
          [&] { return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL); });
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// Exactly `size` bytes, or what came before the end.
  std::string receive(std::size_t size) {
    std::string got(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const auto more =
          uninterrupted([&] { return ::recv(socket_.get(), got.data() + have, size - have, 0); });
      if (more <= 0) break;
      have += static_cast<std::size_t>(more);
    }
    got.resize(have);
    return got;
  }
  std::string receive_to_end() {
    std::string all;
    char part[65536];
    while (true) {
      const auto more = uninterrupted([&] { return ::recv(socket_.get(), part, sizeof part, 0); });
      if (more <= 0) {
        end_errno_ = more == 0 ? 0 : errno;
        return all;
      }
      all.append(part, static_cast<std::size_t>(more));
    }
  }
  [[nodiscard]] int end_errno() const { return end_errno_; }
  void shutdown_write() { ::shutdown(socket_.get(), SHUT_WR); }
  void close() {
    if (socket_.is_open()) --client_descriptors;
    socket_.reset();
  }
  void reset() {
    const ::linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void set_receive_buffer(int size) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] std::string address() const {
    ::sockaddr_in own{};
    ::socklen_t size = sizeof own;
    ::getsockname(socket_.get(), reinterpret_cast<::sockaddr*>(&own), &size);
    return "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
  }

 private:
  base::unique_fd socket_;
  int end_errno_ = 0;
};

/// A TCP server's end without a node: accepts when it is asked to, on a port of 127.0.0.1.
class raw_server {
 public:
  /// A port of 0 is any free one; an accept queue of 0 takes one connection and leaves the next
  /// ones unanswered.
  explicit raw_server(std::uint16_t port = 0, int backlog = 64) {
    socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<::sockaddr*>(&where), sizeof where) == 0);
    REQUIRE(::listen(socket_.get(), backlog) == 0);
    const ::timeval limit{std::chrono::seconds{patience}.count(), 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::socklen_t size = sizeof where;
    ::getsockname(socket_.get(), reinterpret_cast<::sockaddr*>(&where), &size);
    port_ = ntohs(where.sin_port);
    ++client_descriptors;
  }
  raw_server(const raw_server&) = delete;
  raw_server& operator=(const raw_server&) = delete;
  ~raw_server() { close(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::unique_ptr<client> accept() {
    const int fd =
        uninterrupted([&] { return ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC); });
    if (fd < 0) throw std::runtime_error("nobody connects to the test");
    return std::make_unique<client>(base::unique_fd{fd});
  }
  void close() {
    if (socket_.is_open()) --client_descriptors;
    socket_.reset();
  }

 private:
  base::unique_fd socket_;
  std::uint16_t port_ = 0;
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

}  // namespace net_test
