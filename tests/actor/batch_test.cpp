// A range of messages to one receiver, published as one.
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "actor/test_node.hpp"

using sluice::priority;
using sluice::send_outcome;

namespace {

struct item {
  std::uint32_t thread = 0;
  std::uint32_t number = 0;
};
struct owner {
  std::unique_ptr<std::uint32_t> number;
};
struct go {};

struct receiver : sluice::actor<receiver, item, owner> {
  receiver(std::vector<item>& seen_, test_counter& count_) : seen(seen_), count(count_) {}
  void on(item one) {
    seen.push_back(one);
    count.add();
  }
  void on(owner one) {
    seen.push_back({9, *one.number});
    count.add();
  }
  std::vector<item>& seen;
  test_counter& count;
};

struct sender : sluice::actor<sender, go> {
  explicit sender(sluice::handle<receiver> to_) : to(to_) {}
  void on(go) {
    send(to, item{0, 0});
    send(to, item{0, 1});  // In a chain that is not published yet.
    std::vector<item> some;
    for (std::uint32_t i = 2; i < 50; ++i) some.push_back({0, i});
    const auto sent = send_batch(to, some);
    send(to, item{0, 50});
    all_accepted = sent.accepted == 48 && sent.outcome == send_outcome::accepted;
  }
  sluice::handle<receiver> to;
  bool all_accepted = false;
};

}  // namespace

TEST_CASE("send_batch: from a handler, in order with the sends before and after it") {
  std::vector<item> seen;
  test_counter count;
  test_node node;
  auto to = node->spawn<receiver>({}, seen, count).value();
  auto from = node->spawn<sender>({}, to).value();
  from.send(go{});
  count.wait_for(51);
  for (std::uint32_t i = 0; i < 51; ++i) REQUIRE(seen[i].number == i);
}

TEST_CASE("send_batch: from threads outside, whole batches in order and side by side") {
  std::vector<item> seen;
  test_counter count;
  test_node node;
  auto to = node->spawn<receiver>({}, seen, count).value();
  constexpr std::uint32_t threads = 3;
  constexpr std::uint32_t batches = has_sanitizer ? 50 : 500;
  constexpr std::uint32_t length = 20;
  std::vector<std::thread> senders;
  for (std::uint32_t thread = 0; thread < threads; ++thread) {
    senders.emplace_back([&, thread] {
      for (std::uint32_t batch = 0; batch < batches; ++batch) {
        std::vector<item> some;
        for (std::uint32_t i = 0; i < length; ++i) some.push_back({thread, batch * length + i});
        if (batch % 2 == 0) {
          to.send_batch(std::move(some));
        } else {
          node->send_batch(to, std::span{some});
        }
      }
    });
  }
  for (auto& each : senders) each.join();
  count.wait_for(threads * batches * length);
  std::uint32_t next[threads] = {};
  for (std::size_t i = 0; i < seen.size(); ++i) {
    REQUIRE(seen[i].number == next[seen[i].thread]++);
    if (i % length != 0) REQUIRE(seen[i].thread == seen[i - 1].thread);
  }
}

TEST_CASE("send_batch: an rvalue is moved from") {
  std::vector<item> seen;
  test_counter count;
  test_node node;
  auto to = node->spawn<receiver>({}, seen, count).value();
  std::vector<owner> owners;
  for (std::uint32_t i = 0; i < 5; ++i) owners.push_back({std::make_unique<std::uint32_t>(i)});
  const auto sent = to.send_batch(std::span{owners}, priority::system);
  REQUIRE(sent.accepted == 5);
  count.wait_for(5);
  for (std::uint32_t i = 0; i < 5; ++i) {
    REQUIRE(owners[i].number == nullptr);
    REQUIRE(seen[i].number == i);
  }
  REQUIRE(to.send_batch(std::vector<item>{}).outcome == send_outcome::accepted);
}

TEST_CASE("send_batch: says how many a bounded mailbox took, and why not the next") {
  struct held : sluice::actor<held, go, item> {
    held(test_counter& entered_, test_counter& gate_) : entered(entered_), gate(gate_) {}
    void on(go) {
      entered.add();
      static_cast<void>(gate.reaches(1));
    }
    void on(item) {}
    test_counter& entered;
    test_counter& gate;
  };
  test_counter entered;
  test_counter gate;
  test_node node;
  auto to = node->spawn<held>({.mailbox_max = 8}, entered, gate).value();
  to.send(go{});
  entered.wait_for(1);
  const std::vector<item> some(20);
  const auto sent = to.send_batch(some);
  REQUIRE((sent.accepted == 7 || sent.accepted == 8));
  REQUIRE(sent.outcome == send_outcome::full);
  REQUIRE(node->messages().full == 1);
  gate.add();
  node.settle();
  to.exit();
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(to.send_batch(some).outcome == send_outcome::unknown);
  REQUIRE(node->send_batch(sluice::pid{}, some).accepted == 0);
}
