// Metas and their parents: processes, other metas.
#include <catch2/catch_test_macros.hpp>

#include <set>

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

TEST_CASE("meta rule 4: the end of a process ends all its metas") {
  record out;
  test_node node;
  auto parent = node->spawn<owner>({}, out);
  for (int i = 0; i < 5; ++i) parent.value().send(spawn_one{});
  out.begun.wait_for(5);
  parent.value().exit();
  out.terminated.wait_for(5);
  for (std::size_t i = 0; i < 5; ++i) REQUIRE(out.reason(i).code == exit_code::parent_exit);
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

namespace {

// A meta whose start spawns metas below the same process until that fails.
struct breeder : sluice::meta<breeder> {
  breeder(record& to, test_counter& running_) : out(to), running(running_) {}
  void start(std::stop_token) {
    running.add();
    while (spawn_meta<device>({.is_pinned = false}, way::waits, out)) {
    }
  }
  record& out;
  test_counter& running;
};
struct breeder_owner : sluice::actor<breeder_owner, spawn_one> {
  breeder_owner(record& to, test_counter& running_) : out(to), running(running_) {}
  void on(spawn_one) {
    out.flag(!spawn_meta<breeder>({.is_pinned = false}, out, running));
    out.flag(!spawn_meta<breeder>({.is_pinned = false}, out, running));
  }
  record& out;
  test_counter& running;
};

}  // namespace

TEST_CASE("meta rule 4: no meta is born after its process's sweep") {
  record out;
  {
    test_node node;
    for (int round = 0; round < 8; ++round) {
      test_counter running;
      auto parent = node->spawn<breeder_owner>({}, out, running);
      parent.value().send(spawn_one{});
      running.wait_for(2);
      out.begun.wait_for(out.begun.value() + 1);  // In full swing.
      parent.value().exit();
      eventually([&] { return node->messages().alive == 0; });
      REQUIRE(out.built.value() == out.destroyed.value());
      REQUIRE(out.begun.value() == out.terminated.value());
    }
  }
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("metas: an owner of many that end keeps no dead ones, and none is counted alive") {
  record out;
  test_node node;
  auto parent = node->spawn<owner>({}, out);
  constexpr std::uint32_t count = 400;
  for (std::uint32_t i = 0; i < count; ++i) parent.value().send(spawn_one{way::returns});
  out.terminated.wait_for(count);
  eventually([&] { return node->messages().alive == 1; });
}

namespace {

struct twin_order {
  bool is_tied = false;
};
// A meta that spawns another one, tied to itself or to the process.
struct twin_maker : sluice::meta<twin_maker, twin_order, end_now> {
  twin_maker(record& to, meta_handle<device>& into_) : out(to), into(into_) {}
  void start(std::stop_token stop) { out.flag(!wait_for_stop(stop)); }
  void on(twin_order order) {
    auto made =
        spawn_meta<device>({.tie_to_spawner = order.is_tied, .is_pinned = false}, way::waits, out);
    if (made) into = made.value();
  }
  void on(end_now) { exit(); }
  void terminate(const exit_reason&) { out.handled.add(); }
  record& out;
  meta_handle<device>& into;
};
struct twin_owner : sluice::actor<twin_owner, twin_order> {
  twin_owner(record& to, meta_handle<twin_maker>& maker_, meta_handle<device>& into_)
      : out(to), maker(maker_), into(into_) {}
  void on(twin_order order) {
    auto made = spawn_meta<twin_maker>({.is_pinned = false}, out, into);
    if (!made) return;
    maker = made.value();
    send(made.value(), order);
  }
  record& out;
  meta_handle<twin_maker>& maker;
  meta_handle<device>& into;
};

}  // namespace

TEST_CASE(
    "meta rule 5: a meta's meta ends with its spawner or with the process, as its option says") {
  for (const bool is_tied : {true, false}) {
    record out;
    test_node node;
    meta_handle<twin_maker> maker;
    meta_handle<device> twin;
    auto parent = node->spawn<twin_owner>({}, out, maker, twin);
    parent.value().send(twin_order{is_tied});
    out.begun.wait_for(1);
    maker.send(end_now{});
    out.handled.wait_for(1);
    if (is_tied) {
      out.terminated.wait_for(1);
      REQUIRE(out.reason(0).code == exit_code::parent_exit);
    } else {
      REQUIRE(twin.send(ping{}) == send_outcome::accepted);
      out.handled.wait_for(2);  // It lives: it handled a ping after its maker's end.
      parent.value().exit();
      out.terminated.wait_for(1);
    }
    eventually([&] { return node->messages().alive == (is_tied ? 1 : 0); });
  }
}

namespace {

// A meta whose start spawns metas below itself until that fails.
struct tied_breeder : sluice::meta<tied_breeder> {
  explicit tied_breeder(record& to) : out(to) {}
  void start(std::stop_token) {
    while (spawn_meta<device>({.tie_to_spawner = true, .is_pinned = false}, way::waits, out)) {
    }
  }
  record& out;
};

}  // namespace

TEST_CASE("meta rule 5: no tied meta is born after its spawner's sweep") {
  record out;
  {
    test_node node;
    for (int round = 0; round < 8; ++round) {
      auto breeds = node->spawn_meta<tied_breeder>({.is_pinned = false}, out).value();
      out.begun.wait_for(out.begun.value() + 1);
      breeds.exit();
      eventually([&] { return node->messages().alive == 0; });
      REQUIRE(out.built.value() == out.destroyed.value());
      REQUIRE(out.begun.value() == out.terminated.value());
    }
  }
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}
