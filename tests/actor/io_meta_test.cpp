// I/O metas on a node with rings: the same rules where start() is a coroutine.
#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <vector>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::result;
using sluice::send_outcome;

namespace {

struct ping {
  std::uint32_t value = 0;
};
struct pong {
  std::uint32_t value = 0;
};
struct spawn_some {
  std::uint32_t count = 0;
};

struct record {
  test_counter begun;
  test_counter left;
  test_counter terminated;
  test_counter handled;
  test_counter destroyed;
  sluice::base::atomic<std::uint32_t> wrong{0};
  void flag(bool is_wrong) {
    if (is_wrong) wrong.fetch_add(1, sluice::base::relaxed);  // Relaxed: read at the end.
  }
};

enum class way { waits, ticks, returns, throws, init_fails };

[[nodiscard]] sluice::node_options ring_options(std::uint32_t io_threads) {
  auto options = plain_options();
  options.io = true;
  options.io_threads = io_threads;
  options.pin = sluice::pinning::never;
  options.ring_buffers = 16;
  return options;
}

struct ring_meta : sluice::meta<ring_meta, ping> {
  ring_meta(way how_, record& to, sluice::pid talk_to_ = {})
      : how(how_), out(to), talk_to(talk_to_) {}
  ~ring_meta() { out.destroyed.add(); }
  result<void> init() {
    if (how == way::init_fails) return sluice::error{sluice::error_code::timed_out, 0, "init"};
    return {};
  }
  sluice::io::task<> start(sluice::io::context& context) {
    home = std::this_thread::get_id();
    in_start = true;
    out.begun.add();
    if (talk_to.is_valid()) send(talk_to, pong{1});
    if (how == way::throws) {
      in_start = false;
      out.left.add();
      throw std::runtime_error("start");
    }
    while (how == way::ticks && !context.is_stop_requested()) {
      const auto begin = std::chrono::steady_clock::now();
      const auto slept = co_await context.sleep_for(1ms);
      if (slept) out.flag(std::chrono::steady_clock::now() - begin < 1ms);
      if (talk_to.is_valid()) send(talk_to, pong{2});
    }
    if (how == way::waits) static_cast<void>(co_await context.stopped());
    in_start = false;
    out.left.add();
  }
  void on(const ping& one) {
    out.flag(home != std::thread::id{} && home != std::this_thread::get_id());
    if (sender().is_valid()) send(sender(), pong{one.value});
    out.handled.add();
  }
  void terminate(const exit_reason&) {
    out.flag(in_start || was_terminated);
    was_terminated = true;
    if (talk_to.is_valid()) send(talk_to, pong{3});
    out.terminated.add();
  }
  way how;
  record& out;
  sluice::pid talk_to;
  std::thread::id home;
  bool in_start = false;
  bool was_terminated = false;
};

struct parent : sluice::actor<parent, spawn_some, pong> {
  parent(record& to, way how_) : out(to), how(how_) {}
  void on(spawn_some order) {
    for (std::uint32_t i = 0; i < order.count; ++i) {
      auto made = spawn_meta<ring_meta>({}, how, out);
      if (made) send(made.value(), ping{i});
    }
  }
  void on(pong) { out.handled.add(); }
  record& out;
  way how;
};

struct listener : sluice::actor<listener, pong> {
  explicit listener(test_counter* counts_) : counts(counts_) {}
  void on(pong one) { counts[one.value].add(); }
  test_counter* counts;
};

}  // namespace

TEST_CASE("I/O meta: both flows are on one thread, and terminate runs once after both") {
  for (const std::uint32_t io_threads : {0u, 1u}) {
    record out;
    constexpr std::uint32_t rounds = 60;
    {
      test_node node{ring_options(io_threads)};
      for (std::uint32_t round = 0; round < rounds; ++round) {
        static constexpr way ways[] = {way::waits, way::ticks, way::returns, way::throws};
        auto made = node->spawn_meta<ring_meta>({}, ways[round % 4], out);
        REQUIRE(made);
        made.value().send(ping{});
        if (round % 3 != 0) made.value().exit();
      }
      auto refused = node->spawn_meta<ring_meta>({}, way::init_fails, out);
      REQUIRE(refused.error().code == sluice::error_code::timed_out);
      out.begun.wait_for(rounds);
    }
    REQUIRE(out.terminated.value() == rounds);
    REQUIRE(out.left.value() == rounds);
    REQUIRE(out.destroyed.value() == rounds + 1);
    REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
  }
}

TEST_CASE("I/O meta: start, handlers and terminate may all send") {
  test_counter counts[8];
  record out;
  test_node node{ring_options(0)};
  auto to = node->spawn<listener>({}, counts);
  auto made = node->spawn_meta<ring_meta>({}, way::ticks, out, to.value().id());
  REQUIRE(made);
  counts[1].wait_for(1);
  counts[2].wait_for(3);
  made.value().exit();
  counts[3].wait_for(1);
  auto thrower = node->spawn_meta<ring_meta>({}, way::throws, out, to.value().id());
  REQUIRE(thrower);
  counts[3].wait_for(2);
}

TEST_CASE("I/O meta: the end of a process ends all its metas, whenever it comes") {
  record out;
  {
    test_node node{ring_options(1)};
    for (std::uint32_t round = 0; round < 30; ++round) {
      auto made = node->spawn<parent>({}, out, round % 2 == 0 ? way::waits : way::ticks);
      const std::uint32_t begun_before = out.begun.value();
      made.value().send(spawn_some{10});
      if (round % 3 == 0) out.begun.wait_for(begun_before + 1);
      made.value().exit();
    }
    eventually([&] { return node->messages().alive == 0; });
  }
  REQUIRE(out.begun.value() == out.terminated.value());
  REQUIRE(out.destroyed.value() == out.terminated.value());
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("I/O meta: a node without rings says so") {
  record out;
  test_node node;
  auto refused = node->spawn_meta<ring_meta>({}, way::waits, out);
  REQUIRE(refused.error().code == sluice::error_code::not_supported);
  REQUIRE(out.destroyed.value() == 0);
}
