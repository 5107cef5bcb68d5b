// Inspecting: what processes and metas say about themselves, and that nothing keeps it away.
#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <thread>

#include "actor/test_node.hpp"
#include "base/clock.hpp"

using namespace std::chrono_literals;
using sluice::completion;
using sluice::error_code;
using sluice::flow_state;
using sluice::inspect;
using sluice::inspect_items;
using sluice::inspection;
using sluice::priority;
using sluice::send_outcome;

namespace {

struct ping {};
struct wait_here {};
struct fetch {
  sluice::address of;
};

std::string item(const inspection& seen, std::string_view name) {
  for (const auto& each : seen.items) {
    if (each.name == name) return each.value;
  }
  return "(none)";
}

struct device : sluice::meta<device, ping, wait_here> {
  device(sluice::address peer_, test_counter& entered_, test_counter& gate_)
      : peer(peer_), entered(entered_), gate(gate_) {}
  void start(std::stop_token stop) {
    if (peer.is_valid()) send(peer, ping{});
    static_cast<void>(wait_for_stop(stop));
  }
  void on(ping) {
    if (peer.is_valid()) send(peer, ping{});
  }
  void on(wait_here) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on_inspect(inspect_items& items) {
    items.add("kind", "device");
    items.add("baud", 9600);
    items.add("ready", true);
    items.set_traffic(12, 34);
  }
  sluice::address peer;
  test_counter& entered;
  test_counter& gate;
};

// A process that listens, inspects others, and can be held up.
struct observer : sluice::actor<observer, ping, fetch, wait_here> {
  observer(test_counter& entered_, test_counter& gate_) : entered(entered_), gate(gate_) {}
  void on(ping) { ++pings; }
  void on(fetch order) { static_cast<void>(request_inspect(order.of, {.label = 5})); }
  void on(completion<inspect> done) {
    if (!done.answer || done.label != 5) return;
    last = std::move(done.answer).value();
    entered.add();
  }
  void on(wait_here) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on_inspect(inspect_items& items) {
    items.add("pings", pings);
    items.add("seen", last.behaviour);
  }
  int pings = 0;
  inspection last;
  test_counter& entered;
  test_counter& gate;
};

// Without a word of its own about itself, and with a handler for everything.
struct silent : sluice::actor<silent> {
  void on(sluice::any_message&) { ++others; }
  int others = 0;
};

}  // namespace

TEST_CASE("inspect: a meta tells who it is, its flows, its mail, its counts and its own items") {
  test_counter entered;
  test_counter gate;
  test_node node;
  auto peer = node->spawn<observer>({.name = "peer"}, entered, gate).value();
  auto made =
      node->spawn_meta<device>({.mailbox_max = 100, .is_pinned = false}, peer.id(), entered, gate)
          .value();
  for (int i = 0; i < 3; ++i) made.send(ping{});
  eventually([&] {
    const auto seen = node->inspect(made);
    return seen && seen->messages_in >= 3 && seen->messages_out == 4;
  });
  const inspection seen = node->inspect(made).value();
  REQUIRE(seen.who == sluice::address{made.id()});
  REQUIRE(seen.parent.is_valid());
  REQUIRE_FALSE(seen.parent.is_meta);
  REQUIRE(seen.behaviour.find("device") != std::string::npos);
  REQUIRE(seen.handler == flow_state::running);
  REQUIRE(seen.start == flow_state::running);
  REQUIRE(seen.mailbox_max == 100);
  for (const auto count : seen.queued) REQUIRE(count == 0);
  REQUIRE(seen.oldest_age == 0ns);
  REQUIRE(seen.up_time > 0ns);
  REQUIRE(seen.bytes_in == 12);
  REQUIRE(seen.bytes_out == 34);
  REQUIRE(item(seen, "kind") == "device");
  REQUIRE(item(seen, "baud") == "9600");
  REQUIRE(item(seen, "ready") == "true");
}

TEST_CASE("inspect: a process tells its name and mail, whatever handlers it has") {
  test_counter entered;
  test_counter gate;
  test_node node;
  auto peer = node->spawn<observer>({.name = "peer"}, entered, gate).value();
  peer.send(ping{});
  node.settle();
  const inspection seen = node->inspect(peer).value();
  REQUIRE(seen.name == "peer");
  REQUIRE(seen.start == flow_state::absent);
  REQUIRE(item(seen, "pings") == "1");
  auto other = node->spawn<silent>().value();
  REQUIRE(node->inspect(other)->behaviour.find("silent") != std::string::npos);
  const sluice::pid gone = other.id();
  other.exit();
  eventually([&] { return node->messages().alive == 1; });
  REQUIRE(node->inspect(gone).error().code == error_code::unknown_address);
}

TEST_CASE("inspect: a process inspects by request, and hears of it once") {
  test_counter entered;
  test_counter gate;
  test_node node;
  auto from = node->spawn<observer>({}, entered, gate).value();
  auto made =
      node->spawn_meta<device>({.is_pinned = false}, sluice::address{}, entered, gate).value();
  from.send(fetch{made.id()});
  entered.wait_for(1);
  REQUIRE(item(node->inspect(from).value(), "seen").find("device") != std::string::npos);
}

TEST_CASE("meta rule 7: an inspect passes a full mailbox and stands in front of the data") {
  test_counter entered;
  test_counter gate;
  test_node node;
  auto made = node->spawn_meta<device>({.mailbox_max = 40, .is_pinned = false}, sluice::address{},
                                       entered, gate)
                  .value();
  made.send(wait_here{});
  entered.wait_for(1);
  std::uint64_t waiting = 0;
  while (made.send(ping{}) == send_outcome::accepted) ++waiting;
  REQUIRE(made.send(ping{}, priority::log) == send_outcome::full);
  std::optional<sluice::result<inspection>> seen;
  std::thread asks{[&] { seen = node->inspect(made, 30s); }};
  eventually([&] { return node->messages().sent >= waiting + 4; });  // It is in the mailbox.
  const auto until = sluice::base::now_ns() + 30'000'000;            // The age to be seen.
  eventually([&] { return sluice::base::now_ns() >= until; });
  gate.add();
  asks.join();
  REQUIRE(seen->has_value());
  const inspection told = seen->value();
  REQUIRE(told.queued[static_cast<int>(priority::main)] == waiting);
  REQUIRE(told.queued[static_cast<int>(priority::log)] == 0);
  REQUIRE(told.oldest_age >= 25ms);
  REQUIRE(told.oldest_age <= 60s);
}

TEST_CASE("inspect: one that is held up times out, and answers in vain later") {
  test_counter entered;
  test_counter gate;
  test_node node;
  auto made =
      node->spawn_meta<device>({.is_pinned = false}, sluice::address{}, entered, gate).value();
  made.send(wait_here{});
  entered.wait_for(1);
  REQUIRE(node->inspect(made, 5ms).error().code == error_code::timed_out);
  gate.add();
  REQUIRE(node->inspect(made));
}

namespace {

struct ring_meta : sluice::meta<ring_meta> {
  sluice::io::task<> start(sluice::io::context& io) {
    started_on = std::this_thread::get_id();
    co_await io.stopped();
  }
  void on_inspect(inspect_items& items) {
    items.add("on ring", std::this_thread::get_id() == started_on);
  }
  std::thread::id started_on;
};

}  // namespace

TEST_CASE("inspect: an I/O meta answers on its ring's thread") {
  auto options = plain_options();
  options.io = true;
  options.io_threads = 1;
  test_node node{options};
  auto made = node->spawn_meta<ring_meta>().value();
  const inspection seen = node->inspect(made).value();
  REQUIRE(item(seen, "on ring") == "true");
  REQUIRE(seen.start == flow_state::running);
}

namespace {

struct insider : sluice::actor<insider, ping> {
  insider(sluice::node& on_, test_counter& right_) : on_node(on_), right(right_) {}
  void on(ping) {
    if (on_node.inspect(self()).error().code == error_code::bad_argument) right.add();
  }
  sluice::node& on_node;
  test_counter& right;
};

}  // namespace

TEST_CASE("inspect: a handler may not wait for it") {
  test_counter right;
  test_node node;
  auto made = node->spawn<insider>({}, std::ref(*node), right).value();
  made.send(ping{});
  right.wait_for(1);
}

TEST_CASE("meta rule 7: an inspect that races with the end gets an answer or an error") {
  test_counter entered;
  test_counter gate;
  test_node node;
  constexpr int rounds = has_sanitizer ? 30 : 200;
  int answered = 0;
  for (int round = 0; round < rounds; ++round) {
    auto made =
        node->spawn_meta<device>({.is_pinned = false}, sluice::address{}, entered, gate).value();
    std::thread ends{[made] { made.exit(); }};
    const auto seen = node->inspect(made, 30s);
    ends.join();
    if (seen) {
      ++answered;
    } else {
      REQUIRE((seen.error().code == error_code::receiver_ended ||
               seen.error().code == error_code::unknown_address));
    }
  }
  INFO(answered << " of " << rounds);
}

namespace {

struct rate {};
struct gather {};

struct member : sluice::actor<member, ping, gather, wait_here> {
  void on_start() {
    static_cast<void>(join_group("crew"));
    rates = register_event<rate>("rates").value();
    static_cast<void>(subscribe(rates));
  }
  void on(ping) { send(self(), gather{}); }
  void on(gather) {}
  void on(wait_here) { static_cast<void>(spawn_meta<ring_like>({.is_pinned = false})); }
  void on(sluice::published<rate>) {}
  struct ring_like : sluice::meta<ring_like> {
    void start(std::stop_token stop) { static_cast<void>(wait_for_stop(stop)); }
  };
  sluice::event<rate> rates;
};

}  // namespace

TEST_CASE("inspect: a process tells what it is part of and, from the first look on, what it does") {
  test_node node;
  auto one = node->spawn<member>().value();
  const inspection first = node->inspect(one).value();
  REQUIRE(first.groups == std::vector<std::string>{"crew"});
  REQUIRE(first.events_owned == 1);
  REQUIRE(first.events_heard == 1);
  REQUIRE(first.messages_in == 0);
  eventually([&] {  // The first look's own activation is not counted, and may handle some of these.
    one.send(wait_here{});
    for (int i = 0; i < 10; ++i) one.send(ping{});
    node.settle();
    const auto seen = node->inspect(one);
    return seen && seen->messages_in >= 21 && seen->messages_out >= 10 && seen->metas >= 1 &&
           seen->activations >= 1 && seen->running > 0ns && seen->counted_for > seen->running;
  });
}

TEST_CASE("inspect: the node lists who lives, with name and type, while others come and go") {
  test_counter entered;
  test_counter gate;
  test_node node;
  static_cast<void>(node->spawn<observer>({.name = "peer"}, entered, gate).value());
  static_cast<void>(
      node->spawn_meta<device>({.is_pinned = false}, sluice::address{}, entered, gate).value());
  sluice::base::atomic<bool> is_over{false};
  std::thread churn{[&] {
    while (!is_over.load(sluice::base::relaxed)) {  // Relaxed: a flag alone.
      auto short_lived = node->spawn<silent>({.name = "short"});
      if (short_lived) short_lived->exit();
    }
  }};
  for (int i = 0; i < 200; ++i) {
    std::size_t peers = 0;
    std::size_t devices = 0;
    for (const auto& each : node->processes()) {
      const bool is_observer = each.behaviour.find("observer") != each.behaviour.npos;
      const bool is_device = each.behaviour.find("device") != each.behaviour.npos;
      if (is_observer && each.name == "peer" && !each.who.is_meta) ++peers;
      if (is_device && each.who.is_meta) ++devices;
      if (!is_observer && !is_device && each.behaviour.find("silent") == each.behaviour.npos)
        ++peers;
    }
    CHECK(peers == 1);
    CHECK(devices == 1);
  }
  is_over.store(true, sluice::base::relaxed);  // Relaxed: as above.
  churn.join();
}
