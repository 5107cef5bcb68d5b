// Metas that report what happens to them: shared by the tests of their life.
#pragma once

#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "actor/test_node.hpp"
#include "base/clock.hpp"

namespace meta_tests {

struct ping {
  std::uint32_t value = 0;
};
struct pong {
  std::uint32_t value = 0;
};
struct end_now {};
struct throw_now {};

enum class way {
  waits,
  returns,
  throws,
  fails,
  init_fails,
  init_throws,
  init_exits,
  init_spawns_and_fails,
  deaf,
  slow,  ///< takes a while after it was asked to stop
};

// What the metas of one test report.
struct record {
  test_counter begun;
  test_counter left;
  test_counter terminated;
  test_counter handled;
  test_counter answered;
  test_counter built;
  test_counter destroyed;
  test_counter release;  ///< what a deaf start waits for
  sluice::base::atomic<std::uint32_t> wrong{0};
  std::mutex guard;
  std::vector<sluice::exit_reason> reasons;

  void flag(bool is_wrong) {
    if (is_wrong) wrong.fetch_add(1, sluice::base::relaxed);  // Relaxed: read at the end.
  }
  sluice::exit_reason reason(std::size_t index) {
    const std::lock_guard lock{guard};
    return reasons.at(index);
  }
};

struct device : sluice::meta<device, ping, end_now, throw_now> {
  device(way how_, record& to) : how(how_), out(to) { out.built.add(); }
  ~device() { out.destroyed.add(); }

  sluice::result<void> init() {
    out.flag(!self().is_valid() || !parent().is_valid());
    if (how == way::init_fails)
      return sluice::error{sluice::error_code::permission_denied, 1, "init"};
    if (how == way::init_throws) throw std::runtime_error("init");
    if (how == way::init_spawns_and_fails) {
      out.flag(!spawn_meta<device>({.tie_to_spawner = true, .is_pinned = false}, way::waits, out));
      static_cast<void>(send_after(std::chrono::hours{1}, self(), ping{}));
      return sluice::error{sluice::error_code::permission_denied, 2, "init"};
    }
    if (how == way::init_exits) exit(sluice::exit_reason::error("from init"));
    return {};
  }
  sluice::result<void> start(std::stop_token stop) {
    in_start.fetch_add(1, sluice::base::acq_rel);
    out.begun.add();
    if (how == way::waits || how == way::init_exits) out.flag(!wait_for_stop(stop));
    if (how == way::slow) {
      out.flag(!wait_for_stop(stop));
      const auto until = sluice::base::now_ns() + 100'000'000;
      while (sluice::base::now_ns() < until) std::this_thread::yield();
    }
    if (how == way::deaf) static_cast<void>(out.release.reaches(1));
    in_start.fetch_sub(1, sluice::base::acq_rel);
    out.left.add();
    if (how == way::throws) throw std::runtime_error("start");
    if (how == way::fails) return sluice::error{sluice::error_code::timed_out, 0, "start"};
    return {};
  }
  void on(const ping& one) {
    in_handler = true;
    if (sender().is_valid()) send(sender(), pong{one.value});
    out.handled.add();
    in_handler = false;
  }
  void on(end_now) { exit(sluice::exit_reason::error("own wish")); }
  void on(throw_now) { throw std::runtime_error("handler"); }
  void terminate(const sluice::exit_reason& why) {
    // Rule 2: no flow is left, and this is the only time.
    out.flag(in_start.load(sluice::base::acquire) != 0 || in_handler || was_terminated);
    was_terminated = true;
    {
      const std::lock_guard lock{out.guard};
      out.reasons.push_back(why);
    }
    out.terminated.add();
  }

  way how;
  record& out;
  sluice::base::atomic<int> in_start{0};
  bool in_handler = false;
  bool was_terminated = false;
};

// A process that owns metas.
struct spawn_one {
  way how = way::waits;
};
struct end_metas {};
struct owner : sluice::actor<owner, spawn_one, pong, end_metas, end_now> {
  explicit owner(record& to) : out(to) {}
  void on(spawn_one order) {
    auto made = spawn_meta<device>({.is_pinned = false}, order.how, out);
    out.flag(!made);
    if (!made) return;
    out.flag(!metas.insert(made.value().id()).second);  // Rule 9.
    out.flag(send(made.value(), ping{7}) != sluice::send_outcome::accepted);
  }
  void on(pong one) {
    out.flag(one.value != 7 || !metas.contains(sender().as_alias()));
    out.answered.add();
  }
  void on(end_metas) {
    for (const sluice::alias& each : metas) exit(each, sluice::exit_reason::shutdown());
  }
  void on(end_now) { exit(); }
  record& out;
  std::set<sluice::alias> metas;
};

inline sluice::meta_handle<device> spawn_device(test_node& node, way how, record& out) {
  auto made = node->spawn_meta<device>({.is_pinned = false}, how, out);
  REQUIRE(made);
  return made.value();
}

}  // namespace meta_tests
