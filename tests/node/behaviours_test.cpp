// What a node says of the kinds of processes and metas that it has had.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::behaviour_statistics;
using sluice::exit_reason;

namespace {

struct throw_now {};
struct end_now {};
struct spawn_many {
  std::uint32_t count = 0;
};

struct worker : sluice::actor<worker, throw_now, end_now> {
  void on(throw_now) { throw std::runtime_error("thrown"); }
  void on(end_now) { exit(); }
};
struct refuser : sluice::actor<refuser> {
  sluice::result<void> on_start() {
    return sluice::error{sluice::error_code::bad_argument, 0, "no"};
  }
};
struct spawner : sluice::actor<spawner, spawn_many> {
  explicit spawner(test_counter& done_) : done(done_) {}
  void on(spawn_many order) {
    for (std::uint32_t i = 0; i < order.count; ++i) {
      // Kinds in turn: no kind is the one counted last.
      auto one = spawn<worker>();
      if (one) static_cast<void>(send(one.value(), end_now{}));
      static_cast<void>(spawn<refuser>());
    }
    done.add();
  }
  test_counter& done;
};
struct machine : sluice::actor<machine, end_now, throw_now> {
  void on_start();
  void on(end_now) { exit(); }
  void on(throw_now) {}
};
struct phase : sluice::state<phase, machine, throw_now> {
  using state::state;
  void on(throw_now) {}
};
void machine::on_start() { become<phase>(); }

struct device : sluice::meta<device> {
  sluice::result<void> start(std::stop_token stop) {
    test_counter stopped;
    const std::stop_callback on_stop{stop, [&] { stopped.add(); }};
    static_cast<void>(stopped.reaches(1));
    return {};
  }
};

behaviour_statistics of(const sluice::node& node, const std::string& kind) {
  const auto all = node.behaviours();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& each) {
    return each.name.size() >= kind.size() && each.name.ends_with("::" + kind);
  });
  return found == all.end() ? behaviour_statistics{} : *found;
}

}  // namespace

TEST_CASE("behaviours: each kind tells who lives and why others ended") {
  test_node node;
  REQUIRE(node->behaviours().empty());
  std::vector<sluice::handle<worker>> all;
  for (int i = 0; i < 6; ++i) all.push_back(node->spawn<worker>().value());
  REQUIRE_FALSE(node->spawn<refuser>());
  REQUIRE(of(*node, "worker").alive == 6);
  all[0].send(throw_now{});
  all[1].send(end_now{});
  node->exit(all[2], exit_reason::killed());
  node->exit(all[3], exit_reason::shutdown());
  node->exit(all[4], exit_reason::error("enough"));
  eventually([&] { return node->messages().alive == 1; });
  const auto seen = of(*node, "worker");
  REQUIRE(seen.spawned == 6);
  REQUIRE(seen.alive == 1);
  REQUIRE(seen.exception == 1);
  REQUIRE(seen.normal == 1);
  REQUIRE(seen.killed == 1);
  REQUIRE(seen.shutdown == 1);
  REQUIRE(seen.error == 1);
  REQUIRE(seen.ended() == 5);
  const auto refused = of(*node, "refuser");
  REQUIRE(refused.spawned == 1);
  REQUIRE(refused.init_failed == 1);
  REQUIRE(refused.alive == 0);
  REQUIRE(node->behaviours().size() == 2);
}

TEST_CASE("behaviours: a process that has become something counts as what it was spawned as") {
  test_node node;
  const auto one = node->spawn<machine>().value();
  one.send(end_now{});
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(node->behaviours().size() == 1);
  REQUIRE(of(*node, "machine").normal == 1);
  REQUIRE(of(*node, "machine").alive == 0);
}

TEST_CASE("behaviours: metas count as processes do") {
  test_node node;
  const auto one = node->spawn_meta<device>({.is_pinned = false}).value();
  REQUIRE(of(*node, "device").alive == 1);
  node->exit(one.id(), exit_reason::shutdown());
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(of(*node, "device").spawned == 1);
  REQUIRE(of(*node, "device").shutdown == 1);
}

TEST_CASE("behaviours: counts of all threads add up, also after the node's end") {
  test_counter done;
  test_node node;
  constexpr std::uint32_t count = 500;
  for (int i = 0; i < 4; ++i) {
    node->spawn<spawner>({}, done).value().send(spawn_many{count});
  }
  while (done.value() < 4) {
    for (const auto& each : node->behaviours()) REQUIRE(each.spawned == each.alive + each.ended());
  }
  eventually([&] { return node->messages().alive == 4; });
  REQUIRE(of(*node, "worker").spawned == 4 * count);
  REQUIRE(of(*node, "worker").normal == 4 * count);
  REQUIRE(of(*node, "refuser").init_failed == 4 * count);
  sluice::node& under_test = *node;
  under_test.stop(30s);
  REQUIRE(of(under_test, "worker").ended() == 4 * count);
  REQUIRE(of(under_test, "spawner").spawned == 4);
  REQUIRE(of(under_test, "spawner").alive == 0);
}
