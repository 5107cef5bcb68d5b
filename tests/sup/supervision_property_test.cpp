// Random lives of random supervisors: the rules of supervision.hpp hold in all of them.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>

#include "sup/rehearsal.hpp"

using sluice::child_options;
using sluice::child_state;
using sluice::restart_policy;
using sluice::restart_strategy;
using sluice::supervisor_options;
using sluice::sup::child_key;
using sluice::sup::end_kind;
using sluice::sup::no_child;
using sluice::sup::supervision;
using sluice::sup::supervision_outcome;

namespace {

class random_life {
 public:
  explicit random_life(std::uint64_t seed) : random_(seed), on_(options(), seed) {}

  void run() {
    const std::uint64_t children = is_simple() ? 0 : one_of(6);
    for (std::uint64_t i = 0; i < children; ++i) on_.add(child());
    if (one_of(8) == 0 && children != 0) on_.broken.insert(any_child());
    on_.begin();
    check_states();
    for (int step = 0; step < 80 && !on_.is_finished; ++step) {
      take_step();
      check_states();
    }
    on_.broken.clear();
    on_.stop();
    for (int step = 0; step < 1000 && !on_.is_finished; ++step) {
      on_.let_go();
      check_states();
    }
    REQUIRE(on_.is_finished);
    if (on_.machine.outcome() != supervision_outcome::start_failed) REQUIRE(on_.alive.empty());
  }

 private:
  std::uint64_t one_of(std::uint64_t count) { return random_() % count; }
  bool is_simple() const { return options_.strategy == restart_strategy::simple_one_for_one; }

  supervisor_options options() {
    options_.strategy = static_cast<restart_strategy>(one_of(4));
    options_.limit = {.restarts_max = static_cast<std::uint32_t>(one_of(8)),
                      .period = std::chrono::nanoseconds{1 + one_of(1000)}};
    options_.shutdown = static_cast<sluice::auto_shutdown>(one_of(3));
    options_.keeps_order = one_of(3) != 0;
    return options_;
  }
  child_options child() {
    child_options made;
    if (!is_simple()) made.id = "child " + std::to_string(++made_);
    made.restart = static_cast<restart_policy>(one_of(3));
    made.shutdown_timeout = std::chrono::nanoseconds{one_of(4) * 10};
    made.is_significant = made.restart != restart_policy::permanent && one_of(3) == 0;
    if (one_of(3) == 0) {
      made.budget = sluice::restart_limit{.restarts_max = static_cast<std::uint32_t>(one_of(3)),
                                          .period = std::chrono::nanoseconds{1 + one_of(100)}};
    }
    if (one_of(3) == 0) made.backoff.first = std::chrono::nanoseconds{1 + one_of(50)};
    return made;
  }
  child_key any_child() {
    std::vector<child_key> all;
    for (child_key key = on_.machine.first(); key != no_child; key = on_.machine.after(key)) {
      all.push_back(key);
    }
    return all.empty() ? no_child : all[one_of(all.size())];
  }

  void take_step() {
    on_.now_ns += static_cast<std::int64_t>(one_of(100));
    switch (one_of(6)) {
      case 0:
      case 1: return end_one();
      case 2:
        if (!on_.timers.empty()) on_.fire();
        return;
      case 3: return on_.let_go();
      case 4: return command();
      case 5:
        on_.broken.clear();
        if (const child_key unlucky = any_child(); one_of(3) == 0 && unlucky != no_child) {
          on_.broken.insert(unlucky);
        }
        return;
    }
  }
  void end_one() {
    if (on_.alive.empty()) return;
    auto chosen = on_.alive.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(one_of(on_.alive.size())));
    const child_key who = *chosen;
    on_.told.erase(std::remove(on_.told.begin(), on_.told.end(), who), on_.told.end());
    on_.end(who, static_cast<end_kind>(one_of(2) != 0));
  }
  void command() {
    const child_key who = any_child();
    const std::uint64_t what = one_of(7);
    if (what == 0 || who == no_child) {
      const auto made = on_.machine.add(child());
      if (!made) return;
      static_cast<void>(
          on_.command([&](supervision& machine) { return machine.start(made.value()); }));
      return;
    }
    static_cast<void>(on_.command([&](supervision& machine) -> sluice::result<void> {
      switch (what) {
        case 1: return machine.start(who);
        case 2: return machine.stop(who);
        case 3: return machine.restart(who);
        case 4: return machine.enable(who);
        case 5: return machine.disable(who);
        default: return machine.remove(who);
      }
    }));
  }

  // Each child is in exactly one state, the counts say the same, and it lives as the state says.
  void check_states() {
    std::uint32_t total = 0;
    std::uint32_t seen[8] = {};
    std::set<child_key> running;
    for (child_key key = on_.machine.first(); key != no_child; key = on_.machine.after(key)) {
      REQUIRE(on_.machine.is_known(key));
      ++total;
      const child_state state = on_.machine.state_of(key);
      ++seen[static_cast<unsigned>(state)];
      REQUIRE(state != child_state::starting);
      if (state >= child_state::up) running.insert(key);
    }
    REQUIRE(total == on_.machine.count());
    for (unsigned i = 0; i < 8; ++i) {
      REQUIRE(seen[i] == on_.machine.count(static_cast<child_state>(i)));
    }
    REQUIRE(running == on_.alive);
    // Nothing is forgotten on the way: who goes was told or waits for its turn, who is due has a
    // timer or waits for those who go.
    if (on_.machine.count(child_state::leaving) != 0) {
      REQUIRE(on_.machine.count(child_state::asked) + on_.machine.count(child_state::killed) != 0);
    }
    if (on_.machine.count(child_state::due) != 0) {
      REQUIRE(
          (!on_.timers.empty() ||
           on_.machine.count(child_state::asked) + on_.machine.count(child_state::killed) != 0));
    }
  }

  std::mt19937_64 random_;
  supervisor_options options_;
  std::uint32_t made_ = 0;
  rehearsal on_;
};

}  // namespace

TEST_CASE("supervision: the rules hold in random lives") {
  const std::uint64_t first_seed = std::random_device{}();
  for (std::uint64_t seed = first_seed; seed < first_seed + 3000; ++seed) {
    INFO("seed " << seed);
    random_life{seed}.run();
  }
}
