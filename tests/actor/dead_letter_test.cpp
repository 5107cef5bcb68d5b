// Dead letters: who subscribes sees each message that nobody will handle.
#include <catch2/catch_test_macros.hpp>

#include <mutex>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

using sluice::dead_letter_reason;
using sluice::dead_letter_report;
using sluice::priority;

namespace {

struct known {};
struct strange {};
struct write_to {
  sluice::pid who;
};
struct stop_listening {};

struct watcher : sluice::actor<watcher, stop_listening> {
  watcher(std::mutex& guard_, std::vector<dead_letter_report>& seen_, test_counter& count_)
      : guard(guard_), seen(seen_), count(count_) {}
  void on_start() { subscribe_dead_letters(); }
  void on(const dead_letter_report& report) {
    {
      const std::lock_guard lock{guard};
      seen.push_back(report);
    }
    count.add();
  }
  void on(stop_listening) {
    if (unsubscribe_dead_letters() && !unsubscribe_dead_letters()) count.add();
  }
  std::mutex& guard;
  std::vector<dead_letter_report>& seen;
  test_counter& count;
};

struct simple : sluice::actor<simple, known, write_to> {
  void on(known) {}
  void on(write_to to) { send(to.who, known{}); }
};

struct blocked : sluice::actor<blocked, known> {
  blocked(test_counter& entered_, test_counter& gate_) : entered(entered_), gate(gate_) {}
  void on(known) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  test_counter& entered;
  test_counter& gate;
};

}  // namespace

TEST_CASE("dead letters: a report tells why, from whom, to whom and of what type") {
  std::mutex guard;
  std::vector<dead_letter_report> seen;
  test_counter count;
  test_counter entered;
  test_counter gate;
  test_node node;
  auto eye = node->spawn<watcher>({}, guard, seen, count).value();
  auto one = node->spawn<simple>().value();
  const auto last = [&] {
    const std::lock_guard lock{guard};
    return seen.back();
  };
  // Unhandled, from outside.
  node->send(one, strange{});
  count.wait_for(1);
  REQUIRE(last().reason == dead_letter_reason::unhandled);
  REQUIRE(last().to == sluice::address{one.id()});
  REQUIRE_FALSE(last().from.is_valid());
  REQUIRE(last().type_name.find("strange") != std::string_view::npos);
  // To one who has ended.
  auto gone = node->spawn<simple>().value();
  gone.exit();
  eventually([&] { return node->messages().alive == 2; });
  one.send(write_to{gone.id()});
  count.wait_for(2);
  REQUIRE(last().reason == dead_letter_reason::unknown);
  REQUIRE(last().from == sluice::address{one.id()});
  REQUIRE(last().to == sluice::address{gone.id()});
  REQUIRE(std::string{sluice::to_string(last().reason)} == "unknown");
  // Full, then left behind at an end.
  auto full = node->spawn<blocked>({.mailbox_max = 2}, entered, gate).value();
  full.send(known{});
  entered.wait_for(1);
  full.send(known{});
  full.send(known{});
  count.wait_for(3);
  REQUIRE(last().reason == dead_letter_reason::full);
  REQUIRE(last().to == sluice::address{full.id()});
  full.exit();
  gate.add();
  count.wait_for(4);
  REQUIRE(last().reason == dead_letter_reason::receiver_ended);
  REQUIRE(last().to == sluice::address{full.id()});
  // Taken back.
  eye.send(stop_listening{});
  count.wait_for(5);
  node->send(one, strange{});
  node.settle();
  REQUIRE(count.value() == 5);
}

TEST_CASE("dead letters: a report that nobody takes is not reported, and a watcher may end") {
  std::mutex guard;
  std::vector<dead_letter_report> seen;
  test_counter count;
  test_node node;
  auto one = node->spawn<simple>().value();
  for (int round = 0; round < 20; ++round) {
    auto eye = node->spawn<watcher>({}, guard, seen, count).value();
    node->send(one, strange{});
    eye.exit();
    node->send(one, strange{});
  }
  eventually([&] { return node->messages().alive == 1; });
  node->send(one, strange{});
  node.settle();
  REQUIRE(node->messages().unhandled == 41);
}
