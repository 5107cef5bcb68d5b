// Aliases of processes: further addresses.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "actor/scripted.hpp"

using namespace std::chrono_literals;
using sluice::alias;
using sluice::exit_reason;
using sluice::pid;
using sluice::send_outcome;
using lines = std::vector<std::string>;

namespace {

struct total {
  using reply = int;
};
struct numbered {
  std::uint32_t from = 0;
  std::uint32_t value = 0;
};
struct begin {};
struct replace {};

// Has an alias that it replaces now and then.
struct renamed : sluice::actor<renamed, total, replace, numbered> {
  void on_start() { on(replace{}); }
  int on(total) { return 7; }
  void on(replace) {
    if (own.is_valid() && !destroy_alias(own)) ++wrong;
    const auto made = create_alias();
    own = made ? made.value() : alias{};
  }
  void on(const numbered& one) {
    if (one.value < expected[one.from % 4]) ++wrong;
    expected[one.from % 4] = one.value + 1;
  }
  void on_inspect(sluice::inspect_items& items) {
    items.add("wrong", wrong);
    items.add("slot", own.slot);
    items.add("generation", own.generation);
  }
  alias own;
  std::uint32_t wrong = 0;
  std::array<std::uint32_t, 4> expected{};
};

alias own_alias(sluice::node& node, const sluice::handle<renamed>& who) {
  const auto seen = node.inspect(who).value();
  alias own{who.id().node, 0, 0};
  for (const auto& item : seen.items) {
    if (item.name == "slot") own.slot = static_cast<std::uint32_t>(std::stoul(item.value));
    if (item.name == "generation") {
      own.generation = static_cast<std::uint32_t>(std::stoul(item.value));
    }
  }
  return own;
}

// Sends by the alias and by the pid in turns.
struct by_both : sluice::actor<by_both, begin> {
  by_both(sluice::handle<renamed> to, alias by, std::uint32_t own, std::uint32_t count,
          test_counter& over)
      : target(to), through(by), number(own), left(count), done(over) {}
  void on(begin) {
    for (int i = 0; i < 64 && left != 0; ++i, --left) {
      numbered next{number, value++};
      if (i % 3 == 0) {
        send(target.id(), next);
      } else {
        send(through, next);
      }
    }
    if (left != 0) {
      send(self(), begin{});
    } else {
      done.add();
    }
  }
  sluice::handle<renamed> target;
  alias through;
  std::uint32_t number, value = 0, left;
  test_counter& done;
};

}  // namespace

TEST_CASE("alias: what is sent, asked and told by it reaches its owner, in the order sent") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  alias own;
  on.tell(b, [&own](scripted& self) { own = self.create_alias().value(); });
  on.tell(a, [&own, b](scripted& self) {
    for (int i = 0; i < 3; ++i) {
      self.send(own, say{"alias"});
      self.send(own, say{"alias"});
      self.send(b.id(), say{"pid"});
    }
    self.note(self.send("nobody", say{}) == send_outcome::unknown ? "unknown" : "sent");
  });
  lines expected{"a: unknown"};
  for (int i = 0; i < 3; ++i) {
    expected.insert(expected.end(), {"b: heard alias", "b: heard alias", "b: heard pid"});
  }
  REQUIRE(on.lines() == expected);
  const auto seen = on.node->inspect(own);
  REQUIRE(seen);
  REQUIRE(seen.value().who == b.id());
  on.tell(b, [&own, b](scripted& self) {
    self.send(own, say{"from itself"});
    self.link(own);
    self.note(self.monitor(own).number != 0 ? "monitors nobody" : "");
  });
  REQUIRE(on.lines().back() == "b: heard from itself");
  REQUIRE(on.node->exit(own) == send_outcome::accepted);
  on.node.settle();
  REQUIRE(on.lines().back() == "b: ended shutdown");
  REQUIRE(on.node->exit(own) == send_outcome::unknown);
}

TEST_CASE("alias: links and monitors by it mean its owner, after it was destroyed too") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  alias own;
  on.tell(b, [&own](scripted& self) { own = self.create_alias().value(); });
  on.tell(a, [&own](scripted& self) {
    self.trap_exit(true);
    self.link(own);
    self.monitor(own);
  });
  on.tell(b, [&own](scripted& self) {
    self.note(self.destroy_alias(own) ? "destroyed" : "unknown");
    self.note(self.destroy_alias(own) ? "destroyed" : "unknown");
  });
  on.tell(a, [&own](scripted& self) {
    self.monitored = self.monitor(own);
    self.note(self.send(own, say{}) == send_outcome::unknown ? "refused" : "sent");
  });
  on.tell(b, [](scripted& self) { self.exit(exit_reason::error("over")); });
  on.tell(a, [&own, b](scripted& self) {
    self.note(self.last_down.who == own ? "by alias" : "by pid");
    self.note(self.last_exit.from == b.id() ? "by pid" : "by alias");
  });
  const lines seen = on.lines();
  REQUIRE(seen == lines{"b: destroyed", "b: unknown", "a: refused", "a: down no_process",
                        "b: ended error: over", "a: link error: over", "a: down error: over",
                        "a: by alias", "a: by pid"});
}

TEST_CASE("alias: requests by it are answered; it ends with its owner and is never another's") {
  test_node node;
  std::set<alias> all;
  for (int i = 0; i < 300; ++i) {
    const auto made = node->spawn<renamed>();
    REQUIRE(made);
    const alias first = own_alias(*node, made.value());
    REQUIRE(all.insert(first).second);
    const auto answer = node->call(sluice::address{first}, total{});
    REQUIRE(answer);
    REQUIRE(answer.value() == 7);
    made.value().send(replace{});
    REQUIRE(node->call(made.value(), total{}));  // Behind the one before; inspecting is not.
    const alias second = own_alias(*node, made.value());
    REQUIRE(all.insert(second).second);
    const auto lost = node->call(sluice::address{first}, total{});
    REQUIRE(!lost);
    REQUIRE(lost.error().code == sluice::error_code::unknown_address);
    made.value().exit();
    eventually([&] { return made.value().send(replace{}) == send_outcome::unknown; });
    REQUIRE(node->exit(second) == send_outcome::unknown);
  }
}

TEST_CASE("alias: by pid and by alias is one order, of a bounded owner too, while it is replaced") {
  constexpr std::uint32_t count = has_sanitizer ? 5'000 : 50'000;
  test_counter done;
  test_node node;
  for (const std::uint32_t bound : {0u, 64u}) {
    const auto target = node->spawn<renamed>({.mailbox_max = bound});
    REQUIRE(target);
    const alias through = own_alias(*node, target.value());
    const std::uint32_t before = done.value();
    for (std::uint32_t i = 0; i < 4; ++i) {
      const auto made = node->spawn<by_both>({}, target.value(), through, i, count, std::ref(done));
      REQUIRE(made);
      made.value().send(begin{});
    }
    // Others' aliases come and go in the same slots.
    while (done.value() < before + 4) {
      const auto other = node->spawn<renamed>();
      REQUIRE(other);
      if (done.value() == before) target.value().send(replace{});
      other.value().exit();
    }
    node.settle();
    const auto seen = node->inspect(target.value()).value();
    REQUIRE(seen.items.at(0).value == "0");
  }
}
