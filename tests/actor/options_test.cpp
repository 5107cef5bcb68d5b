// Options of spawns: environments, what a full mailbox does, send priority, log level.
#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actor/test_node.hpp"

using sluice::log_severity;
using sluice::overflow_policy;
using sluice::priority;
using sluice::send_outcome;

namespace {

std::string text_of(std::optional<std::string_view> value) {
  return value ? std::string{*value} : "(none)";
}

struct look {};
struct spawn_below {};
struct seen {
  std::string who;
  std::string first;
  std::string second;
};

struct record {
  std::mutex guard;
  std::vector<seen> all;
  test_counter count;
  void add(seen one) {
    {
      const std::lock_guard lock{guard};
      all.push_back(std::move(one));
    }
    count.add();
  }
  std::string of(std::string_view who) {
    const std::lock_guard lock{guard};
    for (const seen& each : all) {
      if (each.who == who) return each.first + "," + each.second;
    }
    return "nobody";
  }
};

struct meta_reader : sluice::meta<meta_reader> {
  meta_reader(std::string name_, record& to) : name(std::move(name_)), out(to) {}
  void init() { out.add({name + " init", text_of(env("FIRST")), text_of(env("SECOND"))}); }
  void start(std::stop_token stop) {
    out.add({name + " start", text_of(env("FIRST")), text_of(env("SECOND"))});
    if (name == "meta") {
      static_cast<void>(spawn_meta<meta_reader>({.is_pinned = false}, "meta's meta", out));
    }
    static_cast<void>(wait_for_stop(stop));
  }
  std::string name;
  record& out;
};

struct reader : sluice::actor<reader, spawn_below> {
  reader(std::string name_, record& to) : name(std::move(name_)), out(to) {}
  void on_start() { out.add({name, text_of(env("FIRST")), text_of(env("SECOND"))}); }
  void on(spawn_below) {
    static_cast<void>(spawn<reader>({}, "heir", out));
    static_cast<void>(spawn<reader>({.env = {{"SECOND", "own"}}}, "own", out));
    static_cast<void>(spawn_meta<meta_reader>({.is_pinned = false}, "meta", out));
  }
  std::string name;
  record& out;
};

}  // namespace

TEST_CASE("env: the node's is everybody's, a spawn may replace and add, what is below inherits") {
  record out;
  auto options = plain_options();
  options.env = {{"FIRST", "node"}};
  test_node node{options};
  static_cast<void>(node->spawn<reader>({}, "plain", out));
  static_cast<void>(node->spawn_meta<meta_reader>({.is_pinned = false}, "node's meta", out));
  auto top = node->spawn<reader>({.env = {{"SECOND", "early"}, {"SECOND", "top"}}}, "top", out);
  top.value().send(spawn_below{});
  out.count.wait_for(10);
  REQUIRE(out.of("plain") == "node,(none)");
  REQUIRE(out.of("node's meta start") == "node,(none)");
  REQUIRE(out.of("top") == "node,top");
  REQUIRE(out.of("heir") == "node,top");
  REQUIRE(out.of("own") == "node,own");
  for (const char* each : {"meta init", "meta start", "meta's meta init", "meta's meta start"}) {
    REQUIRE(out.of(each) == "node,top");
  }
}

namespace {

struct item {
  std::uint32_t number = 0;
};
struct wait_here {};

// Its first message waits until the test lets it go on, so mail piles up behind it.
template <class Base>
struct held_up : Base {
  held_up(std::vector<std::uint32_t>& to, test_counter& entered_, test_counter& gate_)
      : handled(to), entered(entered_), gate(gate_) {}
  void on(wait_here) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(item one) {
    handled.push_back(one.number);
    entered.add();
  }
  std::vector<std::uint32_t>& handled;
  test_counter& entered;
  test_counter& gate;
};
struct held_process : held_up<sluice::actor<held_process, item, wait_here>> {
  using held_up::held_up;
};
struct held_meta : held_up<sluice::meta<held_meta, item, wait_here>> {
  using held_up::held_up;
  void start(std::stop_token stop) { static_cast<void>(wait_for_stop(stop)); }
};

template <class Handle>
void check_drop_oldest(test_node& node, Handle to, std::vector<std::uint32_t>& handled,
                       test_counter& entered, test_counter& gate) {
  to.send(wait_here{});
  entered.wait_for(1);
  std::uint32_t sent = 0;
  while (to.send(item{sent}) == send_outcome::accepted) ++sent;
  // Refused from twice the bound on; the one under way may have its place still.
  REQUIRE((sent == 19 || sent == 20));
  REQUIRE(to.send(item{1000}, priority::system) == send_outcome::accepted);
  gate.add();
  node.settle();
  const auto overflowed = static_cast<std::uint32_t>(node->messages().overflowed);
  entered.wait_for(1 + sent + 1 - overflowed);  // Orders what the handlers wrote before the rest.
  // The newest ten (nine, with the one under way) are left, in order, after the control message.
  REQUIRE(handled.size() >= 10);
  REQUIRE(handled.size() <= 11);
  REQUIRE(handled[0] == 1000);
  for (std::size_t i = 1; i < handled.size(); ++i) {
    REQUIRE(handled[i] == sent - (handled.size() - i));
  }
  REQUIRE(overflowed == sent - (handled.size() - 1));
  for (std::uint32_t i = 0; i < 9; ++i) REQUIRE(to.send(item{i}) == send_outcome::accepted);
  node.settle();
  REQUIRE(node->messages().full == 1);
}

}  // namespace

TEST_CASE("mailbox option drop_oldest: keeps the newest, drops the oldest, refuses at twice") {
  std::vector<std::uint32_t> handled;
  test_counter entered;
  test_counter gate;
  test_node node;
  auto process = node->spawn<held_process>(
      {.mailbox_max = 10, .overflow = overflow_policy::drop_oldest}, handled, entered, gate);
  check_drop_oldest(node, process.value(), handled, entered, gate);
}

TEST_CASE("mailbox option drop_oldest: metas have it too") {
  std::vector<std::uint32_t> handled;
  test_counter entered;
  test_counter gate;
  test_node node;
  auto meta = node->spawn_meta<held_meta>(
      {.mailbox_max = 10, .overflow = overflow_policy::drop_oldest, .is_pinned = false}, handled,
      entered, gate);
  check_drop_oldest(node, meta.value(), handled, entered, gate);
}

TEST_CASE("mailbox option drop_oldest: a flood from several threads loses only old messages") {
  std::vector<std::uint32_t> handled;
  test_counter entered;
  test_counter gate;
  gate.add();
  test_node node;
  auto made = node->spawn<held_process>(
      {.mailbox_max = 16, .overflow = overflow_policy::drop_oldest}, handled, entered, gate);
  const auto to = made.value();
  constexpr std::uint32_t count = has_sanitizer ? 5'000 : 50'000;
  test_counter accepted;
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([to, thread, &accepted] {
      for (std::uint32_t i = 0; i < count; ++i) {
        if (to.send(item{thread << 24 | i}) == send_outcome::accepted) accepted.add();
      }
    });
  }
  for (auto& each : threads) each.join();
  node.settle();
  const auto sums = node.finish();
  REQUIRE(handled.size() + sums.overflowed == accepted.value());
  std::uint32_t next[3] = {};
  for (const std::uint32_t number : handled) {  // In the order sent, with gaps.
    REQUIRE((number & 0xffffff) >= next[number >> 24]);
    next[number >> 24] = (number & 0xffffff) + 1;
  }
}

namespace {

struct speak {};
struct speaker : sluice::meta<speaker, speak> {
  speaker(sluice::address to_, test_counter& done_) : to(to_), done(done_) {}
  void start(std::stop_token stop) { static_cast<void>(wait_for_stop(stop)); }
  void on(speak) {
    send(to, item{1}, priority::main);
    send(to, item{2});
    log(log_severity::info, "left out");
    log(log_severity::warning, "said by the meta");
    done.add();
  }
  sluice::address to;
  test_counter& done;
};
struct logger : sluice::actor<logger, speak> {
  void on(speak) { log(log_severity::error, "said by the process"); }
};

}  // namespace

TEST_CASE("meta options: sends without a priority go by the one of the options") {
  std::vector<std::uint32_t> handled;
  test_counter entered;
  test_counter gate;
  test_counter done;
  test_node node;
  auto to = node->spawn<held_process>({}, handled, entered, gate).value();
  to.send(wait_here{});
  entered.wait_for(1);
  auto made = node->spawn_meta<speaker>({.send_priority = priority::system, .is_pinned = false},
                                        to.id(), done);
  made.value().send(speak{});
  done.wait_for(1);
  gate.add();
  entered.wait_for(3);
  node.finish();
  REQUIRE(handled == std::vector<std::uint32_t>{2, 1});
}

TEST_CASE("log: a line says who speaks, and a meta's log level leaves out what is below it") {
  test_counter done;
  test_node node;
  auto made = node->spawn_meta<speaker>({.log_level = log_severity::warning, .is_pinned = false},
                                        sluice::address{}, done);
  made.value().send(speak{});
  done.wait_for(1);
  node->spawn<logger>({.name = "the-logger"}).value().send(speak{});
  auto nameless = node->spawn<logger>().value();
  nameless.send(speak{});
  node.settle();
  const auto log = node.log();
  const auto number = [](auto who) {
    return std::to_string(who.node) + '.' + std::to_string(who.slot) + '.' +
           std::to_string(who.generation);
  };
  REQUIRE(log.find("left out") == std::string::npos);
  REQUIRE(log.find("alias " + number(made.value().id()) + ": said by the meta") !=
          std::string::npos);
  REQUIRE(log.find("the-logger: said by the process") != std::string::npos);
  REQUIRE(log.find("pid " + number(nameless.id()) + ": said by the process") != std::string::npos);
}
