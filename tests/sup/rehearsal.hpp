// rehearsal: the supervision machine with children that only exist in a table, and its log.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sup/supervision.hpp"

/// Performs every action at once: starts succeed unless the child is in `broken`, and who is asked
/// or killed goes on living until end() says so. Each step is checked against the rules.
class rehearsal {
 public:
  using key = sluice::sup::child_key;
  using kind = sluice::sup::action_kind;

  explicit rehearsal(const sluice::supervisor_options& options, std::uint64_t seed = 1)
      : machine(options, seed), options_(options) {}

  key add(const sluice::child_options& options) {
    const auto made = machine.add(options);
    REQUIRE(made);
    return made.value();
  }
  void begin() {
    machine.on_begin();
    perform();
  }
  void stop() {
    machine.on_stop();
    perform();
  }
  /// The child ends.
  void end(key which, sluice::sup::end_kind how = sluice::sup::end_kind::abnormal) {
    REQUIRE(alive.erase(which) == 1);
    machine.on_ended(which, how, now_ns);
    perform();
  }
  void end(const char* id) { end(machine.find(id)); }
  /// Everybody who was asked or killed ends, in that order, until nobody is left.
  void let_go() {
    while (!told.empty()) {
      const key which = told.front();
      told.erase(told.begin());
      if (alive.count(which) != 0) end(which, sluice::sup::end_kind::normal);
    }
  }
  /// The next timer fires.
  void fire() {
    REQUIRE_FALSE(timers.empty());
    const auto [due_ns, next] = *timers.begin();
    timers.erase(timers.begin());
    now_ns = std::max(now_ns, due_ns);
    machine.on_timer(next.child, next.attempt);
    perform();
  }
  template <class Command>
  sluice::result<void> command(Command&& what) {
    auto answer = what(machine);
    perform();
    return answer;
  }
  /// What happened since the last look: "start a, ask b, finish".
  std::string log() { return std::exchange(log_, {}); }

  sluice::sup::supervision machine;
  std::int64_t now_ns = 0;
  std::set<key> alive;
  std::set<key> broken;  ///< their starts fail
  std::vector<key> told;
  std::multimap<std::int64_t, sluice::sup::action> timers;  ///< by when they fire
  bool is_finished = false;

  void perform() {
    sluice::sup::action next;
    while (machine.next_action(next)) {
      REQUIRE_FALSE(is_finished);  // SV6
      perform(next);
    }
  }

 private:
  void arm(const sluice::sup::action& next) { timers.emplace(now_ns + next.delay_ns, next); }
  void note(const char* what, key which) {
    if (!log_.empty()) log_ += ", ";
    log_ += what;
    if (which != sluice::sup::no_child) log_ += " " + machine.id_of(which);
  }
  void perform(const sluice::sup::action& next) {
    switch (next.what) {
      case kind::start: return start(next.child);
      case kind::ask:
        note("ask", next.child);
        check_stop(next.child);
        told.push_back(next.child);
        if (next.delay_ns != sluice::base::no_deadline) arm(next);
        return;
      case kind::kill:
        note("kill", next.child);
        REQUIRE(alive.count(next.child) == 1);  // SV1
        told.push_back(next.child);
        return;
      case kind::wait:
        note("wait", next.child);
        arm(next);
        return;
      case kind::settled: return;
      case kind::forget:
        REQUIRE(alive.count(next.child) == 0);
        log_ += log_.empty() ? "forget" : ", forget";
        return;
      case kind::finish:
        note("finish", sluice::sup::no_child);
        is_finished = true;
        return;
    }
  }
  void start(key which) {
    note("start", which);
    REQUIRE(alive.count(which) == 0);  // SV1
    REQUIRE(machine.state_of(which) == sluice::child_state::starting);
    if (is_group()) {  // SV2
      REQUIRE(machine.count(sluice::child_state::leaving) == 0);
      REQUIRE(machine.count(sluice::child_state::asked) == 0);
      REQUIRE(machine.count(sluice::child_state::killed) == 0);
    }
    if (broken.count(which) != 0) return machine.on_start_failed(which, now_ns);
    alive.insert(which);
    machine.on_started(which, now_ns);
  }
  void check_stop(key which) {
    REQUIRE(alive.count(which) == 1);  // SV1
    if (!options_.keeps_order || !is_group()) return;
    // SV3: nobody else is being stopped, and nobody behind it is to go.
    if (machine.outcome() == sluice::sup::supervision_outcome::start_failed) return;
    REQUIRE(machine.count(sluice::child_state::asked) +
                machine.count(sluice::child_state::killed) ==
            1);
    for (key later = machine.after(which); later != sluice::sup::no_child;
         later = machine.after(later)) {
      REQUIRE(machine.state_of(later) != sluice::child_state::leaving);
    }
  }
  bool is_group() const {
    return options_.strategy == sluice::restart_strategy::all_for_one ||
           options_.strategy == sluice::restart_strategy::rest_for_one;
  }

  sluice::supervisor_options options_;
  std::string log_;
};
