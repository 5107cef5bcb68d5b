// The stall detector: which handler has run for too long, said once.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;

namespace {

struct dawdle {};
struct blink {};

struct sleeper : sluice::actor<sleeper, dawdle, blink> {
  sleeper(test_counter& entered_, test_counter& gate_) : entered(entered_), gate(gate_) {}
  void on(dawdle) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(blink) { send_after(1ms, self(), blink{}); }
  test_counter& entered;
  test_counter& gate;
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("stalls: a handler that runs too long is named once, with its process and its message") {
  test_counter entered;
  test_counter gate;
  auto options = plain_options();
  options.stall_min = 20ms;
  test_node node{options};
  auto busy = node->spawn<sleeper>({.name = "busy"}, entered, gate).value();
  busy.send(blink{});  // Short handlers are none.
  auto slow = node->spawn<sleeper>({.name = "slow"}, entered, gate).value();
  slow.send(dawdle{});
  entered.wait_for(1);
  eventually([&] { return count_of(node.log(), "stall:") != 0; });
  const auto until = sluice::base::now_ns() + 100'000'000;  // Time for a second report, if any.
  eventually([&] { return sluice::base::now_ns() >= until; });
  gate.add();
  busy.exit();
  node.settle();
  const std::string log = node.log();
  INFO(log);
  REQUIRE(count_of(log, "process slow (") == 1);
  REQUIRE(log.find("sleeper") != std::string::npos);
  REQUIRE(log.find("handling") != std::string::npos);
  REQUIRE(log.find("dawdle") != std::string::npos);
}

TEST_CASE("statistics: schedulers tell what they have handled, how often they woke and were busy") {
  test_counter entered;
  test_counter gate;
  test_node node{plain_options(1)};
  auto one = node->spawn<sleeper>({}, entered, gate).value();
  for (int i = 0; i < 5; ++i) {
    gate.add();
    one.send(dawdle{});
    node.settle();
  }
  const auto seen = node->schedulers();
  REQUIRE(seen.size() == 1);
  REQUIRE(seen[0].messages >= 5);
  REQUIRE(seen[0].busy > 0ns);
  REQUIRE(seen[0].wakes <= seen[0].parks);
  node.finish();
}
