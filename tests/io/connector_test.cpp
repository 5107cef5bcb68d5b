#include <cerrno>
#include <optional>

#include "io/connector.hpp"
#include "io/loop.hpp"

using namespace io_test;

namespace {

struct attempt final : io::connect_handler {
  explicit attempt(io::driver& driver) : connector(driver, *this) {}
  void on_connect_done(result<base::unique_fd> outcome) noexcept override {
    ++done_count;
    why = outcome.error();
    if (outcome) socket = std::move(*outcome);
  }
  [[nodiscard]] bool is_done() const { return done_count > 0; }

  unsigned done_count = 0;
  error why{};
  base::unique_fd socket;
  io::connector connector;
};

base::unique_fd must_listen(int backlog = 64) {
  auto listening = io::listen_on(*io::socket_address::parse("127.0.0.1", 0), {.backlog = backlog});
  REQUIRE(listening);
  return std::move(*listening);
}

/// A listening socket whose queue is full: the next attempts stay unanswered.
struct silent_server {
  silent_server() : socket(must_listen(1)), where(io::socket_address::local_of(socket.get())) {
    for (int count = 0; count < 4; ++count) {
      fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(fillers.back().get(), where.data(), where.length());
    }
  }
  base::unique_fd socket;
  io::socket_address where;
  std::vector<base::unique_fd> fillers;
};

}  // namespace

TEST_CASE("a connector gives a connected socket, and may be opened again") {
  loop ring;
  auto listening = must_listen();
  const auto where = io::socket_address::local_of(listening.get());
  attempt made{*ring.driver};
  for (unsigned round = 1; round <= 3; ++round) {
    made.connector.open({.to = where});
    CHECK(made.done_count == round - 1);
    REQUIRE(ring.run_until([&] { return made.done_count == round; }));
    REQUIRE(made.socket.is_open());
    CHECK(io::socket_address::peer_of(made.socket.get()) == where);
    ring.driver->forget(made.socket.get());
    made.socket.reset();
  }
}

TEST_CASE("a refused attempt, a source that is not ours and no address are told, each once") {
  loop ring;
  io::socket_address nobody;
  {
    auto gone = must_listen();
    nobody = io::socket_address::local_of(gone.get());
  }
  attempt refused{*ring.driver};
  refused.connector.open({.to = nobody});
  attempt from_elsewhere{*ring.driver};
  from_elsewhere.connector.open(
      {.to = nobody, .source = *io::socket_address::parse("192.0.2.7", 0)});
  attempt nowhere{*ring.driver};
  nowhere.connector.open({});
  CHECK(ring.run_until(
      [&] { return refused.is_done() && from_elsewhere.is_done() && nowhere.is_done(); }));
  CHECK(refused.why.code == error_code::connection_refused);
  CHECK(from_elsewhere.why.code == error_code::bad_address);
  CHECK(nowhere.why.code == error_code::bad_address);
  CHECK(refused.done_count + from_elsewhere.done_count + nowhere.done_count == 3);
}

TEST_CASE("an unanswered attempt ends at its deadline, not before") {
  loop ring;
  silent_server silent;
  attempt made{*ring.driver};
  const auto deadline_ns = base::now_ns() + 30'000'000;
  made.connector.open({.to = silent.where, .deadline_ns = deadline_ns});
  CHECK(ring.run_until([&] { return made.is_done(); }));
  CHECK(base::now_ns() >= deadline_ns);
  CHECK(made.why.code == error_code::timed_out);
  CHECK(ring.driver->in_flight_count() == 0);
}

TEST_CASE("a cancelled attempt ends as such, also when it had succeeded meanwhile") {
  loop ring;
  silent_server silent;
  attempt waiting{*ring.driver};
  waiting.connector.open({.to = silent.where});
  ring.driver->poll();
  waiting.connector.cancel();
  waiting.connector.cancel();
  CHECK(ring.run_until([&] { return waiting.is_done(); }));
  CHECK(waiting.why.code == error_code::cancelled);

  auto listening = must_listen();
  for (int round = 0; round < 50; ++round) {
    attempt made{*ring.driver};
    made.connector.open({.to = io::socket_address::local_of(listening.get())});
    if (round % 2 == 0) ring.driver->poll();
    made.connector.cancel();
    CHECK(ring.run_until([&] { return made.is_done(); }));
    CHECK(made.done_count == 1);
    if (made.why.code != error_code::none) CHECK_FALSE(made.socket.is_open());
    if (made.socket.is_open()) ring.driver->forget(made.socket.get());
    const base::unique_fd peer{::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  }
}

TEST_CASE("a source address is bound to") {
  loop ring;
  auto listening = must_listen();
  attempt made{*ring.driver};
  made.connector.open({.to = io::socket_address::local_of(listening.get()),
                       .source = *io::socket_address::parse("127.0.0.5", 0),
                       .socket = {.receive_buffer_bytes = 8192, .send_buffer_bytes = 8192}});
  REQUIRE(ring.run_until([&] { return made.is_done(); }));
  REQUIRE(made.socket.is_open());
  CHECK(io::socket_address::local_of(made.socket.get()).to_string().starts_with("127.0.0.5:"));
  int size = 0;
  ::socklen_t length = sizeof size;
  ::getsockopt(made.socket.get(), SOL_SOCKET, SO_RCVBUF, &size, &length);
  CHECK(size == 2 * 8192);
  ring.driver->forget(made.socket.get());
}

TEST_CASE("detach ends attempts, each told once") {
  loop ring;
  silent_server silent;
  std::vector<std::unique_ptr<attempt>> all;
  for (int count = 0; count < 5; ++count) {
    all.push_back(std::make_unique<attempt>(*ring.driver));
    all.back()->connector.open({.to = silent.where});
    if (count == 2) ring.driver->poll();
  }
  ring.detach();
  for (auto& each : all) {
    CHECK(each->done_count == 1);
    CHECK(each->why.code == error_code::stopping);
  }
}
