// Messages put aside and taken back in order.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "actor/test_node.hpp"

using sluice::address;
using sluice::any_message;
using sluice::error_code;
using sluice::priority;
using sluice::reply_to;
using sluice::send_outcome;
using namespace std::chrono_literals;

namespace {

struct open {};
struct hold {};
struct item {
  std::uint32_t number = 0;
};
struct box {
  std::unique_ptr<std::uint32_t> number;
};
struct question {
  using reply = std::uint32_t;
};
struct later {
  using reply = std::uint32_t;
};

struct notes {
  std::vector<std::uint32_t> handled;
  std::vector<address> senders;
  test_counter count;    // handled
  test_counter stashed;  // put aside
  test_counter refused;
  test_counter entered;
  test_counter gate;
};

// Puts all aside until it is opened. Not listed: messages come by its handle.
struct door : sluice::actor<door> {
  explicit door(notes& out_) : out(out_) {}
  void on(item&& one) {
    if (!is_open) return note(stash(std::move(one)));
    handle(one.number);
  }
  void on(box&& one) {
    if (!is_open) return note(stash(std::move(one)));
    handle(*one.number);
  }
  std::uint32_t on(const question&) {
    if (!is_open) note(stash());
    return 7;
  }
  void on(later&& asked, reply_to<later>&& answer) {
    if (!is_open) return note(stash(std::move(asked), std::move(answer)));
    answer.reply(8u);
  }
  void on(open) {
    is_open = true;
    unstash_all();
  }
  void on(hold) {
    out.entered.add();
    static_cast<void>(out.gate.reaches(1));
  }
  void note(send_outcome outcome) {
    (outcome == send_outcome::accepted ? out.stashed : out.refused).add();
  }
  void handle(std::uint32_t number) {
    out.handled.push_back(number);
    out.senders.push_back(sender());
    out.count.add();
  }
  notes& out;
  bool is_open = false;
};

struct any_door : sluice::actor<any_door, open> {
  explicit any_door(notes& out_) : out(out_) {}
  void on(any_message& any) {
    if (!is_open) {
      out.stashed.add();
      static_cast<void>(stash(any));
    } else if (const auto* one = any.get<item>()) {
      out.handled.push_back(one->number);
      out.count.add();
    }
  }
  void on(open) {
    is_open = true;
    unstash_all();
  }
  notes& out;
  bool is_open = false;
};

struct feeder : sluice::actor<feeder, open> {
  explicit feeder(sluice::handle<door> to_) : to(to_) {}
  void on(open) {
    for (std::uint32_t i = 0; i < 3; ++i) send(to, item{i});
  }
  sluice::handle<door> to;
};

}  // namespace

TEST_CASE("stash: comes back in order, in front of the mailbox, with its senders") {
  notes out;
  test_node node;
  auto to = node->spawn<door>({}, out).value();
  auto from = node->spawn<feeder>({}, to).value();
  from.send(open{});
  out.stashed.wait_for(3);
  to.send(box{std::make_unique<std::uint32_t>(3)});
  out.stashed.wait_for(4);
  REQUIRE(node->inspect(to, 30s).value().stashed == 4);
  to.send(hold{});
  out.entered.wait_for(1);
  to.send(open{});
  to.send(item{10});
  to.send(item{11});
  out.gate.add();
  out.count.wait_for(6);
  REQUIRE(out.handled == std::vector<std::uint32_t>{0, 1, 2, 3, 10, 11});
  for (int i = 0; i < 3; ++i) REQUIRE(out.senders[i] == address{from});
  REQUIRE_FALSE(out.senders[3].is_valid());
  REQUIRE(node->inspect(to, 30s).value().stashed == 0);
}

TEST_CASE("stash: taken back by a lone message, every time") {
  test_node node{plain_options(1)};
  for (int round = 0; round < 100; ++round) {
    notes out;
    auto to = node->spawn<door>({}, out).value();
    to.send(item{1});
    to.send(item{2});
    out.stashed.wait_for(2);
    to.send(open{});
    out.count.wait_for(2);
    REQUIRE(out.handled == std::vector<std::uint32_t>{1, 2});
    to.exit();
    eventually([&] { return node->messages().alive == 0; });
  }
}

TEST_CASE("stash: keeps lanes and their order") {
  notes out;
  test_node node;
  auto to = node->spawn<any_door>({}, out).value();
  sluice::node& on = *node;
  on.send(to, item{2});
  on.send(to, item{3});
  on.send(to, item{0}, priority::system);
  on.send(to, item{1}, priority::system);
  out.stashed.wait_for(4);
  to.send(open{});
  out.count.wait_for(4);
  // A lower lane has a turn in sixteen, so one of them may come early.
  const auto at = [&](std::uint32_t number) {
    return std::find(out.handled.begin(), out.handled.end(), number) - out.handled.begin();
  };
  REQUIRE(at(0) < at(1));
  REQUIRE(at(2) < at(3));
}

TEST_CASE("stash: a request is answered when it comes back, and times out meanwhile if it must") {
  notes out;
  test_node node;
  auto to = node->spawn<door>({}, out).value();
  REQUIRE(node->call(to, question{}, {.timeout = 20ms}).error().code == error_code::timed_out);
  sluice::result<std::uint32_t> first{0u};
  sluice::result<std::uint32_t> second{0u};
  std::thread one{[&] { first = node->call(to, question{}, {.timeout = 30s}); }};
  std::thread two{[&] { second = node->call(to, later{}, {.timeout = 30s}); }};
  out.stashed.wait_for(3);
  to.send(open{});
  one.join();
  two.join();
  REQUIRE(first.value() == 7);
  REQUIRE(second.value() == 8);
}

TEST_CASE("stash: is bounded by its option, and what it refuses is whole") {
  notes out;
  test_node node;
  auto to = node->spawn<door>({.stash_max = 3}, out).value();
  for (std::uint32_t i = 0; i < 5; ++i) to.send(item{i});
  out.stashed.wait_for(3);
  out.refused.wait_for(2);
  REQUIRE(node->call(to, later{}, {.timeout = 30s}).error().code == error_code::no_reply);
  to.send(open{});
  out.count.wait_for(3);
  REQUIRE(out.handled == std::vector<std::uint32_t>{0, 1, 2});
  auto none = node->spawn<door>({.stash_max = 0}, out).value();
  none.send(item{1});
  out.refused.wait_for(4);
}

TEST_CASE("stash: at the end it is accounted as the rest of the mailbox, requests are answered") {
  notes out;
  test_node node;
  auto to = node->spawn<door>({.mailbox_max = 100}, out).value();
  for (std::uint32_t i = 0; i < 3; ++i) to.send(item{i});
  sluice::result<std::uint32_t> answer{0u};
  std::thread asker{[&] { answer = node->call(to, later{}, {.timeout = 30s}); }};
  out.stashed.wait_for(4);
  to.exit();
  asker.join();
  REQUIRE(answer.error().code == error_code::receiver_ended);
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(node.finish().receiver_ended == 4);
}
