// The node: start, stop, several at once, handles that outlive it.
#include <catch2/catch_test_macros.hpp>

#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "actor/test_node.hpp"
#include "base/host_entries.hpp"
#include "mem/mem_fixture.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::handle;
using sluice::send_outcome;

namespace {

struct item {
  std::uint32_t value = 0;
};
struct block {};

struct counting : sluice::actor<counting, item, block> {
  counting(test_counter& seen_, test_counter& gate_) : seen(seen_), gate(gate_) {}
  void on(item) { seen.add(); }
  void on(block) {
    seen.add();
    static_cast<void>(gate.reaches(1));
  }
  test_counter& seen;
  test_counter& gate;
};

struct waiting_meta : sluice::meta<waiting_meta> {
  void start(std::stop_token stop) { static_cast<void>(wait_for_stop(stop)); }
};

// Threads and descriptors as they were; a thread that was joined may still be listed for a moment.
struct host_state {
  std::size_t threads = entries_of("/proc/self/task");
  std::size_t descriptors = open_descriptors();
  void check_unchanged() const {
    eventually([&] { return entries_of("/proc/self/task") == threads; });
    CHECK(open_descriptors() == descriptors);
  }
};

}  // namespace

TEST_CASE("node: makes no thread and no descriptor before start, and leaves none after stop") {
  const host_state before;
  using sluice::driver_choice;
  struct kind {
    bool io;
    driver_choice driver;
  };
  for (const auto& [io, driver] :
       {kind{false, driver_choice::automatic}, kind{true, driver_choice::io_uring},
        kind{true, driver_choice::epoll}}) {
    auto options = plain_options();
    options.io = io;
    options.driver = driver;
    options.pin = sluice::pinning::never;
    sluice::node node{"quiet", options};
    before.check_unchanged();
    REQUIRE(node.start());
    REQUIRE(node.start().error().code == error_code::already_started);
    REQUIRE(node.stop().is_clean());
    before.check_unchanged();
    REQUIRE(node.start().error().code == error_code::already_started);
    REQUIRE(node.stop().is_clean());
  }
}

TEST_CASE("node: sends of foreign threads wake schedulers that sleep in epoll") {
  auto options = plain_options();
  options.io = true;
  options.driver = sluice::driver_choice::epoll;
  test_node node{options};
  test_counter seen;
  test_counter gate;
  auto made = node->spawn<counting>({}, seen, gate);
  REQUIRE(made);
  for (std::uint32_t round = 1; round <= 2'000; ++round) {
    REQUIRE(made.value().send(item{round}) == send_outcome::accepted);
    seen.wait_for(round);
  }
}

TEST_CASE("node: the start text names the driver and why it is that one") {
  using sluice::driver_choice;
  const auto text_of = [](driver_choice driver) {
    auto options = plain_options();
    options.io = true;
    options.driver = driver;
    options.pin = sluice::pinning::never;
    sluice::node node{"named", options};
    const bool started = node.start().has_value();
    return (started ? "" : "not started: ") + node.start_text();
  };
  CHECK(text_of(driver_choice::automatic).find("driver io_uring, kernel ") != std::string::npos);
  CHECK(text_of(driver_choice::io_uring).find("driver io_uring, kernel ") != std::string::npos);
  CHECK(text_of(driver_choice::epoll).find("driver epoll (asked for), ") != std::string::npos);
  CHECK(text_of(driver_choice::simulated).find("not started: ") == 0);
}

TEST_CASE("node: a thousand starts and stops grow neither threads, descriptors nor memory") {
  const host_state before;
  std::size_t bytes_before = 0;
  test_counter seen;
  test_counter gate;
  for (int cycle = 0; cycle < 1000; ++cycle) {
    if (cycle == 300) bytes_before = resident_bytes();
    sluice::node node{"cycle", plain_options(1 + cycle % 2)};
    REQUIRE(node.start());
    auto made = node.spawn<counting>({}, seen, gate);
    REQUIRE(made);
    made.value().send(item{});
    REQUIRE(node.stop().is_clean());
    const auto sums = node.messages();
    REQUIRE(sums.sent == sums.handled + sums.dropped + sums.rejected);
    REQUIRE(sums.alive == 0);
  }
  before.check_unchanged();
  if (!has_shadow_memory) REQUIRE(resident_bytes() < bytes_before + (std::size_t{2} << 20));
}

TEST_CASE("node: before start and after stop spawns are refused and sends are answered") {
  test_counter seen;
  test_counter gate;
  sluice::node node{"phases", plain_options()};
  REQUIRE(node.spawn<counting>({}, seen, gate).error().code == error_code::not_started);
  REQUIRE(node.spawn_meta<waiting_meta>().error().code == error_code::not_started);
  REQUIRE(node.send(sluice::pid{1, 0, 1}, item{}) != send_outcome::accepted);
  REQUIRE(node.start());
  auto made = node.spawn<counting>({}, seen, gate);
  REQUIRE(made);
  REQUIRE(node.stop().is_clean());
  REQUIRE(node.spawn<counting>({}, seen, gate).error().code == error_code::stopping);
  REQUIRE(node.spawn_meta<waiting_meta>().error().code == error_code::stopping);
  REQUIRE(made.value().send(item{}) == send_outcome::stopping);
  REQUIRE(node.messages().alive == 0);
}

TEST_CASE("node: a handle outlives its node, and a later node never takes its mail") {
  test_counter seen;
  test_counter gate;
  handle<counting> old;
  {
    test_node first;
    old = first->spawn<counting>({}, seen, gate).value();
  }
  REQUIRE(old.send(item{}) == send_outcome::stopping);
  REQUIRE(old.exit() == send_outcome::stopping);
  test_node second;  // It may well get the same gate and the same slots.
  REQUIRE(second->spawn<counting>({}, seen, gate));
  REQUIRE(old.send(item{}) == send_outcome::stopping);
  REQUIRE(second->send(old, item{}) != send_outcome::accepted);
  REQUIRE(handle<counting>{}.send(item{}) == send_outcome::unknown);
  REQUIRE(seen.value() == 0);
}

namespace {

// Sends on to a process of another node.
struct relay : sluice::actor<relay, item> {
  explicit relay(handle<counting> to_) : to(to_) {}
  void on(item one) { to.send(one); }
  handle<counting> to;
};

}  // namespace

TEST_CASE("node: two in one program work side by side and send into each other by handle") {
  test_counter seen;
  test_counter gate;
  test_node one;
  {
    test_node two{plain_options(), test_node::beside_another};
    auto target = one->spawn<counting>({}, seen, gate);
    auto between = two->spawn<relay>({}, target.value());
    for (std::uint32_t i = 0; i < 1000; ++i) between.value().send(item{i});
    seen.wait_for(1000);
    REQUIRE(two->send(target.value(), item{}) !=
            send_outcome::accepted);  // Not by the other's door.
    // The second node goes first; what its threads counted for the first one stays.
  }
  one.settle();
}

TEST_CASE("node: threads of the host that end, before stop or after it, leave exact counts") {
  test_counter seen;
  test_counter gate;
  sluice::node node{"foreign", plain_options()};
  REQUIRE(node.start());
  auto made = node.spawn<counting>({}, seen, gate);
  std::thread early([&] {
    for (int i = 0; i < 100; ++i) made.value().send(item{});
  });
  early.join();
  test_counter sent;
  test_counter may_end;
  std::thread late([&] {
    for (int i = 0; i < 100; ++i) made.value().send(item{});
    sent.add();
    static_cast<void>(may_end.reaches(1));
  });
  sent.wait_for(1);
  seen.wait_for(200);
  REQUIRE(node.stop().is_clean());
  const auto before = node.messages();
  may_end.add();
  late.join();
  const auto after = node.messages();
  REQUIRE(before.sent == after.sent);
  REQUIRE(after.sent == after.handled + after.dropped + after.rejected);
  REQUIRE(after.handled >= 200);
}

TEST_CASE("node: sends of foreign threads that race stop are each answered and accounted") {
  for (int round = 0; round < 30; ++round) {
    test_counter seen;
    test_counter gate;
    test_counter running;
    sluice::base::atomic<std::uint32_t> accepted{0};
    {
      test_node node;
      auto made = node->spawn_many<counting>(3, std::ref(seen), std::ref(gate));
      REQUIRE(made);
      std::vector<std::thread> senders;
      for (int i = 0; i < 2; ++i) {
        senders.emplace_back([&] {
          running.add();
          while (true) {
            for (auto& each : made.value()) {
              switch (each.send(item{})) {
                case send_outcome::accepted:
                  accepted.fetch_add(1, sluice::base::relaxed);  // Relaxed: read after the join.
                  break;
                case send_outcome::stopping: return;
                default: break;
              }
            }
          }
        });
      }
      running.wait_for(2);
      const auto report = node->stop(30s);
      CHECK(report.is_clean());
      for (auto& each : senders) each.join();
      const auto sums = node.judge();
      CHECK(sums.handled + sums.dropped >= accepted.load(sluice::base::relaxed));
    }
    REQUIRE(seen.value() <= accepted.load(sluice::base::relaxed));
  }
}

TEST_CASE("node: what was accepted before stop is handled before the processes end") {
  test_counter seen;
  test_counter gate;
  test_node node;
  auto made = node->spawn_many<counting>(4, std::ref(seen), std::ref(gate));
  for (int i = 0; i < 5000; ++i) made.value()[static_cast<std::size_t>(i) % 4].send(item{});
  node.finish();
  REQUIRE(seen.value() == 5000);
}

TEST_CASE("node: stop names a process whose handler is late, and ends it when it returns") {
  test_counter seen;
  test_counter gate;
  test_counter named;
  auto options = plain_options();
  options.log = [&](sluice::log_severity, std::string_view text) {
    if (text.find("counting") == text.npos) return;
    named.add();
    gate.add();  // Only the name in the log lets the handler go on.
  };
  sluice::node node{"stuck", options};
  REQUIRE(node.start());
  auto stuck = node.spawn<counting>({}, seen, gate);
  auto well = node.spawn<counting>({}, seen, gate);
  stuck.value().send(block{});
  well.value().send(item{});
  seen.wait_for(2);
  const auto report = node.stop(100ms);
  REQUIRE(report.not_stopped.size() == 1);
  REQUIRE(report.not_stopped[0].find("counting") != std::string::npos);
  REQUIRE(named.value() >= 1);
  REQUIRE(node.messages().alive == 0);
}

TEST_CASE("node: stop gives up a handler that does not return, names its scheduler and goes on") {
  test_counter seen;
  test_counter gate;
  {
    auto options = plain_options();
    options.log = [](sluice::log_severity, std::string_view) {};
    sluice::node node{"stuck for good", options};
    REQUIRE(node.start());
    auto stuck = node.spawn<counting>({}, seen, gate);
    auto well = node.spawn<counting>({}, seen, gate);
    stuck.value().send(block{});
    well.value().send(item{});
    seen.wait_for(2);
    const auto report = node.stop(100ms);
    REQUIRE(report.not_stopped.size() == 2);
    REQUIRE(report.not_stopped[0].find("counting") != std::string::npos);
    REQUIRE(report.not_stopped[1].find("scheduler ") == 0);
    REQUIRE(stuck.value().send(item{}) == send_outcome::stopping);
  }
  // The handler returns into a node that is no more; its thread ends by itself.
  const std::size_t threads = entries_of("/proc/self/task");
  gate.add();
  eventually([&] { return entries_of("/proc/self/task") < threads; });
}

TEST_CASE("node: a stop with metas that have ended long ago does not wait for them") {
  test_node node;
  for (int i = 0; i < 10; ++i) {
    auto made = node->spawn_meta<waiting_meta>({.is_pinned = false});
    REQUIRE(made);
    made.value().exit();
  }
  eventually([&] { return node->messages().alive == 0; });
  const auto begin = std::chrono::steady_clock::now();
  node.finish(60s);
  REQUIRE(std::chrono::steady_clock::now() - begin < 20s);
}

TEST_CASE("node: a handler may look at the schedulers while stop waits for it") {
  struct curious : sluice::actor<curious> {
    curious(sluice::node& of, std::size_t& seen_) : node(of), seen(seen_) {}
    void terminate(const sluice::exit_reason&) {
      seen = node.schedulers().size() + node.rings().size();
    }
    sluice::node& node;
    std::size_t& seen;
  };
  std::size_t seen = 0;
  test_node node;
  REQUIRE(node->spawn<curious>({}, *node, seen));
  node.finish(std::chrono::nanoseconds::max());  // As long as it takes, which is not long.
  CHECK(seen == 2);
}

TEST_CASE("node: options out of range are refused, and nothing is left") {
  const host_state before;
  auto options = plain_options(100'000);
  sluice::node node{"many", options};
  REQUIRE(node.start().error().code == error_code::bad_argument);
  before.check_unchanged();
  auto none = plain_options();
  none.processes_max = 0;
  sluice::node empty{"none", none};
  REQUIRE(empty.start().error().code == error_code::bad_argument);
  before.check_unchanged();
}

TEST_CASE("node: a full table of processes is an error, and room again when they end") {
  test_counter seen;
  test_counter gate;
  auto options = plain_options(1);
  options.processes_max = 1024;
  test_node node{options};
  std::vector<handle<counting>> made;
  while (true) {
    auto one = node->spawn<counting>({}, seen, gate);
    if (!one) {
      REQUIRE(one.error().code == error_code::limit_reached);
      break;
    }
    made.push_back(one.value());
    REQUIRE(made.size() <= 1024);
  }
  for (auto& each : made) each.exit();
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(made.size() >= 512);
}
