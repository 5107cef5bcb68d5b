// Bounded mailboxes that hand over what they have no room for, and bounds under many senders.
#include <catch2/catch_test_macros.hpp>

#include <thread>
#include <vector>

#include "actor/test_node.hpp"

using sluice::address;
using sluice::error_code;
using sluice::exit_reason;
using sluice::overflow_policy;
using sluice::priority;
using sluice::send_outcome;
using namespace std::chrono_literals;

namespace {

struct go {};
struct item {
  std::uint32_t number = 0;
};
struct question {
  using reply = std::uint32_t;
};

// Its handler of `go` waits for the gate; what comes meanwhile fills the mailbox.
struct narrow : sluice::actor<narrow, go, item, question> {
  narrow(test_counter& entered_, test_counter& gate_, std::vector<std::uint32_t>& handled_)
      : entered(entered_), gate(gate_), handled(handled_) {}
  void on(go) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(item one) { handled.push_back(one.number); }
  std::uint32_t on(question) { return 1; }
  test_counter& entered;
  test_counter& gate;
  std::vector<std::uint32_t>& handled;
};

struct narrow_meta : sluice::meta<narrow_meta, go, item> {
  narrow_meta(test_counter& entered_, test_counter& gate_) : entered(entered_), gate(gate_) {}
  void start(std::stop_token stop) { static_cast<void>(wait_for_stop(stop)); }
  void on(go) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(item) {}
  test_counter& entered;
  test_counter& gate;
};

struct taker : sluice::actor<taker, item, question> {
  explicit taker(std::vector<std::uint32_t>& taken_, test_counter& count_)
      : taken(taken_), count(count_) {}
  void on(item one) {
    taken.push_back(one.number);
    from = sender();
    count.add();
  }
  std::uint32_t on(question) { return 2; }
  std::vector<std::uint32_t>& taken;
  test_counter& count;
  address from{};
};

struct scene {
  test_counter entered;
  test_counter gate;
  std::vector<std::uint32_t> handled;
  std::vector<std::uint32_t> taken;
  test_counter taken_count;
};

// Fills the mailbox; answers how many fitted.
template <class Handle>
std::uint32_t fill(const test_node& node, const Handle& to, sluice::node& on) {
  static_cast<void>(node);
  std::uint32_t sent = 0;
  while (on.messages().handed_over == 0) {
    REQUIRE(to.send(item{sent++}) == send_outcome::accepted);
  }
  return sent - 1;
}

}  // namespace

TEST_CASE("fallback: takes what a full mailbox has no room for, in order, and is counted") {
  scene at;
  test_node node;
  auto second = node->spawn<taker>({}, at.taken, at.taken_count).value();
  auto first = node->spawn<narrow>(
      {.mailbox_max = 4, .overflow = overflow_policy::fallback, .fallback = second}, at.entered,
      at.gate, at.handled);
  REQUIRE(first);
  REQUIRE(first.value().send(go{}) == send_outcome::accepted);
  at.entered.wait_for(1);
  const std::uint32_t fitted = fill(node, first.value(), *node);
  REQUIRE((fitted == 3 || fitted == 4));
  for (std::uint32_t i = 0; i < 5; ++i) {
    REQUIRE(first.value().send(item{100 + i}) == send_outcome::accepted);
  }
  // Control has room of its own.
  REQUIRE(first.value().send(item{50}, priority::system) == send_outcome::accepted);
  at.taken_count.wait_for(6);
  REQUIRE(at.taken == std::vector<std::uint32_t>{fitted, 100, 101, 102, 103, 104});
  at.gate.add();
  node.settle();
  const auto sums = node.finish();
  REQUIRE(sums.handed_over == 6);
  REQUIRE(sums.full == 0);
  REQUIRE(at.handled.size() == fitted + 1);
}

TEST_CASE("fallback: by name, whoever has it at that moment; nobody has it: full") {
  scene at;
  test_node node;
  auto first = node->spawn<narrow>(
      {.mailbox_max = 1, .overflow = overflow_policy::fallback, .fallback = "spare"}, at.entered,
      at.gate, at.handled);
  REQUIRE(first);
  REQUIRE(first.value().send(go{}) == send_outcome::accepted);
  at.entered.wait_for(1);
  while (first.value().send(item{1}) == send_outcome::accepted) {
  }
  REQUIRE(node->messages().full == 1);
  auto second = node->spawn<taker>({.name = "spare"}, at.taken, at.taken_count);
  REQUIRE(second);
  REQUIRE(first.value().send(item{7}) == send_outcome::accepted);
  at.taken_count.wait_for(1);
  REQUIRE(at.taken == std::vector<std::uint32_t>{7});
  at.gate.add();
}

TEST_CASE("fallback: a request goes over with the duty to answer it") {
  scene at;
  test_node node;
  auto second = node->spawn<taker>({}, at.taken, at.taken_count).value();
  auto first = node->spawn<narrow>(
      {.mailbox_max = 1, .overflow = overflow_policy::fallback, .fallback = second.id()},
      at.entered, at.gate, at.handled);
  REQUIRE(first);
  first.value().send(go{});
  at.entered.wait_for(1);
  static_cast<void>(fill(node, first.value(), *node));
  REQUIRE(node->call(first.value(), question{}, {.timeout = 30s}).value() == 2);
  at.gate.add();
}

TEST_CASE("fallback: one hop only; what finds two mailboxes full is refused") {
  scene at;
  scene behind;
  test_node node;
  auto last = node->spawn<taker>({}, at.taken, at.taken_count).value();
  auto second = node->spawn<narrow>(
      {.mailbox_max = 2, .overflow = overflow_policy::fallback, .fallback = last}, behind.entered,
      behind.gate, behind.handled);
  REQUIRE(second);
  auto first = node->spawn<narrow>(
      {.mailbox_max = 2, .overflow = overflow_policy::fallback, .fallback = second.value()},
      at.entered, at.gate, at.handled);
  REQUIRE(first);
  second.value().send(go{});
  first.value().send(go{});
  behind.entered.wait_for(1);
  at.entered.wait_for(1);
  std::uint32_t accepted = 0;
  while (first.value().send(item{accepted}) == send_outcome::accepted) ++accepted;
  REQUIRE(accepted >= 2);
  REQUIRE(accepted <= 4);
  REQUIRE(at.taken_count.value() == 0);
  at.gate.add();
  behind.gate.add();
  node.settle();
  const auto sums = node.finish();
  REQUIRE(sums.full == 1);
  REQUIRE(at.handled.size() + behind.handled.size() == accepted);
}

TEST_CASE("fallback: one that has ended takes nothing, and the policy needs one") {
  scene at;
  test_node node;
  REQUIRE(node->spawn<narrow>({.mailbox_max = 2, .overflow = overflow_policy::fallback}, at.entered,
                              at.gate, at.handled)
              .error()
              .code == error_code::bad_argument);
  auto second = node->spawn<taker>({}, at.taken, at.taken_count).value();
  auto first = node->spawn<narrow>(
      {.mailbox_max = 2, .overflow = overflow_policy::fallback, .fallback = second}, at.entered,
      at.gate, at.handled);
  second.exit();
  eventually([&] { return node->messages().alive == 1; });
  first.value().send(go{});
  at.entered.wait_for(1);
  while (first.value().send(item{1}) == send_outcome::accepted) {
  }
  REQUIRE(node->messages().full == 1);
  REQUIRE(node->messages().handed_over == 0);
  at.gate.add();
}

TEST_CASE("fallback: metas have it too") {
  scene at;
  test_node node;
  auto second = node->spawn<taker>({}, at.taken, at.taken_count).value();
  auto first = node->spawn_meta<narrow_meta>({.mailbox_max = 3,
                                              .overflow = overflow_policy::fallback,
                                              .fallback = second,
                                              .is_pinned = false},
                                             at.entered, at.gate);
  REQUIRE(first);
  first.value().send(go{});
  at.entered.wait_for(1);
  const std::uint32_t fitted = fill(node, first.value(), *node);
  REQUIRE((fitted == 2 || fitted == 3));
  at.taken_count.wait_for(1);
  at.gate.add();
}

namespace {

struct flood_result {
  test_counter accepted;
  test_counter refused;
  std::uint64_t most_queued = 0;
};

constexpr std::uint32_t sender_count = 4;

// Senders against a mailbox of `bound`, looked at from the side meanwhile.
void flood(test_node& node, const sluice::handle<narrow>& to, flood_result& out) {
  constexpr std::uint32_t count = has_sanitizer ? 2'000 : 20'000;
  std::vector<std::thread> threads;
  for (std::uint32_t sender = 0; sender < sender_count; ++sender) {
    threads.emplace_back([to, &out] {
      for (std::uint32_t i = 0; i < count; ++i) {
        (to.send(item{i}) == send_outcome::accepted ? out.accepted : out.refused).add();
      }
    });
  }
  for (int look = 0; look < 50; ++look) {
    const auto seen = node->inspect(to, 30s);
    REQUIRE(seen);
    out.most_queued = std::max(out.most_queued, seen.value().queued[2] + seen.value().queued[3]);
  }
  for (auto& each : threads) each.join();
  REQUIRE(out.accepted.value() + out.refused.value() == sender_count * count);
}

}  // namespace

TEST_CASE(
    "bounded mailbox: many senders overshoot by their number at most, and none is uncounted") {
  constexpr std::uint32_t bound = 16;
  scene at;
  at.gate.add();
  test_node node;
  SECTION("reject") {
    auto to = node->spawn<narrow>({.mailbox_max = bound}, at.entered, at.gate, at.handled).value();
    flood_result out;
    flood(node, to, out);
    REQUIRE(out.most_queued <= bound + sender_count);
    node.settle();
    const auto sums = node.finish();
    REQUIRE(sums.full == out.refused.value());
    REQUIRE(at.handled.size() == out.accepted.value());
  }
  SECTION("fallback") {
    auto spare = node->spawn<taker>({}, at.taken, at.taken_count).value();
    auto to =
        node->spawn<narrow>(
                {.mailbox_max = bound, .overflow = overflow_policy::fallback, .fallback = spare},
                at.entered, at.gate, at.handled)
            .value();
    flood_result out;
    flood(node, to, out);
    REQUIRE(out.most_queued <= bound + sender_count);
    node.settle();
    const auto sums = node.finish();
    REQUIRE(out.refused.value() == 0);
    REQUIRE(sums.handed_over == at.taken.size());
    REQUIRE(at.handled.size() + at.taken.size() == out.accepted.value());
  }
}

TEST_CASE("inspect: the age of the oldest message is told by lane") {
  scene at;
  test_node node;
  auto to = node->spawn<narrow>({}, at.entered, at.gate, at.handled).value();
  to.send(go{});
  at.entered.wait_for(1);
  to.send(item{1});
  to.send(item{2}, priority::log);
  std::this_thread::sleep_for(2ms);
  at.gate.add();
  const auto seen = node->inspect(to, 30s).value();
  for (const auto& age : seen.oldest_ages) REQUIRE(age <= seen.oldest_age);
  REQUIRE(seen.oldest_ages[0] == 0ns);
  REQUIRE(seen.oldest_ages[1] == 0ns);
}
