// The mail of metas: what overtakes, what is accounted, who sent it.
#include <catch2/catch_test_macros.hpp>

#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "actor/meta_fixture.hpp"

using namespace meta_tests;
using namespace std::chrono_literals;
using sluice::alias;
using sluice::error_code;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::meta_handle;
using sluice::priority;
using sluice::result;
using sluice::send_outcome;

namespace {

// A handler that waits, so that mail piles up behind it.
struct slow : sluice::meta<slow, ping> {
  slow(record& to, std::uint32_t& seen_) : out(to), seen(seen_) {}
  void start(std::stop_token stop) { out.flag(!wait_for_stop(stop)); }
  void on(ping) {
    if (seen++ != 0) return;
    out.begun.add();
    static_cast<void>(out.release.reaches(1));
  }
  void terminate(const exit_reason&) { out.terminated.add(); }
  record& out;
  std::uint32_t& seen;
};

}  // namespace

TEST_CASE("meta rule 7: an exit passes a full mailbox, what it passed is accounted") {
  record out;
  std::uint32_t seen = 0;
  test_node node;
  auto made = node->spawn_meta<slow>({.mailbox_max = 50, .is_pinned = false}, out, seen);
  REQUIRE(made);
  made.value().send(ping{});
  out.begun.wait_for(1);
  std::uint32_t accepted = 1;
  while (made.value().send(ping{}) == send_outcome::accepted) ++accepted;
  REQUIRE(made.value().exit() == send_outcome::accepted);
  out.release.add();
  out.terminated.wait_for(1);
  const alias stale = made.value().id();
  eventually([&] { return node->messages().alive == 0; });
  for (int i = 0; i < 500; ++i) {  // A stale alias is an error for ever.
    spawn_device(node, way::returns, out);
    REQUIRE(node->send(stale, ping{}) == send_outcome::unknown);
  }
  const auto sums = node.finish();
  REQUIRE(seen == 1);  // Not behind data.
  REQUIRE(sums.receiver_ended >= accepted - 1);
  REQUIRE(sums.full >= 1);
}

TEST_CASE("meta rule 9: alias numbers do not repeat") {
  record out;
  {
    // One scheduler, so that the slots of the dead are at hand for the next ones.
    test_node node{plain_options(1)};
    auto parent = node->spawn<owner>({}, out).value();
    constexpr std::uint32_t rounds = 20;
    constexpr std::uint32_t each_round = 50;
    for (std::uint32_t round = 1; round <= rounds; ++round) {
      for (std::uint32_t i = 0; i < each_round; ++i) parent.send(spawn_one{way::waits});
      out.answered.wait_for(round * each_round);  // Each has answered a ping.
      parent.send(end_metas{});
      out.terminated.wait_for(round * each_round);
    }
  }
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta: it answers its sender with its own alias, and its process hears it") {
  record out;
  test_node node;
  auto parent = node->spawn<owner>({}, out);
  parent.value().send(spawn_one{});
  out.answered.wait_for(1);
  node.finish();
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

namespace {

// Uses everything a meta may, in every place where it may.
struct talker : sluice::meta<talker, ping> {
  talker(sluice::pid to_, test_counter& done_) : to(to_), done(done_) {}
  void init() { send(to, pong{1}); }
  void start(std::stop_token stop) {
    send(to, pong{2});
    send_after(1ms, to, pong{3});
    send("listener", pong{4});
    static_cast<void>(wait_for_stop(stop));
    send(to, pong{5});
  }
  void on(ping) { send(to, pong{6}); }
  void terminate(const exit_reason&) {
    send(to, pong{7});
    done.add();
  }
  sluice::pid to;
  test_counter& done;
};
struct listener : sluice::actor<listener, pong> {
  explicit listener(test_counter* counts_) : counts(counts_) {}
  void on(pong one) { counts[one.value].add(); }
  test_counter* counts;
};

}  // namespace

TEST_CASE(
    "meta: init, start, handlers and terminate may all send, from whatever thread they run on") {
  test_counter counts[8];
  test_counter done;
  test_node node;
  auto to = node->spawn<listener>({.name = "listener"}, counts);
  REQUIRE(to);
  auto made = node->spawn_meta<talker>({.is_pinned = false}, to.value().id(), done);
  REQUIRE(made);
  made.value().send(ping{});
  counts[3].wait_for(1);
  counts[6].wait_for(1);
  made.value().exit();
  done.wait_for(1);
  for (int i = 1; i < 8; ++i) counts[i].wait_for(1);
}

namespace {

struct ask {
  using reply = int;
  int value = 0;
};

// Answers, refuses, ends, or keeps what it is asked.
struct oracle : sluice::meta<oracle, ask> {
  explicit oracle(record& to) : out(to) {}
  void start(std::stop_token stop) { out.flag(!wait_for_stop(stop)); }
  result<int> on(ask asked) {
    if (asked.value == 1) return sluice::error{error_code::permission_denied, 0, "oracle"};
    if (asked.value == 2) exit(exit_reason::error("own wish"));
    if (asked.value == 3) {
      out.begun.add();
      static_cast<void>(out.release.reaches(1));
    }
    return asked.value;
  }
  void terminate(const exit_reason&) { out.terminated.add(); }
  record& out;
};

struct go {
  alias to;
  int value = 0;
};
// Asks, and counts what comes back.
struct questioner : sluice::actor<questioner, go> {
  questioner(test_counter& asked_, test_counter& ended_, std::vector<error_code>& codes_)
      : asked(asked_), ended(ended_), codes(codes_) {}
  void on(go order) {
    const auto made = request(order.to, ask{order.value}, {.timeout = 1h});
    if (!made) codes.push_back(error_code::system);
    asked.add();
  }
  void on(sluice::completion<ask> done) {
    codes.push_back(done.answer.error().code);
    ended.add();
  }
  test_counter& asked;
  test_counter& ended;
  std::vector<error_code>& codes;
};

}  // namespace

TEST_CASE("meta rule 6: each caller waiting at its end gets an answer, at once") {
  record out;
  test_counter asked;
  test_counter ended;
  std::vector<error_code> codes;
  test_node node;
  auto made = node->spawn_meta<oracle>({.is_pinned = false}, out).value();
  auto from = node->spawn<questioner>({}, asked, ended, codes).value();
  from.send(go{made.id(), 3});
  out.begun.wait_for(1);
  constexpr std::uint32_t count = 100;
  for (std::uint32_t i = 0; i < count; ++i) from.send(go{made.id(), 5});
  asked.wait_for(count + 1);
  made.exit();
  out.release.add();
  ended.wait_for(count + 1);
  from.send(go{made.id(), 5});
  ended.wait_for(count + 2);
  REQUIRE(codes[0] == error_code::none);
  for (std::uint32_t i = 1; i <= count; ++i) REQUIRE(codes[i] == error_code::receiver_ended);
  REQUIRE(codes[count + 1] == error_code::unknown_address);
}

TEST_CASE("meta rule 6: callers racing with the end of whom they ask all hear of it once") {
  record out;
  test_counter asked;
  test_counter ended;
  std::vector<error_code> codes;
  test_node node;
  auto from = node->spawn<questioner>({}, asked, ended, codes).value();
  constexpr std::uint32_t rounds = has_sanitizer ? 40 : 300;
  constexpr std::uint32_t each_round = 10;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    auto made = node->spawn_meta<oracle>({.is_pinned = false}, out).value();
    for (std::uint32_t i = 0; i < each_round; ++i) {
      from.send(go{made.id(), i == 7 ? 2 : 5});
      if (i == 5 && round % 2 == 0) made.exit();
    }
  }
  ended.wait_for(rounds * each_round);
  node.settle();
  REQUIRE(ended.value() == rounds * each_round);
  for (const error_code each : codes) {
    REQUIRE((each == error_code::none || each == error_code::receiver_ended ||
             each == error_code::unknown_address));
  }
}

TEST_CASE("meta rule 8: an error for a caller is no end, and an end is no error for the caller") {
  record out;
  test_counter asked;
  test_counter ended;
  std::vector<error_code> codes;
  test_node node;
  auto made = node->spawn_meta<oracle>({.is_pinned = false}, out).value();
  auto from = node->spawn<questioner>({}, asked, ended, codes).value();
  from.send(go{made.id(), 1});
  ended.wait_for(1);
  REQUIRE(node->call(made, ask{7}).value() == 7);  // It lives.
  REQUIRE(out.terminated.value() == 0);
  from.send(go{made.id(), 2});
  ended.wait_for(2);
  out.terminated.wait_for(1);
  REQUIRE(codes == std::vector<error_code>{error_code::permission_denied, error_code::none});
}

TEST_CASE("meta rule 9: alias numbers do not repeat, whichever threads spawn and end") {
  record out;
  test_node node;
  constexpr std::uint32_t count = has_sanitizer ? 60 : 400;
  std::set<alias> all;
  std::mutex guard;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      for (std::uint32_t i = 0; i < count; ++i) {
        auto made = node->spawn_meta<device>({.is_pinned = false}, way::returns, out);
        out.flag(!made);
        if (!made) return;
        const std::lock_guard lock{guard};
        out.flag(!all.insert(made.value().id()).second);
      }
    });
  }
  for (auto& each : threads) each.join();
  out.terminated.wait_for(3 * count);
  REQUIRE(all.size() == 3 * count);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}
