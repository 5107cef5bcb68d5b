#include <atomic>

#include "net/net_fixture.hpp"

using namespace net_test;

namespace {

/// A client and its worker, spawned by the node.
struct dialler {
  explicit dialler(
      net_node& on_, tcp::client_options options,
      worker::data_function on_data = [](worker&, tcp::data&&) {})
      : on(on_) {
    who = on->spawn<worker>({}, notes, 0, std::move(on_data)).value();
    options.worker = who;
    auto made = on->spawn_meta<tcp::client>(std::move(options));
    REQUIRE(made);
    id = made.value();
  }
  void send(std::string_view text) const { on->send(id, tcp::data{id, bytes::copy_of(text)}); }
  [[nodiscard]] bool is_gone() const {
    return eventually([&] { return on->send(id, tcp::data{}) == send_outcome::unknown; });
  }
  [[nodiscard]] journal::entry first(kind what) {
    REQUIRE(notes.wait_for(what, 1));
    for (const auto& line : notes.entries()) {
      if (line.what == what) return line;
    }
    return {};
  }

  net_node& on;
  journal notes;
  handle<worker> who;
  alias id;
};

constexpr tcp::reconnect_options quickly{
    .enabled = true, .backoff_min = 1ms, .backoff_max = 4ms, .factor = 2, .jitter = 0.5};

std::uint16_t dead_port() { return raw_server{}.port(); }

error_code spawn_error(net_node& on, tcp::client_options options) {
  auto made = on->spawn_meta<tcp::client>(std::move(options));
  return made ? error_code::none : made.error().code;
}

struct dialling : actor<dialling> {
  dialling(journal& notes_, tcp::client_options options_)
      : notes(notes_), options(std::move(options_)) {}
  result<void> on_start() {
    auto made = spawn_meta<tcp::client>(options);
    if (!made) return made.error();
    return {};
  }
  void on(tcp::connected there) { notes.write({kind::connected, there.id, there.peer}); }
  void on(tcp::disconnected end) { notes.write({kind::disconnected, end.id, {}, end}); }
  journal& notes;
  tcp::client_options options;
};

}  // namespace

TEST_CASE("a client connects, talks and ends with its connection") {
  for (const std::uint32_t io_threads : {0u, 1u}) {
    net_node on{{.io_threads = io_threads}};
    raw_server there;
    dialler here{on, {.port = there.port()}, [](worker& self, tcp::data&& message) {
                   self.send(message.id, std::move(message));
                 }};
    auto peer = there.accept();
    CHECK(here.first(kind::connected).id == here.id);
    CHECK(here.first(kind::connected).text == "127.0.0.1:" + std::to_string(there.port()));
    peer->send("hello");
    CHECK(peer->receive(5) == "hello");
    here.send("and more");
    CHECK(peer->receive(8) == "and more");
    peer->shutdown_write();
    CHECK(peer->receive_to_end().empty());
    CHECK(here.notes.only_end().reason == disconnect_reason::closed_by_peer);
    CHECK(here.notes.only_end().bytes_in == 5);
    CHECK(here.notes.only_end().bytes_out == 13);
    CHECK(here.is_gone());
    peer->close();
    there.close();
    on.end();
  }
}

TEST_CASE("a client of a process ends with it, flushed") {
  net_node on;
  raw_server there;
  journal notes;
  auto owner = on->spawn<dialling>({}, notes, tcp::client_options{.port = there.port()});
  REQUIRE(owner);
  auto peer = there.accept();
  REQUIRE(notes.wait_for(kind::connected, 1));
  owner.value().exit();
  CHECK(peer->receive_to_end().empty());
  CHECK(peer->end_errno() == 0);
  CHECK(notes.count(kind::disconnected) == 0);
  peer->close();
  there.close();
  on.end();
}

TEST_CASE("who is not there is told once, and the client ends") {
  net_node on;
  dialler here{on, {.port = dead_port()}};
  const tcp::connect_failed why = here.first(kind::connect_failed).failure;
  CHECK(why.id == here.id);
  CHECK(why.error.code == error_code::connection_refused);
  CHECK(why.attempt == 1);
  CHECK_FALSE(why.will_retry);
  CHECK(here.is_gone());
  CHECK(here.notes.entries().size() == 1);
  on.end();
}

TEST_CASE("a client connects again after failures and losses, always under its alias") {
  net_node on;
  const std::uint16_t port = dead_port();
  dialler here{on, {.port = port, .reconnect = quickly}};
  REQUIRE(here.notes.wait_for(kind::connect_failed, 3));
  std::uint32_t attempt = 0;
  for (const auto& line : here.notes.entries()) {
    CHECK(line.failure.attempt == ++attempt);
    CHECK(line.failure.will_retry);
  }
  raw_server there{port};
  for (std::size_t round = 1; round <= 5; ++round) {
    auto peer = there.accept();
    REQUIRE(here.notes.wait_for(kind::connected, round));
    here.send("round " + std::to_string(round));
    CHECK(peer->receive(7) == "round " + std::to_string(round));
    if (round % 2 == 0) {
      peer->reset();
    } else {
      peer->close();
    }
    REQUIRE(here.notes.wait_for(kind::disconnected, round));
  }
  auto last = there.accept();
  on->send(here.id, tcp::close{});
  CHECK(last->receive_to_end().empty());
  last->close();
  CHECK(here.is_gone());
  for (const auto& line : here.notes.entries()) CHECK(line.id == here.id);
  there.close();
  on.end();
}

TEST_CASE("after attempts_max failures in a row a client gives up") {
  net_node on;
  tcp::reconnect_options again = quickly;
  again.attempts_max = 4;
  dialler here{on, {.port = dead_port(), .reconnect = again}};
  CHECK(here.is_gone());
  CHECK(here.notes.count(kind::connect_failed) == 4);
  const auto last = here.notes.entries().back().failure;
  CHECK(last.attempt == 4);
  CHECK_FALSE(last.will_retry);
  on.end();
}

TEST_CASE("a client resolves names without its scheduler and tries every address") {
  net_node on{{.schedulers = 1}};
  raw_server there;
  latch found;
  std::atomic<int> asked{0};
  dialler here{on,
               {.host = "gateway.example",
                .port = there.port(),
                .resolve = [&](const std::string& host) -> result<std::vector<std::string>> {
                  ++asked;
                  found.wait();
                  CHECK((host == "gateway.example"));
                  // Nobody listens at the first two.
                  return std::vector<std::string>{"127.0.0.2", "127.0.0.3", "127.0.0.1"};
                }}};
  // The one scheduler is free meanwhile.
  std::atomic<bool> ran{false};
  on->send(here.who, errand{[&](worker&) { ran = true; }});
  CHECK(eventually([&] { return bool{ran}; }));
  found.open();
  auto peer = there.accept();
  CHECK(here.first(kind::connected).text == "127.0.0.1:" + std::to_string(there.port()));
  CHECK(asked == 1);
  peer->close();
  there.close();
  on.end();
}

TEST_CASE("a name that the hosts file knows is resolved by the system") {
  net_node on;
  raw_server there;
  dialler here{on, {.host = "LOCALHOST", .port = there.port()}};  // No literal: case matters there.
  REQUIRE(here.notes.wait([](const std::vector<journal::entry>& all) { return !all.empty(); }));
  if (here.notes.count(kind::connected) == 1) there.accept()->close();
  CHECK(here.notes.count(kind::connected) + here.notes.count(kind::connect_failed) == 1);
  there.close();
  on.end();
}

TEST_CASE("a name that cannot be resolved is told with the reason") {
  net_node on;
  dialler failing{on,
                  {.host = "no.such.host",
                   .port = 1,
                   .resolve = [](const std::string&) -> result<std::vector<std::string>> {
                     return error{error_code::bad_address, 0, "nobody knows it"};
                   }}};
  CHECK(failing.first(kind::connect_failed).failure.error.code == error_code::bad_address);
  CHECK(failing.first(kind::connect_failed).failure.error.place ==
        std::string_view{"nobody knows it"});
  CHECK(failing.is_gone());
  dialler empty{on, {.host = "no.address", .port = 1, .resolve = [](const std::string&) {
                       return std::vector<std::string>{};
                     }}};
  CHECK(empty.first(kind::connect_failed).failure.error.code == error_code::bad_address);
  CHECK(empty.is_gone());
  on.end();
}

TEST_CASE("an attempt ends at its deadline, in the resolver and in the kernel") {
  net_node on;
  latch end_of_test;
  dialler resolving{on,
                    {.host = "slow.example",
                     .port = 1,
                     .connect_time_max = 30ms,
                     .resolve = [&](const std::string&) -> result<std::vector<std::string>> {
                       end_of_test.wait();
                       return std::vector<std::string>{"127.0.0.1"};
                     }}};
  CHECK(resolving.first(kind::connect_failed).failure.error.code == error_code::timed_out);
  CHECK(resolving.is_gone());
  end_of_test.open();

  raw_server silent{0, 0};
  std::vector<std::unique_ptr<client>> fillers;  // What is beyond the queue is not answered.
  for (int i = 0; i < 2; ++i) fillers.push_back(std::make_unique<client>());
  CHECK(fillers[0]->connect(silent.port()));
  dialler connecting{on, {.port = silent.port(), .connect_time_max = 50ms}};
  if (connecting.first(kind::connect_failed).failure.error.code != error_code::timed_out) {
    CHECK(connecting.first(kind::connect_failed).failure.error.code == error_code::timed_out);
  }
  CHECK(connecting.is_gone());
  for (auto& each : fillers) each->close();
  silent.close();
  on.end();
}

TEST_CASE("many names are resolved by few threads, and all are") {
  net_node on;
  raw_server there{0, 256};
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::unique_ptr<dialler>> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back(std::make_unique<dialler>(
        on,
        tcp::client_options{.host = "name.example",
                            .port = there.port(),
                            .resolve = [&](const std::string&) -> result<std::vector<std::string>> {
                              const int now = ++inside;
                              int seen = most;
                              while (now > seen && !most.compare_exchange_weak(seen, now)) {
                              }
                              std::this_thread::sleep_for(2ms);
                              --inside;
                              return std::vector<std::string>{"127.0.0.1"};
                            }}));
  }
  for (auto& each : all) REQUIRE(each->notes.wait_for(kind::connected, 1));
  CHECK(most <= 16);
  there.close();
  on.end();
}

TEST_CASE("bytes sent before there is a connection wait for it, in order and bounded") {
  net_node on;
  raw_server there;
  latch found;
  dialler here{on,
               {.host = "later.example",
                .port = there.port(),
                .connection = {.write_bytes_high = 10'000, .write_bytes_low = 1000},
                .resolve = [&](const std::string&) -> result<std::vector<std::string>> {
                  found.wait();
                  return std::vector<std::string>{"127.0.0.1"};
                }}};
  here.send("first ");
  here.send("second ");
  here.send(std::string(9000, 'x'));
  here.send(std::string(5000, 'y'));
  here.send(std::string(6000, 'z'));
  here.send("!");
  CHECK(here.first(kind::dropped).amount == 5000);
  on->send(here.id, tcp::close{});  // After what waits.
  here.send("too late");
  found.open();
  auto peer = there.accept();
  CHECK(peer->receive_to_end() == "first second " + std::string(9000, 'x') + "!");
  CHECK(here.notes.count(kind::dropped) == 1);
  peer->close();
  CHECK(here.is_gone());
  there.close();
  on.end();
}

TEST_CASE("no answer to an old connection reaches the next one") {
  net_node on{{.io_threads = 1}};  // The worker blocks its scheduler; the ring goes on.
  raw_server there;
  latch gate;
  std::atomic<bool> inside{false};
  dialler here{
      on, {.port = there.port(), .reconnect = quickly}, [&](worker& self, tcp::data&& message) {
        inside = true;
        gate.wait();
        self.send(message.id, tcp::data{message.id, bytes::copy_of("old answer")});
      }};
  auto old = there.accept();
  old->send("question");
  REQUIRE(eventually([&] { return bool{inside}; }));
  old->reset();
  auto next = there.accept();  // There while the worker still thinks of the old one.
  gate.open();
  REQUIRE(here.notes.wait_for(kind::connected, 2));
  on->send(here.who, errand{[id = here.id](worker& self) {
             self.send(id, tcp::data{id, bytes::copy_of("new")});
             self.send(id, tcp::close{id});
           }});
  CHECK(next->receive_to_end() == "new");
  next->close();
  CHECK(here.is_gone());
  there.close();
  on.end();
}

TEST_CASE("a worker that learns of two losses late answers neither connection to the third") {
  net_node on{{.io_threads = 1}};
  raw_server there;
  latch gate;
  std::atomic<bool> inside{false};
  dialler here{
      on, {.port = there.port(), .reconnect = quickly}, [&](worker& self, tcp::data&& message) {
        inside = true;
        gate.wait();
        self.send(message.id, tcp::data{message.id, bytes::copy_of("old answer")});
      }};
  auto first = there.accept();
  first->send("question");
  REQUIRE(eventually([&] { return bool{inside}; }));
  first->reset();
  auto second = there.accept();
  second->send("question");
  std::this_thread::sleep_for(50ms);  // It is in the worker's mailbox.
  second->reset();
  auto third = there.accept();
  gate.open();
  REQUIRE(here.notes.wait_for(kind::connected, 3));
  on->send(here.who, errand{[id = here.id](worker& self) {
             self.send(id, tcp::data{id, bytes::copy_of("new")});
             self.send(id, tcp::close{id});
           }});
  CHECK(third->receive_to_end() == "new");
  third->close();
  CHECK(here.is_gone());
  there.close();
  on.end();
}

TEST_CASE("a worker that ended before it knew of a loss leaves no client deaf to the next one") {
  net_node on{{.io_threads = 1}};
  raw_server there;
  journal first_notes;
  journal second_notes;
  latch gate;
  std::atomic<bool> inside{false};
  auto first =
      on->spawn<worker>({.name = "uplink"}, first_notes, 1, [&](worker& self, tcp::data&&) {
        inside = true;
        gate.wait();
        self.exit();
      });
  REQUIRE(first);
  auto made = on->spawn_meta<tcp::client>(
      {.port = there.port(),
       .reconnect = {.enabled = true, .backoff_min = 400ms, .backoff_max = 400ms, .jitter = 0},
       .worker = "uplink"});
  REQUIRE(made);
  auto old = there.accept();
  old->send("question");
  REQUIRE(eventually([&] { return bool{inside}; }));
  old->reset();
  std::this_thread::sleep_for(100ms);  // The loss is noticed; the next attempt is far.
  gate.open();
  REQUIRE(eventually([&] { return !on->find("uplink").is_valid(); }));
  auto second = on->spawn<worker>({.name = "uplink"}, second_notes, 2, [](worker&, tcp::data&&) {});
  REQUIRE(second);
  auto next = there.accept();
  REQUIRE(second_notes.wait_for(kind::connected, 1));
  const alias id = made.value().id();
  on->send(second.value().id(), errand{[id](worker& self) {
             self.send(id, tcp::data{id, bytes::copy_of("heard")});
             self.send(id, tcp::close{id});
           }});
  CHECK(next->receive_to_end() == "heard");
  next->close();
  there.close();
  on.end();
}

TEST_CASE("an exit ends a client in every phase") {
  enum phase { resolving, connecting, connected, waiting };
  for (const auto reason : {exit_code::shutdown, exit_code::killed}) {
    for (const auto in : {resolving, connecting, connected, waiting}) {
      CAPTURE(reason, in);
      net_node on;
      latch end_of_test;
      std::atomic<bool> asked{false};
      raw_server there{0, in == connecting ? 0 : 8};
      client filler;
      tcp::client_options options{.port = there.port()};
      std::unique_ptr<client> peer;
      if (in == resolving) {
        options.host = "slow.example";
        options.resolve = [&](const std::string&) -> result<std::vector<std::string>> {
          asked = true;
          end_of_test.wait();
          return std::vector<std::string>{"127.0.0.1"};
        };
      } else if (in == connecting) {
        CHECK(filler.connect(there.port()));
      } else if (in == waiting) {
        options.port = dead_port();
        options.reconnect = {.enabled = true, .backoff_min = 1h, .backoff_max = 1h};
      }
      dialler here{on, std::move(options)};
      if (in == resolving) {
        REQUIRE(eventually([&] { return bool{asked}; }));
      }
      if (in == connected) peer = there.accept();
      if (in == waiting) REQUIRE(here.notes.wait_for(kind::connect_failed, 1));
      if (in == connected) REQUIRE(here.notes.wait_for(kind::connected, 1));
      on->exit(here.id, {reason, {}});
      CHECK(here.is_gone());
      if (in == connected) CHECK(here.notes.wait_for(kind::disconnected, 1));
      CHECK(here.notes.count(kind::disconnected) == (in == connected ? 1 : 0));
      if (in == connected) {
        CHECK(peer->receive_to_end().empty());
        CHECK(peer->end_errno() == (reason == exit_code::killed ? ECONNRESET : 0));
        peer->close();
      }
      end_of_test.open();
      filler.close();
      there.close();
      on.end();
    }
  }
}

TEST_CASE("a node stops with clients in every phase") {
  net_node on;
  raw_server there;
  raw_server silent{0, 0};
  client filler;
  CHECK(filler.connect(silent.port()));
  std::vector<std::unique_ptr<dialler>> all;
  for (int i = 0; i < 30; ++i) {
    tcp::client_options options{.port = there.port(), .reconnect = quickly};
    if (i % 3 == 1) options.port = silent.port();
    if (i % 3 == 2) options.port = 1;
    all.push_back(std::make_unique<dialler>(on, std::move(options)));
  }
  std::vector<std::unique_ptr<client>> peers;
  for (int i = 0; i < 10; ++i) peers.push_back(there.accept());
  std::thread closing{[&] {
    for (auto& peer : peers) {
      static_cast<void>(peer->receive_to_end());
      peer->close();
    }
  }};
  CHECK(on->stop(patience).is_clean());
  closing.join();
  filler.close();
  there.close();
  silent.close();
  on.end();
}

TEST_CASE("a client reaches a unix path and leaves from a given address") {
  net_node on;
  const std::string path = "/tmp/sluice-client-test-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  service echo{on, {.host = "unix:" + path}};
  dialler over_path{on, {.host = "unix:" + path}};
  REQUIRE(over_path.notes.wait_for(kind::connected, 1));
  over_path.send("by path");
  CHECK(over_path.first(kind::data).text == "by path");
  raw_server there;
  dialler from{on, {.port = there.port(), .source = "127.0.0.9"}};
  auto peer = there.accept();
  ::sockaddr_in who{};
  ::socklen_t size = sizeof who;
  ::getpeername(peer->fd(), reinterpret_cast<::sockaddr*>(&who), &size);
  CHECK(ntohl(who.sin_addr.s_addr) == INADDR_LOOPBACK + 8);
  peer->close();
  there.close();
  on.end();
}

TEST_CASE("a client that cannot be says why at its spawn") {
  net_node on;
  journal notes;
  const pid who = on->spawn<worker>({}, notes, 0).value();
  CHECK(spawn_error(on, {.port = 1}) == error_code::bad_argument);  // The node is no worker.
  CHECK(spawn_error(on, {.host = "", .port = 1, .worker = who}) == error_code::bad_argument);
  CHECK(spawn_error(on, {.port = 0, .worker = who}) == error_code::bad_argument);
  CHECK(spawn_error(on, {.host = "unix:", .worker = who}) == error_code::bad_address);
  CHECK(spawn_error(on, {.port = 1, .source = "nowhere", .worker = who}) ==
        error_code::bad_address);
  CHECK(spawn_error(on, {.port = 1, .source = "::1", .worker = who}) == error_code::bad_argument);
  CHECK(spawn_error(on, {.port = 1, .connect_time_max = 0ms, .worker = who}) ==
        error_code::bad_argument);
  CHECK(spawn_error(on, {.port = 1, .reconnect = {.factor = 0.5}, .worker = who}) ==
        error_code::bad_argument);
  CHECK(spawn_error(on, {.port = 1, .reconnect = {.jitter = 2}, .worker = who}) ==
        error_code::bad_argument);
  CHECK(spawn_error(on, {.port = 1, .reconnect = {.backoff_max = 1ms}, .worker = who}) ==
        error_code::bad_argument);
  on.end();
}

TEST_CASE("a worker restarted under its name gets the next connection") {
  net_node on;
  raw_server there;
  journal first_notes;
  journal second_notes;
  const worker::data_function silent = [](worker&, tcp::data&&) {};
  auto first = on->spawn<worker>({.name = "uplink"}, first_notes, 1, silent);
  auto made =
      on->spawn_meta<tcp::client>({.port = there.port(), .reconnect = quickly, .worker = "uplink"});
  REQUIRE(made);
  auto peer = there.accept();
  REQUIRE(first_notes.wait_for(kind::connected, 1));
  first.value().exit();
  REQUIRE(eventually([&] { return !on->find("uplink").is_valid(); }));
  auto second = on->spawn<worker>({.name = "uplink"}, second_notes, 2, silent);
  REQUIRE(second);
  peer->send("anybody?");  // The connection learns that its worker has ended.
  CHECK(peer->receive_to_end().empty());
  peer->close();
  auto next = there.accept();
  REQUIRE(second_notes.wait_for(kind::connected, 1));
  next->close();
  there.close();
  on.end();
}

TEST_CASE("a late answer of the resolver is not taken for that of a later attempt") {
  net_node on;
  raw_server there;
  latch first_answer;
  std::atomic<int> asked{0};
  // The first look-up hangs beyond its attempt; the second one's answer is the right one.
  dialler here{on,
               {.host = "slow.example",
                .port = there.port(),
                .connect_time_max = 60ms,
                .reconnect = quickly,
                .resolve = [&](const std::string&) -> result<std::vector<std::string>> {
                  if (asked++ == 0) {
                    first_answer.wait();
                    return std::vector<std::string>{"127.0.0.7"};  // Nobody listens there.
                  }
                  first_answer.open();
                  std::this_thread::sleep_for(20ms);
                  return std::vector<std::string>{"127.0.0.1"};
                }}};
  REQUIRE(here.notes.wait_for(kind::connected, 1));
  CHECK(here.notes.count(kind::connect_failed) == 1);
  CHECK(here.first(kind::connect_failed).failure.error.code == error_code::timed_out);
  there.close();
  on.end();
}
