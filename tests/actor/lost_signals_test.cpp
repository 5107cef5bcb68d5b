// What the runtime says to a process arrives, whatever its mailbox, its stash or its handlers do.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <semaphore>
#include <string>
#include <vector>

#include "actor/relation_signals.hpp"
#include "actor/scripted.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::exit_reason;
using sluice::overflow_policy;
using sluice::priority;
using sluice::send_outcome;
using sluice::task;

namespace {

struct go {};
struct open {};
struct item {
  std::uint32_t number = 0;
};
struct question {
  using reply = int;
};
struct victim : sluice::actor<victim> {};

// Puts what it hears of ends aside until it is opened.
struct postponing : sluice::actor<postponing, go, open> {
  postponing(trace& out_) : out(out_) {}
  void on(go) {
    trap_exit(true);
    const auto watched = spawn<victim>({.monitor = true}).value();
    const auto linked = spawn<victim>({.link = true}).value();
    exit(watched.id(), exit_reason::shutdown());
    exit(linked.id(), exit_reason::shutdown());
  }
  void on(const sluice::down&) { hear("down"); }
  void on(const sluice::exit_signal&) { hear("exit"); }
  void on(open) {
    is_open = true;
    unstash_all();
  }
  void hear(const char* what) {
    if (!is_open) static_cast<void>(stash());
    out.note(is_open ? what : "aside");
  }
  trace& out;
  bool is_open = false;
};

}  // namespace

TEST_CASE("stash: a down and a trapped exit that were put aside come back") {
  trace out;
  test_node node;
  const auto who = node->spawn<postponing>({}, out).value();
  who.send(go{});
  static_cast<void>(out.wait_for(2));
  who.send(open{});
  auto lines = out.wait_for(4);
  std::sort(lines.begin(), lines.end());
  CHECK(lines == std::vector<std::string>{"aside", "aside", "down", "exit"});
}

namespace {

// Takes its mail behind a gate, so that it finds too much of it.
struct flooded : sluice::actor<flooded, go, item> {
  flooded(trace& out_, test_counter& entered_, test_counter& gate_)
      : out(out_), entered(entered_), gate(gate_) {}
  void on(go) {
    const auto watched = spawn<victim>({.monitor = true}).value();
    exit(watched.id(), exit_reason::shutdown());
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(item) {
    entered.add();
    static_cast<void>(gate.reaches(2));
  }
  void on(const sluice::down&) { out.note("down"); }
  trace& out;
  test_counter& entered;
  test_counter& gate;
};

}  // namespace

TEST_CASE("bounded mailbox: one that drops its oldest does not drop a down") {
  trace out;
  test_counter entered;
  test_counter gate;
  test_node node;
  const auto who =
      node->spawn<flooded>({.mailbox_max = 4, .overflow = overflow_policy::drop_oldest}, out,
                           entered, gate)
          .value();
  who.send(go{});
  entered.wait_for(1);
  // The down, which is urgent, is handled first and waits behind these in the main lane.
  for (std::uint32_t i = 0; i < 3; ++i) REQUIRE(who.send(item{i}) == send_outcome::accepted);
  eventually([&] { return node->messages().alive == 1; });
  gate.add();
  entered.wait_for(2);
  while (who.send(item{9}) == send_outcome::accepted) {
  }
  gate.add();
  CHECK(out.wait_for(1) == std::vector<std::string>{"down"});
  node.settle();
  CHECK(node->messages().dropped != 0);
}

namespace {

struct rate {};
// Hears an event of its own that is over.
struct late_listener : sluice::actor<late_listener, go, item> {
  late_listener(trace& out_, test_counter& entered_, test_counter& gate_)
      : out(out_), entered(entered_), gate(gate_) {}
  void on(go) {
    const auto rates = register_event<rate>("rates").value();
    unregister_event(rates.id());
    out.note(subscribe(rates) ? "subscribed" : "refused");
  }
  void on(item) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(const sluice::published<rate>&) {}
  void on(const sluice::event_ended& over) { out.note("over: " + over.reason.message()); }
  trace& out;
  test_counter& entered;
  test_counter& gate;
};

struct rate_producer : sluice::actor<rate_producer, go> {
  rate_producer(test_counter& begun_) : begun(begun_) {}
  void on_start() {
    rates = register_event<rate>("rates").value();
    begun.add();
  }
  void on(go) { unregister_event(rates.id()); }
  test_counter& begun;
  sluice::event<rate> rates;
};
struct bounded_listener : sluice::actor<bounded_listener, go, item> {
  bounded_listener(trace& out_, test_counter& entered_, test_counter& gate_)
      : out(out_), entered(entered_), gate(gate_) {}
  void on_start() { static_cast<void>(subscribe<rate>("rates")); }
  void on(go) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(item) {}
  void on(const sluice::published<rate>&) {}
  void on(const sluice::event_ended&) { out.note("over"); }
  trace& out;
  test_counter& entered;
  test_counter& gate;
};

}  // namespace

TEST_CASE("event: who subscribes when it is just ending hears of the end") {
  trace out;
  test_counter entered;
  test_counter gate;
  test_node node{plain_options(1)};
  node->spawn<late_listener>({}, out, entered, gate).value().send(go{});
  CHECK(out.wait_for(2) == std::vector<std::string>{"subscribed", "over: no_process"});
}

TEST_CASE("event: its end is told to a subscriber whose mailbox is full") {
  trace out;
  test_counter entered;
  test_counter gate;
  test_node node;
  const auto producer = node->spawn<rate_producer>({}, entered).value();
  const auto who = node->spawn<bounded_listener>({.mailbox_max = 2}, out, entered, gate).value();
  who.send(go{});
  entered.wait_for(2);
  while (who.send(item{}) == send_outcome::accepted) {
  }
  producer.send(go{});
  eventually([&] { return node->messages().alive == 2; });  // The event has ended.
  gate.add();
  CHECK(out.wait_for(1) == std::vector<std::string>{"over"});
}

namespace {

// Takes everything, and waits in between.
struct takes_all : sluice::actor<takes_all, go> {
  takes_all(trace& out_) : out(out_) {}
  task<void> on(go) {
    out.note("begin");
    co_await sleep(50ms);
    out.note("end");
  }
  void on(sluice::any_message&) { out.note("any"); }
  trace& out;
};

}  // namespace

TEST_CASE("call: what a catch-all takes waits for the handler that waits, in any lane") {
  trace out;
  test_node node;
  const sluice::address who = node->spawn<takes_all>({}, out).value();
  node->send(who, go{});
  static_cast<void>(out.wait_for(1));
  node->send(who, item{1}, priority::urgent);
  node->send(who, item{2}, priority::system);
  CHECK(out.wait_for(4) == std::vector<std::string>{"begin", "end", "any", "any"});
}

namespace {

struct meeting {
  std::counting_semaphore<> came_first{0};
  std::counting_semaphore<> came_second{0};
};
struct meets : sluice::actor<meets, go, item> {
  meets(trace& out_, meeting& at_) : out(out_), at(at_) {}
  task<void> on(go) {  // Leaves one idle helper behind.
    static_cast<void>(co_await offload([] {}));
    out.note("ready");
  }
  task<void> on(item which) {
    meeting& there = at;
    const bool is_first = which.number == 0;
    const auto met = co_await offload([&there, is_first] {
      (is_first ? there.came_first : there.came_second).release();
      return (is_first ? there.came_second : there.came_first).try_acquire_for(10s);
    });
    out.note(met && met.value() ? "met" : "alone");
  }
  trace& out;
  meeting& at;
};
struct both : sluice::actor<both, go> {
  both(sluice::address one_, sluice::address other_) : one(one_), other(other_) {}
  void on(go) {
    send(one, item{0});
    send(other, item{1});
  }
  sluice::address one;
  sluice::address other;
};

}  // namespace

TEST_CASE("offload: an idle helper is not counted upon twice") {
  trace out;
  meeting at;
  test_node node{plain_options(1)};
  const auto one = node->spawn<meets>({}, out, at).value();
  const auto other = node->spawn<meets>({}, out, at).value();
  one.send(go{});
  static_cast<void>(out.wait_for(1));
  std::this_thread::sleep_for(5ms);  // The helper may be idle by now; nothing depends on it.
  node->spawn<both>({}, one, other).value().send(go{});
  CHECK(out.wait_for(3) == std::vector<std::string>{"ready", "met", "met"});
}

TEST_CASE("link: two unlink each other and one ends: nothing is kept of it") {
  trace notes;
  test_counter entered;
  test_counter gate;
  test_node node;
  const auto one = node->spawn<scripted>({}, std::ref(notes), "one").value();
  const auto other = node->spawn<scripted>({}, std::ref(notes), "other").value();
  const sluice::address to_one = one;
  const sluice::address to_other = other;
  one.send(act{[&](scripted& self) { self.link(to_other); }});
  node.settle();
  one.send(act{[&](scripted& self) {
    entered.add();
    static_cast<void>(gate.reaches(1));
    self.unlink(to_other);
  }});
  entered.wait_for(1);
  other.send(act{[&](scripted& self) {
    self.unlink(to_one);
    self.exit();
  }});
  eventually([&] { return node->messages().alive == 1; });
  gate.add();
  node.settle();
  std::uint32_t left = 99;
  one.send(act{[&](scripted& self) {
    left = sluice::core::relations_or_null(self.place())->links.count();
    self.note("looked");
  }});
  static_cast<void>(notes.wait_for(2));  // The other's end, and this.
  CHECK(left == 0);
}

TEST_CASE(
    "monitor, link: what reaches one that is just ending is answered, though it knew nobody") {
  trace notes;
  test_counter entered;
  test_counter gate;
  test_node node;
  struct busy : sluice::actor<busy, go> {  // Has heard of nothing but its mailbox.
    busy(test_counter& entered_, test_counter& gate_) : entered(entered_), gate(gate_) {}
    void on(go) {
      entered.add();
      static_cast<void>(gate.reaches(1));
    }
    test_counter& entered;
    test_counter& gate;
  };
  const auto ending = node->spawn<busy>({}, entered, gate).value();
  const auto one = node->spawn<scripted>({}, std::ref(notes), "one").value();
  ending.send(go{});
  entered.wait_for(1);
  const sluice::address who = ending;
  one.send(act{[&](scripted& self) {
    self.trap_exit(true);
    self.exit(who, exit_reason::shutdown());
    static_cast<void>(self.monitor(who));
    self.link(who);
    self.note("asked");
  }});
  static_cast<void>(notes.wait_for(1));
  node->send(sluice::address{one}, say{"still here"});
  static_cast<void>(notes.wait_for(2));  // What was asked for is in the mailbox.
  gate.add();
  auto lines = notes.wait_for(4);
  std::sort(lines.begin() + 2, lines.end());
  CHECK(lines == std::vector<std::string>{"one: asked", "one: heard still here",
                                          "one: down shutdown", "one: link shutdown"});
}

namespace {

struct has_alias : sluice::actor<has_alias, go, item, question> {
  has_alias(trace& out_, test_counter& entered_, test_counter& gate_, sluice::address& alias_)
      : out(out_), entered(entered_), gate(gate_), own(alias_) {}
  void on_start() { own = create_alias().value(); }
  task<void> on(go) {
    const auto answer = co_await call(own, question{}, 10s);
    out.note(answer ? "answer" : sluice::to_string(answer.error().code));
  }
  void on(item) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  int on(question) { return 1; }
  trace& out;
  test_counter& entered;
  test_counter& gate;
  sluice::address& own;
};

}  // namespace

TEST_CASE("alias: a call to one's own alias is one to oneself") {
  trace out;
  test_counter entered;
  test_counter gate;
  sluice::address alias;
  test_node node;
  node->spawn<has_alias>({}, out, entered, gate, alias).value().send(go{});
  CHECK(out.wait_for(1) == std::vector<std::string>{sluice::to_string(error_code::bad_argument)});
}

TEST_CASE("alias: a batch to one of a bounded process says how many were taken") {
  trace out;
  test_counter entered;
  test_counter gate;
  sluice::address alias;
  test_node node;
  const auto who = node->spawn<has_alias>({.mailbox_max = 4}, out, entered, gate, alias).value();
  who.send(item{});
  entered.wait_for(1);
  const auto sent = node->send_batch(alias, std::vector<item>(20));
  CHECK((sent.accepted == 3 || sent.accepted == 4));
  CHECK(sent.outcome == send_outcome::full);
  gate.add();
}

TEST_CASE("alias: one may be a fallback") {
  trace out;
  test_counter entered;
  test_counter gate;
  sluice::address alias;
  sluice::address unused;
  test_node node;
  static_cast<void>(node->spawn<has_alias>({}, out, entered, gate, alias));
  const auto first =
      node->spawn<has_alias>(
              {.mailbox_max = 2, .overflow = overflow_policy::fallback, .fallback = alias}, out,
              entered, gate, unused)
          .value();
  for (int i = 0; i < 10; ++i) CHECK(first.send(item{}) == send_outcome::accepted);
  CHECK(node->messages().handed_over >= 7);
  gate.add();
}
