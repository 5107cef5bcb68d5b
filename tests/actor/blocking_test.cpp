// What blocking metas wait with: each wait ends by what it waits for, by its time, or by the stop.
#include <sluice/blocking.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <thread>

#include "actor/test_node.hpp"
#include "base/random.hpp"
#include "base/unique_fd.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::result;
using sluice::base::unique_fd;
using sluice::blocking::waiter;

namespace {

using test_clock = std::chrono::steady_clock;

struct fd_pair {
  unique_fd first;
  unique_fd second;
};

fd_pair make_pipe() {
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
  return {unique_fd{fds[0]}, unique_fd{fds[1]}};
}

fd_pair make_sockets() {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  return {unique_fd{fds[0]}, unique_fd{fds[1]}};
}

struct listening_socket {
  listening_socket() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const where = reinterpret_cast<::sockaddr*>(&address);
    ::socklen_t size = sizeof address;
    REQUIRE(::bind(socket.get(), where, size) == 0);
    REQUIRE(::listen(socket.get(), 8) == 0);
    REQUIRE(::getsockname(socket.get(), where, &size) == 0);
  }
  unique_fd socket;
  ::sockaddr_in address{};
};

/// Every way to wait, for something that does not come.
struct waits {
  fd_pair quiet_pipe = make_pipe();
  fd_pair quiet_sockets = make_sockets();
  fd_pair full = make_pipe();
  fd_pair full_sockets = make_sockets();
  listening_socket lonely;
  std::array<std::byte, 16> memory{};

  waits() {
    for (const int fd : {full.second.get(), full_sockets.second.get()}) {
      const int flags = ::fcntl(fd, F_GETFL);
      ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
      const std::array<char, 4096> fill{};
      while (::write(fd, fill.data(), fill.size()) > 0) {
      }
      ::fcntl(fd, F_SETFL, flags);
    }
  }

  using way = std::function<sluice::error(waiter&, std::chrono::nanoseconds)>;
  [[nodiscard]] std::vector<std::pair<const char*, way>> all() {
    return {
        {"sleep_for", [](waiter& by, auto time) { return by.sleep_for(time).error(); }},
        {"wait_readable",
         [this](waiter& by, auto time) {
           return by.wait_readable(quiet_pipe.first.get(), time).error();
         }},
        {"wait_writable",
         [this](waiter& by, auto time) {
           return by.wait_writable(full.second.get(), time).error();
         }},
        {"read_some of a pipe",
         [this](waiter& by, auto time) {
           return by.read_some(quiet_pipe.first.get(), memory, time).error();
         }},
        {"read_some of a socket",
         [this](waiter& by, auto time) {
           return by.read_some(quiet_sockets.first.get(), memory, time).error();
         }},
        {"write_some of a pipe",
         [this](waiter& by, auto time) {
           return by.write_some(full.second.get(), memory, time).error();
         }},
        {"write_some of a socket",
         [this](waiter& by, auto time) {
           return by.write_some(full_sockets.second.get(), memory, time).error();
         }},
        {"accept",
         [this](waiter& by, auto time) { return by.accept(lonely.socket.get(), time).error(); }},
    };
  }
};

std::uint64_t fresh_seed() {
  if (const char* given = std::getenv("SLUICE_TEST_SEED")) return std::strtoull(given, nullptr, 0);
  return static_cast<std::uint64_t>(test_clock::now().time_since_epoch().count());
}

}  // namespace

TEST_CASE("blocking: a wait ends when its time is over, and never before") {
  waits ways;
  std::stop_source stop;
  waiter by{stop.get_token()};
  for (const auto& [name, wait] : ways.all()) {
    for (const auto time : {std::chrono::nanoseconds{0}, std::chrono::nanoseconds{7'300'000}}) {
      INFO(name);
      const auto begin = test_clock::now();
      const sluice::error ended = wait(by, time);
      CHECK(test_clock::now() - begin >= time);
      CHECK(ended.code ==
            (std::string_view{name} == "sleep_for" ? error_code::none : error_code::timed_out));
    }
  }
  const auto when = test_clock::now() + 5ms;
  CHECK(by.sleep_until(when));
  CHECK(test_clock::now() >= when);
  CHECK(by.sleep_for(-1s));
}

TEST_CASE("blocking: a stop ends every wait at once, during it and before it") {
  waits ways;
  for (const auto& [name, wait] : ways.all()) {
    INFO(name);
    std::stop_source stop;
    waiter by{stop.get_token()};
    std::thread stopper{[&] {
      std::this_thread::sleep_for(2ms);
      stop.request_stop();
    }};
    const auto begin = test_clock::now();
    CHECK(wait(by, sluice::blocking::for_ever).code == error_code::cancelled);
    CHECK(wait(by, 60s).code == error_code::cancelled);  // And so for ever.
    CHECK(wait(by, 0s).code == error_code::cancelled);
    CHECK(test_clock::now() - begin < 30s);
    stopper.join();
    CHECK(by.is_stop_requested());
    by.wait_for_stop();

    waiter late{stop.get_token()};
    CHECK(wait(late, 60s).code == error_code::cancelled);
  }
}

TEST_CASE("blocking: what is stopped reads no more, also when there is something") {
  const fd_pair pipe = make_pipe();
  REQUIRE(::write(pipe.second.get(), "x", 1) == 1);
  std::stop_source stop;
  waiter by{stop.get_token()};
  stop.request_stop();
  std::array<std::byte, 8> memory{};
  CHECK(by.read_some(pipe.first.get(), memory).error().code == error_code::cancelled);
  CHECK(by.write_some(pipe.second.get(), memory).error().code == error_code::cancelled);
  CHECK(by.wait_readable(pipe.first.get()).error().code == error_code::cancelled);
}

TEST_CASE("blocking: bytes go through pipes and sockets of either mode, to the end of the input") {
  for (const bool is_socket : {false, true}) {
    for (const int flags : {0, O_NONBLOCK}) {
      fd_pair ends = is_socket ? make_sockets() : make_pipe();
      ::fcntl(ends.first.get(), F_SETFL, ::fcntl(ends.first.get(), F_GETFL) | flags);
      ::fcntl(ends.second.get(), F_SETFL, ::fcntl(ends.second.get(), F_GETFL) | flags);
      constexpr std::size_t total = 1'000'000;
      std::thread writer{[&] {
        waiter by{std::stop_token{}};
        std::vector<std::byte> sent(total);
        for (std::size_t at = 0; at < total; ++at) sent[at] = static_cast<std::byte>(at % 251);
        for (std::size_t at = 0; at < total;) {
          const auto put = by.write_some(ends.second.get(), std::span{sent}.subspan(at), 60s);
          if (!put) break;
          at += *put;
        }
        ends.second.reset();
      }};
      waiter by{std::stop_token{}};
      std::array<std::byte, 5000> memory{};
      std::size_t got = 0;
      bool is_right = true;
      while (true) {
        const auto some = by.read_some(ends.first.get(), memory, 60s);
        REQUIRE(some);
        if (*some == 0) break;
        for (std::size_t at = 0; at < *some; ++at) {
          is_right = is_right && memory[at] == static_cast<std::byte>((got + at) % 251);
        }
        got += *some;
      }
      writer.join();
      CHECK(got == total);
      CHECK(is_right);
    }
  }
}

TEST_CASE("blocking: a connection is accepted, close-on-exec") {
  listening_socket here;
  const unique_fd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  waiter by{std::stop_token{}};
  std::thread dialler{[&] {
    static_cast<void>(
        ::connect(client.get(), reinterpret_cast<::sockaddr*>(&here.address), sizeof here.address));
  }};
  const auto accepted = by.accept(here.socket.get(), 60s);
  dialler.join();
  REQUIRE(accepted);
  const unique_fd socket{*accepted};
  CHECK((::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("blocking: errors of the descriptor are told with their errno") {
  waiter by{std::stop_token{}};
  std::array<std::byte, 8> memory{};
  for (const int fd : {-1, 1'000'000}) {
    CHECK(by.wait_readable(fd).error().os_error == EBADF);
    CHECK(by.read_some(fd, memory).error().os_error == EBADF);
    CHECK(by.write_some(fd, memory).error().os_error == EBADF);
    CHECK(by.accept(fd).error().os_error == EBADF);
  }
  const fd_pair pipe = make_pipe();
  CHECK(by.accept(pipe.first.get(), 0s).error().code == error_code::timed_out);
  REQUIRE(::write(pipe.second.get(), "x", 1) == 1);
  CHECK(by.accept(pipe.first.get()).error().os_error == ENOTSOCK);
  fd_pair sockets = make_sockets();
  sockets.first.reset();
  CHECK(by.write_some(sockets.second.get(), memory).error().os_error == EPIPE);
}

TEST_CASE("blocking: without a free descriptor each wait says so") {
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  std::stop_source stop;
  const ::rlimit none{0, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  waiter by{stop.get_token()};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(by.sleep_for(1s).error().code == error_code::limit_reached);
  stop.request_stop();
  CHECK(by.wait_readable(0).error().code == error_code::limit_reached);
}

TEST_CASE("blocking: a stop that races the begin of a wait is never missed") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  sluice::base::random_source random{seed};
  waits ways;
  const auto all = ways.all();
  std::uint32_t missed = 0;
  const int rounds = has_sanitizer ? 300 : 1000;
  for (int round = 0; round < rounds; ++round) {
    const auto& wait = all[random.next_below(static_cast<std::uint32_t>(all.size()))].second;
    const std::uint64_t spins_here = random.next_below(2000);
    const std::uint64_t spins_there = random.next_below(2000);
    std::stop_source stop;
    sluice::base::atomic<std::uint32_t> gate{0};
    std::thread stopper{[&] {
      // [BT1] acq_rel, acquire: both have come; pairs BT1.
      gate.fetch_add(1, sluice::base::acq_rel);
      while (gate.load(sluice::base::acquire) != 2) std::this_thread::yield();
      for (std::uint64_t i = 0; i < spins_there; ++i) sluice::base::spin_pause();
      stop.request_stop();
    }};
    gate.fetch_add(1, sluice::base::acq_rel);  // [BT1]
    while (gate.load(sluice::base::acquire) != 2) std::this_thread::yield();
    for (std::uint64_t i = 0; i < spins_here; ++i) sluice::base::spin_pause();
    {
      waiter by{stop.get_token()};
      if (wait(by, 20s).code != error_code::cancelled) ++missed;
    }
    stopper.join();
  }
  CHECK(missed == 0);
}

TEST_CASE("blocking: a waiter may go while the stop is being asked for") {
  const int rounds = has_sanitizer ? 500 : 3000;
  for (int round = 0; round < rounds; ++round) {
    std::stop_source stop;
    std::thread stopper{[&] { stop.request_stop(); }};
    for (int i = 0; i < 3; ++i) {
      waiter by{stop.get_token()};
      static_cast<void>(by.sleep_for(0ns));
    }
    stopper.join();
  }
}

namespace {

struct piece {
  std::string text;
};
struct collector : sluice::actor<collector, piece> {
  collector(std::string& all_, test_counter& count_) : all(all_), count(count_) {}
  void on(piece one) {
    all += one.text;
    count.add(static_cast<std::uint32_t>(one.text.size()));
  }
  std::string& all;
  test_counter& count;
};

/// Reads a descriptor for a process, as drivers of devices do.
struct device : sluice::meta<device> {
  device(int fd_, sluice::pid to_, test_counter& left_, int& broken_pipe_errno_)
      : fd(fd_), to(to_), left(left_), broken_pipe_errno(broken_pipe_errno_) {}
  result<void> start(std::stop_token stop) {
    waiter by{stop};
    const fd_pair broken = [] {
      int fds[2];
      static_cast<void>(!::pipe2(fds, O_CLOEXEC));
      return fd_pair{unique_fd{fds[0]}, unique_fd{fds[1]}};
    }();
    const_cast<unique_fd&>(broken.first).reset();
    std::array<std::byte, 64> memory{};
    broken_pipe_errno = by.write_some(broken.second.get(), memory).error().os_error;
    while (true) {
      const auto got = by.read_some(fd, memory);
      if (!got) {
        left.add();
        return got.error();
      }
      if (*got == 0) return {};
      send(to, piece{{reinterpret_cast<const char*>(memory.data()), *got}});
    }
  }
  int fd;
  sluice::pid to;
  test_counter& left;
  int& broken_pipe_errno;
};

}  // namespace

TEST_CASE("blocking: a meta that waits for a device ends at once when asked to, without signals") {
  const fd_pair pipe = make_pipe();
  std::string all;
  test_counter count;
  test_counter left;
  int broken_pipe_errno = 0;
  {
    test_node node;
    auto to = node->spawn<collector>({}, all, count);
    REQUIRE(to);
    auto made = node->spawn_meta<device>({.is_pinned = false}, pipe.first.get(), to.value().id(),
                                         left, broken_pipe_errno);
    REQUIRE(made);
    for (int i = 0; i < 10; ++i) REQUIRE(::write(pipe.second.get(), "0123456789", 10) == 10);
    count.wait_for(100);
    made.value().exit();
    left.wait_for(1);
  }
  CHECK(all.size() == 100);
  CHECK(broken_pipe_errno == EPIPE);
}

TEST_CASE("blocking: a node's end stops metas that wait, however many") {
  const fd_pair pipe = make_pipe();
  std::string all;
  test_counter count;
  test_counter left;
  std::array<int, 20> broken_pipe_errno{};
  {
    test_node node;
    auto to = node->spawn<collector>({}, all, count);
    for (int& each : broken_pipe_errno) {
      REQUIRE(node->spawn_meta<device>({.is_pinned = false}, pipe.first.get(), to.value().id(),
                                       left, each));
    }
  }
  CHECK(left.value() == 20);
}
