// What the tests of datagram sockets share: a socket that records, a plain blocking one to talk to
// it, and a driver whose kernel is the test.
#pragma once

#include <poll.h>

#include <cerrno>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "io/datagram_setup.hpp"
#include "io/datagram_socket.hpp"
#include "io/endpoint.hpp"
#include "io/loop.hpp"

namespace io_test {

inline endpoint local_of(int fd) { return io::endpoint_of(io::socket_address::local_of(fd)); }

inline base::unique_fd bound_socket(io::datagram_bind how = {}) {
  if (how.local.is_empty()) how.local = endpoint::parse("127.0.0.1:0").value();
  auto made = io::make_datagram_socket(how);
  INFO(made.error().message());
  REQUIRE(made);
  return std::move(made).value();
}

/// A datagram socket and everything its handler was told.
struct peer_datagrams final : io::datagram_handler {
  struct taken {
    std::uint32_t account;
    endpoint peer;
    bytes data;
    std::uint32_t cut_bytes;
  };
  struct failure {
    endpoint peer;
    int os_error;
    std::uint32_t count;
  };

  explicit peer_datagrams(io::driver& driver) : socket(driver, *this) {}

  void open(base::unique_fd fd, const io::datagram_options& options = {}) {
    where = local_of(fd.get());
    socket.open(std::move(fd), options);
  }
  std::uint32_t choose_account(const endpoint& peer) noexcept override {
    return choose ? choose(peer) : 0;
  }
  void on_datagram(std::uint32_t account, const endpoint& peer, bytes data,
                   std::uint32_t cut_bytes) noexcept override {
    if (react) return react(peer, std::move(data));
    got.push_back({account, peer, std::move(data), cut_bytes});
  }
  void on_datagram_error(const endpoint& peer, int os_error,
                         std::uint32_t count) noexcept override {
    failures.push_back({peer, os_error, count});
  }
  void on_socket_closed(int os_error) noexcept override {
    ++closed_count;
    end_error = os_error;
  }
  void echo() {
    react = [this](const endpoint& peer, bytes data) {
      static_cast<void>(socket.send(peer, std::move(data)));
    };
  }
  [[nodiscard]] bool is_closed() const { return closed_count > 0; }

  endpoint where;
  std::deque<taken> got;
  std::vector<failure> failures;
  std::function<std::uint32_t(const endpoint&)> choose;
  std::function<void(const endpoint&, bytes)> react;
  unsigned closed_count = 0;
  int end_error = 0;
  io::datagram_socket socket;
};

/// A plain socket of the test's.
class plain_socket {
 public:
  explicit plain_socket(const std::string& host = "127.0.0.1") {
    io::datagram_bind how;
    how.local = endpoint::parse(host, 0).value();
    how.tell_errors = false;
    socket_ = bound_socket(how);
  }
  [[nodiscard]] endpoint where() const { return local_of(socket_.get()); }
  [[nodiscard]] int fd() const { return socket_.get(); }
  bool send(const endpoint& to, std::string_view text) {
    return ::sendto(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL, io::sockaddr_of(to),
                    io::sockaddr_length(to)) == static_cast<ssize_t>(text.size());
  }
  /// What is there now, if anything is.
  std::optional<std::string> take(endpoint* from = nullptr) {
    std::string text(70'000, '\0');
    ::sockaddr_in6 name{};
    ::socklen_t length = sizeof name;
    const auto size = ::recvfrom(socket_.get(), text.data(), text.size(), MSG_DONTWAIT,
                                 reinterpret_cast<::sockaddr*>(&name), &length);
    if (size < 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(size));
    if (from != nullptr) {
      *from = io::endpoint_of({reinterpret_cast<const std::byte*>(&name), length});
    }
    return text;
  }
  void close() { socket_.reset(); }

 private:
  base::unique_fd socket_;
};

/// A driver whose requests the test answers.
class scripted_driver final : public io::driver {
 public:
  struct asked {
    std::uint64_t number;
    io::request what;
    bool is_cancelled = false;
  };

  explicit scripted_driver(const io::driver_options& options = {}) : driver(options) {
    REQUIRE(attach());
  }
  ~scripted_driver() override {
    if (is_attached()) detach();
  }
  result<void> attach() override {
    auto made =
        io::receive_buffers::create(nullptr, options_.buffer_count, options_.buffer_bytes, *this);
    if (!made) return made.error();
    become_attached(**made);
    return {};
  }
  sched::park_outcome park(base::nanoseconds_t) noexcept override {
    static_cast<void>(prepare_to_sleep());
    return sched::park_outcome::event;
  }
  void wake() noexcept override {}
  void forget(int) noexcept override {}
  std::string describe() const override { return "scripted"; }

  /// The oldest request of this site that is under way, or null.
  [[nodiscard]] asked* find(io::op_site site) {
    for (asked& each : under_way) {
      if (each.what.site == site) return &each;
    }
    return nullptr;
  }
  [[nodiscard]] unsigned count(io::op_site site) const {
    unsigned found = 0;
    for (const asked& each : under_way) found += each.what.site == site ? 1U : 0U;
    return found;
  }
  /// Completes the oldest request of this site; the callback runs before this returns.
  void answer(io::op_site site, int result, unsigned flags = 0) {
    asked* const there = find(site);
    REQUIRE(there != nullptr);
    const std::uint64_t number = there->number;
    if ((flags & io::completion::flag_more) == 0) {
      under_way.erase(under_way.begin() + (there - under_way.data()));
    }
    complete(number, {result, flags});
    poll();
  }
  /// A datagram arrives in a buffer as the kernel writes it.
  void arrive(std::span<const std::byte> name, std::string_view payload, bool more = true) {
    asked* const there = find(io::op_site::datagram_receive);
    REQUIRE(there != nullptr);
    const auto& shape = *static_cast<const ::msghdr*>(there->what.memory);
    const auto index = buffers().pick();
    REQUIRE(index);
    const std::span<std::byte> room = buffers().memory_of(*index);
    const std::uint32_t head[4] = {static_cast<std::uint32_t>(name.size()), 0,
                                   static_cast<std::uint32_t>(payload.size()), 0};
    const std::size_t start = sizeof head + shape.msg_namelen + shape.msg_controllen;
    std::memcpy(room.data(), head, sizeof head);
    std::memcpy(room.data() + sizeof head, name.data(),
                std::min<std::size_t>(name.size(), shape.msg_namelen));
    std::memcpy(room.data() + start, payload.data(), payload.size());
    answer(io::op_site::datagram_receive, static_cast<int>(start + payload.size()),
           io::completion::flag_buffer | (*index << 16) | (more ? io::completion::flag_more : 0U));
  }
  std::vector<asked> under_way;

 private:
  void begin(std::uint64_t number, const io::request& what) noexcept override {
    under_way.push_back({number, what});
  }
  void ask_to_end(std::uint64_t number) noexcept override {
    for (asked& each : under_way) each.is_cancelled |= each.number == number;
  }
  void exchange() noexcept override { cancel_asked(); }
  bool has_exchange() const noexcept override { return false; }
  void end_all() noexcept override {
    for (asked& each : under_way) each.is_cancelled = true;
    cancel_asked();
  }
  void close() noexcept override {}

  void cancel_asked() {
    for (std::size_t index = 0; index < under_way.size();) {
      if (under_way[index].is_cancelled) {
        complete(under_way[index].number, {-ECANCELED, 0});
        under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(index));
      } else {
        ++index;
      }
    }
  }
};

}  // namespace io_test
