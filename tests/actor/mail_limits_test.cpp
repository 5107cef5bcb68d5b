// Bounded mailboxes, priorities, floods, depth.
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "actor/test_node.hpp"

using sluice::exit_reason;
using sluice::handle;
using sluice::priority;
using sluice::send_outcome;

namespace {

struct item {
  std::uint32_t lane = 0;
};
struct owner_of_heap {
  std::string text;
};
struct go {};

// Its handler of `go` waits until the test opens the gate, so mail piles up behind it.
struct blocked : sluice::actor<blocked, go, item, owner_of_heap> {
  blocked(test_counter& entered_, test_counter& gate_, test_counter& ended_,
          std::vector<std::uint32_t>& order_)
      : entered(entered_), gate(gate_), ended(ended_), order(order_) {}
  void on(go) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(item one) {
    order.push_back(one.lane);
    entered.add();
  }
  void on(const owner_of_heap&) {}
  void terminate(const exit_reason&) { ended.add(); }
  test_counter& entered;
  test_counter& gate;
  test_counter& ended;
  std::vector<std::uint32_t>& order;
};

struct scene {
  test_counter entered;
  test_counter gate;
  test_counter ended;
  std::vector<std::uint32_t> order;
};

handle<blocked> spawn_blocked(test_node& node, scene& at, std::uint32_t mailbox_max = 0) {
  auto made =
      node->spawn<blocked>({.mailbox_max = mailbox_max}, at.entered, at.gate, at.ended, at.order);
  REQUIRE(made);
  REQUIRE(made.value().send(go{}) == send_outcome::accepted);
  at.entered.wait_for(1);
  return made.value();
}

}  // namespace

TEST_CASE(
    "bounded mailbox: answers full at its limit, never refuses control, and takes mail again") {
  scene at;
  test_node node;
  auto to = spawn_blocked(node, at, 8);
  std::uint32_t accepted = 0;
  std::uint32_t full = 0;
  for (int i = 0; i < 20; ++i) {
    const auto outcome = to.send(item{2});
    accepted += outcome == send_outcome::accepted ? 1 : 0;
    full += outcome == send_outcome::full ? 1 : 0;
  }
  // The one being handled has not given its credit back yet, or it has: 7 or 8.
  REQUIRE(accepted + full == 20);
  REQUIRE((accepted == 7 || accepted == 8));
  REQUIRE(node->messages().full == full);
  REQUIRE(to.send(item{1}, priority::system) == send_outcome::accepted);
  REQUIRE(to.send(item{0}, priority::urgent) == send_outcome::accepted);
  at.gate.add();
  at.entered.wait_for(1 + accepted + 2);
  node.settle();
  for (std::uint32_t i = 0; i < 7; ++i) REQUIRE(to.send(item{2}) == send_outcome::accepted);
  at.entered.wait_for(1 + accepted + 2 + 7);
  // An exit reaches one whose mailbox is full.
}

TEST_CASE("bounded mailbox: an exit gets through when it is full, and the rest is accounted") {
  scene at;
  test_node node;
  auto to = spawn_blocked(node, at, 4);
  while (to.send(item{2}) == send_outcome::accepted) {
  }
  REQUIRE(to.exit() == send_outcome::accepted);
  at.gate.add();
  at.ended.wait_for(1);
  eventually([&] { return node->messages().alive == 0; });
  const auto sums = node.finish();
  REQUIRE(sums.receiver_ended + at.order.size() >= 3);
  // A new tenant of the slot starts with all its credits; see the reuse below.
}

TEST_CASE("bounded mailbox: a slot's next tenant starts with an empty account") {
  test_node node{plain_options(1)};
  for (int round = 0; round < 300; ++round) {
    scene at;
    auto to = spawn_blocked(node, at, 3);
    std::uint32_t accepted = 0;
    while (to.send(item{2}) == send_outcome::accepted) ++accepted;
    REQUIRE(accepted >= 2);
    REQUIRE(accepted <= 3);
    to.exit();
    at.gate.add();
    at.ended.wait_for(1);
    eventually([&] { return node->messages().alive == 0; });
  }
}

TEST_CASE("priorities: higher lanes overtake what waits, and each lane keeps its order") {
  scene at;
  test_node node;
  auto to = spawn_blocked(node, at);
  to.send(item{3}, priority::log);
  to.send(item{2});
  to.send(item{1}, priority::system);
  to.send(item{0}, priority::urgent);
  at.gate.add();
  at.entered.wait_for(5);
  // At most one turn of the four belongs to a lower lane (fairness).
  std::uint32_t inversions = 0;
  for (std::size_t i = 1; i < at.order.size(); ++i)
    inversions += at.order[i] < at.order[i - 1] ? 1 : 0;
  REQUIRE(inversions <= 1);
}

TEST_CASE("process: a million queued messages are destroyed at its end without recursion") {
  scene at;
  test_node node;
  auto to = spawn_blocked(node, at);
  constexpr int count = 1'000'000;
  for (int i = 0; i < count; ++i) {
    if (i % 1000 == 0) {
      to.send(owner_of_heap{std::string(100, 'x')});
    } else {
      to.send(item{2});
    }
  }
  to.exit();
  at.gate.add();
  const auto sums = node.finish();
  REQUIRE(sums.receiver_ended + at.order.size() > count - 2000);
}

namespace {

struct deep : sluice::actor<deep, go> {
  deep(std::uint32_t left_, test_counter& ended_) : left(left_), ended(ended_) {}
  void on_start() { send(self(), go{}); }
  void on(go) {
    if (left != 0) {
      if (!spawn<deep>({}, left - 1, ended)) return;
    }
    exit();
  }
  void terminate(const exit_reason&) { ended.add(); }
  std::uint32_t left;
  test_counter& ended;
};

struct nested : sluice::actor<nested> {
  nested(std::uint32_t left_, test_counter& ended_) : left(left_), ended(ended_) {}
  sluice::result<void> on_start() {
    if (left == 0) return {};
    auto made = spawn<nested>({}, left - 1, ended);
    return made ? sluice::result<void>{} : made.error();
  }
  void terminate(const exit_reason&) { ended.add(); }
  std::uint32_t left;
  test_counter& ended;
};

struct self_sender : sluice::actor<self_sender, item> {
  explicit self_sender(test_counter& done_) : done(done_) {}
  void on(item one) {
    if (one.lane == 0) {
      done.add();
      return;
    }
    send(self(), item{one.lane - 1});
  }
  test_counter& done;
};

struct flooder : sluice::actor<flooder, go, item> {
  flooder(std::uint32_t count_, test_counter& done_) : count(count_), done(done_) {}
  void on(go) {
    for (std::uint32_t i = 0; i < count; ++i) send(self(), item{i});
  }
  void on(item one) {
    if (one.lane != expected++) return;
    if (expected == count) done.add();
  }
  std::uint32_t count;
  std::uint32_t expected = 0;
  test_counter& done;
};

}  // namespace

TEST_CASE("process: a chain of a hundred thousand spawns needs no deep stack") {
  test_counter ended;
  test_node node;
  constexpr std::uint32_t depth = 100'000;
  REQUIRE(node->spawn<deep>({}, depth, ended));
  ended.wait_for(depth + 1);
}

TEST_CASE("process: spawns within on_start nest, and all of them end") {
  test_counter ended;
  {
    test_node node;
    REQUIRE(node->spawn<nested>({}, 100u, ended));
    REQUIRE(node->messages().alive == 101);
  }
  REQUIRE(ended.value() == 101);
}

TEST_CASE("process: messages to oneself arrive, one by one and as a flood, in order") {
  test_counter done;
  test_node node;
  auto one = node->spawn<self_sender>({}, done);
  one.value().send(item{100'000});
  auto two = node->spawn<flooder>({}, 100'000u, done);
  two.value().send(go{});
  done.wait_for(2);
}
