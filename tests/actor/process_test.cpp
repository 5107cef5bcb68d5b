// Processes: messages, order, addresses, names, ends.
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::any_message;
using sluice::error_code;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::pid;
using sluice::priority;
using sluice::result;
using sluice::send_outcome;

namespace {

struct number {
  std::uint32_t from = 0;
  std::uint32_t value = 0;
};
struct other {
  int value = 0;
};
struct text {
  std::string value;
};
struct start_now {};
struct fail_now {};
struct end_now {};

// What the processes of one test report, on any thread.
struct report {
  test_counter seen;
  test_counter ended;
  sluice::base::atomic<std::uint32_t> wrong{0};
  std::mutex guard;
  std::vector<exit_reason> reasons;

  void end(const exit_reason& why) {
    {
      const std::lock_guard lock{guard};
      reasons.push_back(why);
    }
    ended.add();
  }
  void flag(bool is_wrong) {
    // Relaxed: read after the node has stopped.
    if (is_wrong) wrong.fetch_add(1, sluice::base::relaxed);
  }
};

// Checks that each sender's numbers come in order.
struct checker : sluice::actor<checker, number, end_now> {
  explicit checker(report& to) : out(to) {}
  void on(const number& one) {
    out.flag(one.value != expected[one.from]++);
    out.seen.add();
  }
  void on(end_now) { exit(); }
  void terminate(const exit_reason& why) { out.end(why); }
  report& out;
  std::array<std::uint32_t, 16> expected{};
};

// Sends runs of numbers to several receivers, a few an activation, so that it is stolen in between.
struct spreader : sluice::actor<spreader, start_now> {
  spreader(std::uint32_t number_, std::vector<sluice::handle<checker>> to, std::uint32_t rounds_)
      : own(number_), targets(std::move(to)), rounds(rounds_) {}
  void on(start_now) {
    for (auto& target : targets) {
      for (std::uint32_t i = 0; i < 3; ++i) {  // By handle and by pid: one order.
        const number next{own, value + i};
        if (i == 1) {
          send(target.id(), next);
        } else {
          send(target, next);
        }
      }
    }
    value += 3;
    if (value < 3 * rounds) {
      send(self(), start_now{});
    } else {
      exit();
    }
  }
  std::uint32_t own;
  std::uint32_t value = 0;
  std::vector<sluice::handle<checker>> targets;
  std::uint32_t rounds;
};

struct failing : sluice::actor<failing, fail_now, end_now> {
  explicit failing(report& to) : out(to) {}
  void on(fail_now) { throw std::runtime_error("the handler's"); }
  void on(end_now) { exit(exit_reason::error("the user's")); }
  void terminate(const exit_reason& why) { out.end(why); }
  report& out;
};

enum class how { well, error, exception, constructor, exits };
struct starter : sluice::actor<starter> {
  starter(how way, report& to)
      : way_(way), out(to), held("a string that lives on the heap, surely") {
    if (way == how::constructor) throw std::runtime_error("constructor");
  }
  result<void> on_start() {
    send(self(), text{"to myself, from on_start"});
    if (way_ == how::error) return sluice::error{error_code::permission_denied, 13, "on_start"};
    if (way_ == how::exception) throw std::runtime_error("on_start");
    if (way_ == how::exits) exit(exit_reason::error("at once"));
    return {};
  }
  void on(any_message& any) {
    out.flag(any.get<text>() == nullptr);
    out.seen.add();
  }
  void terminate(const exit_reason& why) { out.end(why); }
  how way_;
  report& out;
  std::string held;
};

}  // namespace

TEST_CASE("process: what one sends to another arrives in order, also when the sender is stolen") {
  report out;
  constexpr std::uint32_t senders = 6;
  constexpr std::uint32_t rounds = 400;
  test_node node;
  auto receivers = node->spawn_many<checker>(3, std::ref(out));
  REQUIRE(receivers);
  for (std::uint32_t i = 0; i < senders; ++i) {
    auto made = node->spawn<spreader>({}, i, receivers.value(), rounds);
    REQUIRE(made);
    made.value().send(start_now{});
  }
  out.seen.wait_for(senders * rounds * 3 * 3);
  node.finish();
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
  REQUIRE(out.ended.value() == 3);
}

TEST_CASE("process: an exception out of a handler is its exit reason, and nothing else") {
  report out;
  test_node node;
  auto victim = node->spawn<failing>({}, out);
  auto bystander = node->spawn<checker>({}, out);
  REQUIRE(victim);
  REQUIRE(bystander);
  victim.value().send(fail_now{});
  out.ended.wait_for(1);
  REQUIRE(out.reasons[0].code == exit_code::exception);
  REQUIRE(out.reasons[0].text == "the handler's");
  bystander.value().send(number{0, 0});
  out.seen.wait_for(1);
  node.finish();
  REQUIRE(node.log().find("the handler's") != std::string::npos);
}

TEST_CASE("process: its own exit gives the reason it named, another's exit the one asked for") {
  report out;
  test_node node;
  auto one = node->spawn<failing>({}, out);
  auto two = node->spawn<failing>({}, out);
  one.value().send(end_now{});
  out.ended.wait_for(1);
  REQUIRE(out.reasons[0] == exit_reason::error("the user's"));
  REQUIRE(two.value().exit(exit_reason::error("from outside")) == send_outcome::accepted);
  out.ended.wait_for(2);
  REQUIRE(out.reasons[1] == exit_reason::error("from outside"));
}

TEST_CASE("process: a spawn that fails leaves nothing behind and tells the spawner why") {
  report out;
  test_node node;
  auto refused = node->spawn<starter>({}, how::error, out);
  REQUIRE(refused.error().code == error_code::permission_denied);
  REQUIRE(refused.error().os_error == 13);
  REQUIRE(node->spawn<starter>({}, how::exception, out).error().code == error_code::init_failed);
  REQUIRE(node->spawn<starter>({}, how::constructor, out).error().code == error_code::init_failed);
  REQUIRE(node->messages().alive == 0);
  REQUIRE(out.ended.value() == 0);
  auto named = node->spawn<starter>({.name = "kept?"}, how::error, out);
  REQUIRE_FALSE(named);
  REQUIRE_FALSE(node->find("kept?").is_valid());
  const auto sums = node.finish();
  REQUIRE(sums.receiver_ended ==
          3);  // Each on_start had sent to itself; the root's exit is handled.
}

TEST_CASE("process: an exit within on_start is an end after a life, not a failed spawn") {
  report out;
  test_node node;
  auto made = node->spawn<starter>({}, how::exits, out);
  REQUIRE(made);
  out.ended.wait_for(1);
  REQUIRE(out.reasons[0] == exit_reason::error("at once"));
  REQUIRE(made.value().send(text{"late"}) == send_outcome::unknown);
  auto well = node->spawn<starter>({}, how::well, out);
  REQUIRE(well);
  out.seen.wait_for(1);  // What on_start sent to itself.
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

namespace {

// Asks for its own end, then spawns one that asks for its own with another reason.
struct ends_and_spawns : sluice::actor<ends_and_spawns, start_now> {
  ends_and_spawns(how way, report& to) : way_(way), out(to) {}
  void on(start_now) {
    exit(exit_reason::error("mine"));
    static_cast<void>(spawn<starter>({}, way_, out));
  }
  void terminate(const exit_reason& why) { out.end(why); }
  how way_;
  report& out;
};

}  // namespace

TEST_CASE("process: one that ends keeps its reason when its spawn ends too") {
  for (const how way : {how::exits, how::error, how::exception, how::well}) {
    report out;
    test_node node;
    auto made = node->spawn<ends_and_spawns>({}, way, out);
    made.value().send(start_now{});
    out.ended.wait_for(way == how::exits ? 2 : 1);
    const std::lock_guard lock{out.guard};
    REQUIRE(out.reasons[way == how::exits ? 1 : 0] == exit_reason::error("mine"));
  }
}

namespace {

struct plain : sluice::actor<plain, number> {
  explicit plain(report& to) : out(to) {}
  void on(number) { out.seen.add(); }
  report& out;
};
struct takes_all : sluice::actor<takes_all, number> {
  explicit takes_all(report& to) : out(to) {}
  void on(number) { out.flag(true); }
  void on(any_message& any) {
    out.flag(!any.is<text>() || any.get<text>()->value != "hello" || any.get<number>() != nullptr);
    out.seen.add();
  }
  report& out;
};

}  // namespace

TEST_CASE(
    "process: an unhandled type is counted and reported, a catch-all takes what is unlisted") {
  report out;
  test_node node;
  auto one = node->spawn<plain>({}, out);
  auto all = node->spawn<takes_all>({}, out);
  node->send(one.value(), other{1});
  node->send(one.value(), number{});
  node->send(all.value(), text{"hello"});
  all.value().send(text{"hello"});
  out.seen.wait_for(3);
  node.settle();
  REQUIRE(node->messages().unhandled == 1);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("process: a dead pid is unknown, and its slot's next tenant never gets its mail") {
  report out;
  test_node node{plain_options(1)};
  auto first = node->spawn<failing>({}, out);
  REQUIRE(first);
  const pid dead = first.value().id();
  // Mail on its way to the dead: queued behind the end, and sent after it.
  for (int i = 0; i < 10; ++i) first.value().send(end_now{});
  out.ended.wait_for(1);
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(node->send(dead, end_now{}) == send_outcome::unknown);
  REQUIRE(node->exit(dead) == send_outcome::unknown);
  REQUIRE(node->send(pid{}, end_now{}) == send_outcome::unknown);
  REQUIRE(node->send(pid{dead.node, 1u << 30, 1}, end_now{}) == send_outcome::unknown);
  // Its place is used again sooner or later; the old pid stays unknown.
  bool was_reused = false;
  for (int i = 0; i < 2000 && !was_reused; ++i) {
    auto next = node->spawn<checker>({}, out);
    REQUIRE(next);
    was_reused = next.value().id().slot == dead.slot;
    REQUIRE(next.value().id() != dead);
    REQUIRE(node->send(dead, number{0, 0}) == send_outcome::unknown);
    next.value().exit();
  }
  REQUIRE(out.seen.value() == 0);
}

namespace {

// Three parties meet at one slot: the sender whose second message is still in its chain, the victim
// that ends meanwhile, and the one that takes the slot over.
struct meeting {
  report out;
  test_counter sent;
  test_counter taken_over;
};
struct victim : sluice::actor<victim, other> {
  explicit victim(meeting& at_) : at(at_) {}
  void on(other) { exit(); }
  void terminate(const exit_reason& why) { at.out.end(why); }
  meeting& at;
};
struct late_sender : sluice::actor<late_sender, start_now> {
  late_sender(pid to_, meeting& at_) : to(to_), at(at_) {}
  void on(start_now) {
    send(to, other{1});
    send(to, other{2});  // Published when this handler ends.
    at.sent.add();
    at.out.flag(!at.taken_over.reaches(1));
  }
  pid to;
  meeting& at;
};
struct tenant : sluice::actor<tenant, other> {
  explicit tenant(meeting& at_) : at(at_) {}
  void on(other) { at.out.flag(true); }
  meeting& at;
};
struct settler : sluice::actor<settler, number> {
  explicit settler(meeting& at_) : at(at_) {}
  void on(number slot) {
    std::uint32_t tries = 0;
    while (tries++ < 300) {
      auto made = spawn<tenant>({}, at);
      if (!made || made.value().id().slot == slot.value) break;
    }
    at.out.flag(tries > 300);
    at.taken_over.add();
  }
  meeting& at;
};

}  // namespace

TEST_CASE(
    "process: a message on its way when its receiver ends never reaches the slot's next tenant") {
  // The victim may end so fast that the second send is refused at once; then once more.
  std::uint64_t stale = 0;
  for (int round = 0; round < 50 && stale == 0; ++round) {
    meeting at;
    test_node node;  // Two schedulers: one sits in the sender's handler, the other does the rest.
    auto dying = node->spawn<victim>({}, at);
    auto taker = node->spawn<settler>({}, at);
    auto sender = node->spawn<late_sender>({}, dying.value().id(), at);
    sender.value().send(start_now{});
    at.sent.wait_for(1);
    at.out.ended.wait_for(1);
    taker.value().send(number{0, dying.value().id().slot});
    at.taken_over.wait_for(1);
    const auto sums = node.finish();
    REQUIRE(at.out.wrong.load(sluice::base::relaxed) == 0);
    REQUIRE(sums.stale + sums.unknown == 1);
    stale = sums.stale;
  }
  REQUIRE(stale == 1);
}

namespace {

struct taker : sluice::actor<taker, text, start_now> {
  taker(std::string name_, report& to) : name(std::move(name_)), out(to) {}
  void on(start_now) {
    const auto first = register_name(name);
    out.flag(!first);
    const auto second = register_name("another");
    out.flag(second.error().code != error_code::bad_argument);
    out.flag(find(name) != self());
    out.seen.add();
  }
  void on(const text&) { out.seen.add(); }
  void terminate(const exit_reason&) { out.flag(find(name) != self()); }
  std::string name;
  report& out;
};

}  // namespace

TEST_CASE("process: a name is one process's, is free when its owner ends, and can be taken again") {
  report out;
  test_node node;
  auto one = node->spawn<taker>({.name = "here"}, "here", out);
  REQUIRE(one);
  REQUIRE(node->find("here") == one.value().id());
  auto two = node->spawn<taker>({.name = "here"}, "here", out);
  REQUIRE(two.error().code == error_code::name_taken);
  const std::string long_name(256, 'x');
  REQUIRE(node->spawn<taker>({.name = long_name}, "", out).error().code ==
          error_code::bad_argument);
  one.value().exit();
  eventually([&] { return !node->find("here").is_valid(); });
  for (std::uint32_t i = 1; i <= 50; ++i) {
    auto next = node->spawn<taker>({}, "again", out);
    next.value().send(start_now{});
    out.seen.wait_for(i);
    REQUIRE(node->find("again") == next.value().id());
    next.value().exit();
    eventually([&] { return !node->find("again").is_valid(); });
  }
  node.finish();
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}
