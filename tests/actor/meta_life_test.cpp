// The life of a meta process: init, the end of its flows, stop. The numbers are those of the
// design page.
#include <catch2/catch_test_macros.hpp>

#include <mutex>

#include "actor/meta_fixture.hpp"

using namespace meta_tests;
using namespace std::chrono_literals;
using sluice::alias;
using sluice::error_code;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::meta_handle;
using sluice::priority;
using sluice::result;
using sluice::send_outcome;

TEST_CASE("meta rule 1: a failing init registers nothing, leaks nothing and tells the spawner") {
  record out;
  {
    test_node node;
    const auto refused = node->spawn_meta<device>({.is_pinned = false}, way::init_fails, out);
    REQUIRE(refused.error().code == error_code::permission_denied);
    REQUIRE(refused.error().os_error == 1);
    const auto threw = node->spawn_meta<device>({.is_pinned = false}, way::init_throws, out);
    REQUIRE(threw.error().code == error_code::init_failed);
    REQUIRE(node->messages().alive == 0);
  }
  REQUIRE(out.begun.value() == 0);
  REQUIRE(out.terminated.value() == 0);
  REQUIRE(out.destroyed.value() == 2);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta: an exit asked for within init ends it in order") {
  record out;
  test_node node;
  spawn_device(node, way::init_exits, out);
  out.terminated.wait_for(1);
  REQUIRE(out.reason(0) == exit_reason::error("from init"));
  REQUIRE(out.left.value() == 1);
}

TEST_CASE("meta rule 2: terminate runs once, after both flows, with the reason of the first end") {
  struct expectation {
    way how;
    bool by_message;
    exit_reason reason;
  };
  const expectation table[] = {
      {way::returns, false, exit_reason::normal()},
      {way::throws, false, {exit_code::exception, "start"}},
      {way::waits, true, exit_reason::error("own wish")},
  };
  for (const auto& each : table) {
    record out;
    {
      test_node node;
      auto meta = spawn_device(node, each.how, out);
      if (each.by_message) meta.send(end_now{});
      out.terminated.wait_for(1);
      eventually([&] { return node->messages().alive == 0; });
      REQUIRE(meta.send(ping{}) == send_outcome::unknown);
    }
    REQUIRE(out.reason(0) == each.reason);
    REQUIRE(out.terminated.value() == 1);
    REQUIRE(out.left.value() == 1);
    REQUIRE(out.destroyed.value() == 1);
    REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
  }
  record out;
  test_node node;
  spawn_device(node, way::fails, out);
  out.terminated.wait_for(1);
  REQUIRE(out.reason(0).code == exit_code::error);
  auto thrower = spawn_device(node, way::waits, out);
  thrower.send(throw_now{});
  out.terminated.wait_for(2);
  REQUIRE(out.reason(1) == exit_reason{exit_code::exception, "handler"});
}

TEST_CASE("meta rule 2: the end of start, an exit and a message racing end it once") {
  record out;
  constexpr std::uint32_t rounds = 200;
  {
    test_node node;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      auto meta = spawn_device(node, round % 2 == 0 ? way::returns : way::waits, out);
      meta.send(ping{});
      meta.exit();
      meta.send(end_now{});
    }
    out.terminated.wait_for(rounds);
  }
  REQUIRE(out.terminated.value() == rounds);
  REQUIRE(out.destroyed.value() == rounds);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta rule 3: a stop cancels the token of start") {
  record out;
  test_node node;
  auto meta = spawn_device(node, way::waits, out);
  out.begun.wait_for(1);
  REQUIRE(meta.exit(exit_reason::error("asked")) == send_outcome::accepted);
  out.terminated.wait_for(1);
  REQUIRE(out.reason(0) == exit_reason::error("asked"));
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta rule 1: what a failing init has spawned and armed goes with it") {
  record out;
  {
    test_node node;
    const auto refused =
        node->spawn_meta<device>({.is_pinned = false}, way::init_spawns_and_fails, out);
    REQUIRE(refused.error().os_error == 2);
    out.terminated.wait_for(1);  // Its child's.
    REQUIRE(out.reason(0).code == exit_code::parent_exit);
    eventually([&] { return node->messages().alive == 0; });
  }
  REQUIRE(out.destroyed.value() == 2);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

namespace {

struct end_it {
  alias who;
  std::chrono::nanoseconds delay{};
};
struct executor : sluice::actor<executor, end_it, end_now> {
  explicit executor(test_counter& cancelled_) : cancelled(cancelled_) {}
  void on(end_it order) {
    pending = exit_after(order.delay, order.who, exit_reason::error("in time"));
  }
  void on(end_now) {
    if (pending.cancel()) cancelled.add();
  }
  sluice::timer pending;
  test_counter& cancelled;
};

}  // namespace

TEST_CASE("meta: an exit asked for later comes then, with its reason, unless it is cancelled") {
  record out;
  test_counter cancelled;
  test_node node;
  auto by = node->spawn<executor>({}, cancelled).value();
  auto first = spawn_device(node, way::waits, out);
  by.send(end_it{first.id(), 1h});
  by.send(end_now{});
  cancelled.wait_for(1);
  const auto begin = sluice::base::now_ns();
  by.send(end_it{first.id(), 10ms});
  out.terminated.wait_for(1);
  REQUIRE(sluice::base::now_ns() - begin >= 10'000'000);
  REQUIRE(out.reason(0) == exit_reason::error("in time"));
}

TEST_CASE("meta rule 3: a start that ignores its token for a while delays the end, not the exit") {
  record out;
  test_node node;
  auto meta = spawn_device(node, way::slow, out);
  out.begun.wait_for(1);
  meta.exit();
  eventually([&] { return meta.send(ping{}) == send_outcome::unknown; });
  REQUIRE(out.left.value() == 0);  // The alias is gone, the object is there as long as start is.
  REQUIRE(out.terminated.value() == 0);
  out.terminated.wait_for(1);
  REQUIRE(out.left.value() == 1);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}
