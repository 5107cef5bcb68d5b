// Pools: who gets the next message, overflow, resize, restarts.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <array>

#include <sluice/testing.hpp>

#include "sup/family.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::pid;
using sluice::pool;
using sluice::pool_choice;
using sluice::pool_options;
using sluice::send_outcome;

namespace {

struct who_are_you {
  using reply = pid;
};
struct work {
  int number = 0;
};

struct tally {
  sluice::base::atomic<std::uint32_t> started{0};
  test_counter done;
  std::mutex guard;
  std::map<pid, int> by_worker;
  std::vector<sluice::address> senders;
};

struct hand : sluice::actor<hand, who_are_you, work, block_until, crash> {
  explicit hand(tally& to) : out(to) {}
  // Relaxed: read when all has been said.
  void on_start() { out.started.fetch_add(1, sluice::base::relaxed); }
  pid on(who_are_you) { return self(); }
  void on(work) {
    {
      const std::lock_guard lock{out.guard};
      ++out.by_worker[self()];
      out.senders.push_back(sender());
    }
    out.done.add();
  }
  void on(block_until message) {
    out.done.add();
    static_cast<void>(message.what->reaches(1));
  }
  void on(crash) { throw std::runtime_error("crash"); }
  tally& out;
};

sluice::handle<pool> spawn_pool(test_node& node, const pool_options& options, tally& out,
                                sluice::child_options like = {}) {
  auto made = node->spawn<pool>({.name = "pool"}, options,
                                sluice::child<hand>(std::move(like), std::ref(out)));
  REQUIRE(made);
  return made.value();
}

std::uint32_t running(test_node& node, pid who) {
  return node->call(who, sluice::count_children{}).value().running;
}

}  // namespace

TEST_CASE("pool: workers take turns, and answer who asked") {
  tally out;
  test_node node;
  const auto made = spawn_pool(node, {.workers = 3}, out);
  std::map<pid, int> answers;
  for (int i = 0; i < 9; ++i) ++answers[node->call(made.as<hand>(), who_are_you{}).value()];
  CHECK(answers.size() == 3);
  for (const auto& [who, times] : answers) CHECK(times == 3);
  // By pid, too, since the worker lists the type.
  CHECK(node->call(made.id(), who_are_you{}));
}

TEST_CASE("pool: the worker sees the first sender") {
  tally out;
  test_node node;
  struct asker : sluice::actor<asker, leave> {
    explicit asker(sluice::handle<hand> to) : to_(to) {}
    void on(leave) { send(to_, work{1}); }
    sluice::handle<hand> to_;
  };
  const auto made = spawn_pool(node, {}, out);
  const auto from = node->spawn<asker>({}, made.as<hand>()).value();
  from.send(leave{});
  out.done.wait_for(1);
  CHECK(out.senders.at(0) == sluice::address{from.id()});
}

TEST_CASE("pool: the least loaded worker is chosen") {
  tally out;
  test_counter gate;
  test_node node;
  const auto made = spawn_pool(node, {.workers = 2, .choice = pool_choice::least_loaded}, out);
  made.as<hand>().send(block_until{&gate});
  out.done.wait_for(1);
  // The first one of these may wait behind the one that blocks; no other does.
  for (std::uint32_t i = 0; i < 100; ++i) {
    made.as<hand>().send(work{});
    if (i != 0) out.done.wait_for(1 + i);
  }
  CHECK(out.by_worker.size() == 1);
  gate.add();
  out.done.wait_for(101);
}

TEST_CASE("pool: full workers are passed over, and when all are full the caller is told") {
  tally out;
  test_counter gate;
  test_node node{plain_options(3)};  // Two block.
  const auto made = spawn_pool(node, {.workers = 2}, out, {.mailbox_max = 4});
  const auto hands = made.as<hand>();
  hands.send(block_until{&gate});
  hands.send(block_until{&gate});
  out.done.wait_for(2);
  for (int i = 0; i < 20; ++i) hands.send(work{i});
  const auto refused = node->call(hands, who_are_you{});
  CHECK(refused.error().code == error_code::mailbox_full);
  gate.add();
  node.settle();
  const auto sums = node->messages();
  CHECK(sums.full >= 13);
  CHECK(out.done.value() == 2 + 20 + 1 - sums.full);
}

TEST_CASE("pool: it grows and shrinks while it works, and loses nothing") {
  tally out;
  test_node node;
  const auto made = spawn_pool(node, {.workers = 2}, out);
  std::uint32_t sent = 0;
  for (const std::uint32_t size : {8u, 3u, 16u, 1u, 5u}) {
    for (int i = 0; i < 500; ++i) {
      made.as<hand>().send(work{i});
      ++sent;
    }
    REQUIRE(node->call(made, sluice::resize_pool{size}));
    for (int i = 0; i < 500; ++i) {
      made.as<hand>().send(work{i});
      ++sent;
    }
    eventually([&] { return running(node, made) == size; });
  }
  out.done.wait_for(sent);
  CHECK(node->call(made, sluice::resize_pool{0}).error().code == error_code::bad_argument);
}

TEST_CASE("pool: a worker that crashes is restarted, one crash too many ends the pool") {
  tally out;
  test_node node;
  const auto made =
      spawn_pool(node, {.workers = 2, .limit = {.restarts_max = 2, .period = 1h}}, out);
  for (std::uint32_t i = 1; i <= 2; ++i) {
    made.as<hand>().send(crash{});
    // Relaxed: a count.
    eventually([&] { return out.started.load(sluice::base::relaxed) == 2 + i; });
    CHECK(running(node, made) == 2);
  }
  made.as<hand>().send(crash{});
  eventually([&] { return made.as<hand>().send(work{}) == send_outcome::unknown; });
}

TEST_CASE("pool: asked to end, it lets the workers handle what they have") {
  tally out;
  test_counter gate;
  test_node node;
  const auto top = node->spawn<sluice::supervisor>(
      {}, sluice::children{sluice::child<pool>(
              sluice::child_options{.id = "pool", .name = "pool"}, pool_options{.workers = 2},
              sluice::child<hand>(sluice::child_options{}, std::ref(out)))});
  REQUIRE(top);
  const sluice::pid who = node->find("pool");
  node->send(who, block_until{&gate});
  for (int i = 0; i < 100; ++i) node->send(who, work{i});
  node->exit(top.value());
  gate.add();
  out.done.wait_for(101);
  eventually([&] { return node->messages().alive == 0; });
}

TEST_CASE("pool: a worker that does not start fails the pool") {
  diary out;
  test_node node;
  out.let_starts_fail(1);
  const auto made = node->spawn<pool>({}, pool_options{},
                                      sluice::child<member>("m", std::ref(out), std::string{"m"}));
  CHECK(made.error().code == error_code::limit_reached);
  eventually([&] { return node->messages().alive == 0; });
}

TEST_CASE("pool: a full mailbox of its own does not lose the request to end") {
  struct slow : sluice::actor<slow, work> {
    void on(work) {}
  };
  sluice::testing::world world;
  const auto policy =
      GENERATE(sluice::overflow_policy::reject, sluice::overflow_policy::drop_oldest);
  const auto made =
      world->spawn<pool>({.mailbox_max = 2, .overflow = policy}, pool_options{.workers = 2},
                         sluice::child<slow>(sluice::child_options{}));
  REQUIRE(made);
  REQUIRE(world.run_until_idle());
  for (int i = 0; i < 8; ++i) made.value().as<slow>().send(work{i});
  world->send(made.value(), sluice::stop_request{}, sluice::priority::urgent);
  REQUIRE(world.run_until_idle());
  CHECK(world->messages().alive == 0);
}

TEST_CASE("pool: a worker whose handler waits is over with it before it ends") {
  struct patient : sluice::actor<patient, who_are_you> {
    sluice::task<pid> on(who_are_you) {
      co_await sleep(1s);
      co_return self();
    }
  };
  struct asker : sluice::actor<asker, sluice::completion<who_are_you>> {
    asker(sluice::handle<patient> to, std::vector<error_code>& out) : to_(to), out_(out) {}
    void on_start() { static_cast<void>(request(to_, who_are_you{})); }
    void on(sluice::completion<who_are_you> done) {
      out_.push_back(done.answer ? error_code::none : done.answer.error().code);
    }
    sluice::handle<patient> to_;
    std::vector<error_code>& out_;
  };
  std::vector<error_code> answers;
  sluice::testing::world world;
  const auto made = world->spawn<pool>({}, pool_options{.workers = 2},
                                       sluice::child<patient>(sluice::child_options{}));
  REQUIRE(made);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(world->spawn<asker>({}, made.value().as<patient>(), answers));
  }
  REQUIRE(world.advance(500ms));
  SECTION("it shrinks") { REQUIRE(world->call(made.value(), sluice::resize_pool{1})); }
  SECTION("it is asked to end") {
    world->send(made.value(), sluice::stop_request{}, sluice::priority::urgent);
  }
  REQUIRE(world.advance(1s));
  CHECK(answers == std::vector{error_code::none, error_code::none});
}
