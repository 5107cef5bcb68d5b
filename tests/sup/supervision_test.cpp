// What a supervisor decides: strategies, policies, limits, commands; without a runtime.
#include <catch2/catch_test_macros.hpp>

#include "sup/rehearsal.hpp"

using namespace std::chrono_literals;
using sluice::auto_shutdown;
using sluice::child_options;
using sluice::child_state;
using sluice::error_code;
using sluice::restart_policy;
using sluice::restart_strategy;
using sluice::supervisor_options;
using sluice::sup::end_kind;
using sluice::sup::supervision;
using sluice::sup::supervision_outcome;

namespace {

// Children a, b and c that run.
rehearsal three(const supervisor_options& options, restart_policy policy = {}) {
  rehearsal on{options};
  for (const char* id : {"a", "b", "c"}) on.add({.id = id, .restart = policy});
  on.begin();
  on.log();
  return on;
}

}  // namespace

TEST_CASE("supervision: children start in order and stop in reverse order, one by one") {
  rehearsal on{supervisor_options{}};
  for (const char* id : {"a", "b", "c"}) on.add({.id = id});
  on.begin();
  CHECK(on.log() == "start a, start b, start c");
  on.stop();
  CHECK(on.log() == "ask c");
  on.end("c");
  CHECK(on.log() == "ask b");
  on.end("b");
  on.end("a");
  CHECK(on.log() == "ask a, finish");
  CHECK(on.machine.outcome() == supervision_outcome::stopped);
}

TEST_CASE("supervision: without order all are asked at once, the last one first") {
  rehearsal on = three({.keeps_order = false});
  on.stop();
  CHECK(on.log() == "ask c, ask b, ask a");
  on.let_go();
  CHECK(on.log() == "finish");
}

TEST_CASE("supervision: each strategy restarts whom it names") {
  SECTION("one for one") {
    rehearsal on = three({});
    on.end("b");
    CHECK(on.log() == "start b");
  }
  SECTION("all for one") {
    rehearsal on = three({.strategy = restart_strategy::all_for_one});
    on.end("b");
    CHECK(on.log() == "ask c");
    on.end("c");
    CHECK(on.log() == "ask a");
    on.end("a");
    CHECK(on.log() == "start a, start b, start c");
  }
  SECTION("rest for one") {
    rehearsal on = three({.strategy = restart_strategy::rest_for_one});
    on.end("b");
    CHECK(on.log() == "ask c");
    on.end("c");
    CHECK(on.log() == "start b, start c");
  }
  SECTION("all for one, all asked at once") {
    rehearsal on = three({.strategy = restart_strategy::all_for_one, .keeps_order = false});
    on.end("a");
    CHECK(on.log() == "ask c, ask b");
    on.end("b");
    CHECK(on.log().empty());
    on.end("c");
    CHECK(on.log() == "start a, start b, start c");
  }
}

TEST_CASE("supervision: permanent, transient and temporary children") {
  const auto end_as = [](restart_policy policy, end_kind how) {
    rehearsal on = three({}, policy);
    on.end(on.machine.find("b"), how);
    return on.log();
  };
  CHECK(end_as(restart_policy::permanent, end_kind::normal) == "start b");
  CHECK(end_as(restart_policy::permanent, end_kind::abnormal) == "start b");
  CHECK(end_as(restart_policy::transient, end_kind::normal).empty());
  CHECK(end_as(restart_policy::transient, end_kind::abnormal) == "start b");
  CHECK(end_as(restart_policy::temporary, end_kind::normal) == "forget");
  CHECK(end_as(restart_policy::temporary, end_kind::abnormal) == "forget");
}

TEST_CASE("supervision: who was stopped by hand or is temporary does not come back with a group") {
  rehearsal on{{.strategy = restart_strategy::all_for_one}};
  on.add({.id = "a"});
  on.add({.id = "b"});
  on.add({.id = "c", .restart = restart_policy::temporary});
  on.begin();
  CHECK(on.command([](supervision& machine) { return machine.stop(machine.find("b")); }));
  on.let_go();
  on.log();
  on.end("a");
  on.let_go();
  CHECK(on.log() == "ask c, forget, start a");
  CHECK(on.machine.state_of(on.machine.find("b")) == child_state::down);
}

TEST_CASE("supervision: one restart too many ends it, in order") {
  rehearsal on = three({.limit = {.restarts_max = 2, .period = 1s}});
  on.end("a");
  on.end("b");
  CHECK(on.log() == "start a, start b");
  on.end("a");
  CHECK(on.log() == "ask c");
  on.let_go();
  CHECK(on.log() == "ask b, finish");
  CHECK(on.machine.outcome() == supervision_outcome::limit_reached);
}

TEST_CASE(
    "supervision: a child with a budget is disabled, and its restarts count for nobody else") {
  rehearsal on{{.limit = {.restarts_max = 0}}};
  on.add({.id = "a", .budget = sluice::restart_limit{.restarts_max = 2, .period = 1s}});
  on.add({.id = "b"});
  on.begin();
  on.log();
  on.end("a");
  on.end("a");
  CHECK(on.log() == "start a, start a");
  on.end("a");
  CHECK(on.log().empty());
  const auto a = on.machine.find("a");
  CHECK(on.machine.state_of(a) == child_state::disabled);
  CHECK(on.command([a](supervision& machine) { return machine.start(a); }).error().code ==
        error_code::bad_argument);
  CHECK(on.command([a](supervision& machine) { return machine.enable(a); }));
  on.end("a");
  CHECK(on.log() == "start a, start a");
}

TEST_CASE("supervision: a child that does not end in time is killed, and only that one") {
  rehearsal on{{}};
  on.add({.id = "a", .shutdown_timeout = 20ms});
  on.add({.id = "b", .shutdown_timeout = 0ms});
  on.add({.id = "c", .shutdown_timeout = std::chrono::nanoseconds::max()});
  on.begin();
  on.log();
  on.stop();
  CHECK(on.log() == "ask c");
  CHECK(on.timers.empty());
  on.end("c");
  CHECK(on.log() == "kill b");
  on.end("b");
  CHECK(on.log() == "ask a");
  on.fire();
  CHECK(on.log() == "kill a");
  on.end("a");
  CHECK(on.log() == "finish");
}

TEST_CASE("supervision: a timer of a child that ended in time changes nothing") {
  rehearsal on = three({});
  const auto b = on.machine.find("b");
  CHECK(on.command([b](supervision& machine) { return machine.restart(b); }));
  on.end("b");
  CHECK(on.log() == "ask b, start b");
  on.fire();
  CHECK(on.log().empty());
  CHECK(on.machine.state_of(b) == child_state::up);
}

TEST_CASE("supervision: the timer of a former stop does not cut the next one short") {
  rehearsal on = three({});
  const auto b = on.machine.find("b");
  CHECK(on.command([b](supervision& machine) { return machine.restart(b); }));
  on.end("b");
  on.now_ns += 1'000'000;
  CHECK(on.command([b](supervision& machine) { return machine.stop(b); }));
  CHECK(on.log() == "ask b, start b, ask b");
  on.fire();
  CHECK(on.log().empty());
  on.fire();
  CHECK(on.log() == "kill b");
}

TEST_CASE("supervision: a restart waits its backoff, and a start by hand cuts it short") {
  rehearsal on{{}};
  on.add({.id = "a", .backoff = {.first = 10ms, .jitter = 0}});
  on.begin();
  on.log();
  on.end("a");
  CHECK(on.log() == "wait a");
  CHECK(on.machine.state_of(on.machine.find("a")) == child_state::due);
  SECTION("the wait passes") {
    on.fire();
    CHECK(on.now_ns == 10'000'000);
    CHECK(on.log() == "start a");
  }
  SECTION("it is started by hand") {
    CHECK(on.command([](supervision& machine) { return machine.start(machine.find("a")); }));
    CHECK(on.log() == "start a");
    on.fire();
    CHECK(on.log().empty());
  }
  SECTION("it is stopped by hand") {
    CHECK(on.command([](supervision& machine) { return machine.stop(machine.find("a")); }));
    on.fire();
    CHECK(on.log().empty());
  }
  SECTION("the supervisor stops") {
    on.stop();
    CHECK(on.log() == "finish");
  }
}

TEST_CASE("supervision: a group restarts when its backoff is over and everybody has gone") {
  rehearsal on{{.strategy = restart_strategy::all_for_one}};
  on.add({.id = "a", .backoff = {.first = 10ms, .jitter = 0}});
  on.add({.id = "b"});
  on.begin();
  on.log();
  on.end("a");
  CHECK(on.log() == "wait a, ask b");
  SECTION("the wait is longer") {
    on.end("b");
    CHECK(on.log().empty());
    on.fire();
  }
  SECTION("the child takes longer") {
    on.fire();
    CHECK(on.log().empty());
    on.end("b");
  }
  CHECK(on.log() == "start a, start b");
}

TEST_CASE("supervision: a group whose failed child is deleted waits for its backoff no longer") {
  rehearsal on{{.strategy = restart_strategy::rest_for_one}};
  on.add({.id = "a", .backoff = {.first = 10ms, .jitter = 0}});
  on.add({.id = "b"});
  on.begin();
  on.log();
  on.end("a");
  on.end("b");
  CHECK(on.log() == "wait a, ask b");
  // With it goes its timer.
  on.timers.clear();
  CHECK(on.command([](supervision& machine) { return machine.remove(machine.find("a")); }));
  CHECK(on.log() == "forget, start b");
}

TEST_CASE("supervision: a first start that fails ends it, and those that did start are told") {
  rehearsal on{{}};
  on.add({.id = "a"});
  on.add({.id = "b"});
  const auto c = on.add({.id = "c"});
  on.add({.id = "d"});
  on.broken = {c};
  on.begin();
  CHECK(on.log() == "start a, start b, start c, ask b, ask a, finish");
  CHECK(on.machine.outcome() == supervision_outcome::start_failed);
}

TEST_CASE("supervision: a restart that fails counts as one more failure, and pauses") {
  rehearsal on = three(
      {.strategy = restart_strategy::rest_for_one, .limit = {.restarts_max = 3, .period = 1s}});
  on.broken = {on.machine.find("b")};
  on.end("a");
  on.let_go();
  CHECK(on.log() == "ask c, ask b, start a, start b, wait b");
  on.fire();
  CHECK(on.log() == "start b, wait b");
  on.fire();
  CHECK(on.log() == "start b, ask a");
  on.let_go();
  CHECK(on.log() == "finish");
}

TEST_CASE("supervision: significant children end it, one or all of them") {
  const auto with = [](auto_shutdown shutdown) {
    rehearsal on{{.shutdown = shutdown}};
    on.add({.id = "a", .restart = restart_policy::transient, .is_significant = true});
    on.add({.id = "b", .restart = restart_policy::temporary, .is_significant = true});
    on.add({.id = "c"});
    on.begin();
    on.log();
    return on;
  };
  SECTION("never") {
    rehearsal on = with(auto_shutdown::never);
    on.end(on.machine.find("a"), end_kind::normal);
    on.end("b");
    CHECK(on.log() == "forget");
  }
  SECTION("any") {
    rehearsal on = with(auto_shutdown::any_significant);
    on.end("a");
    CHECK(on.log() == "start a");
    on.end("b");
    CHECK(on.log() == "forget, ask c");
    on.let_go();
    CHECK(on.log() == "ask a, finish");
    CHECK(on.machine.outcome() == supervision_outcome::significant_ended);
  }
  SECTION("all") {
    rehearsal on = with(auto_shutdown::all_significant);
    on.end("b");
    CHECK(on.log() == "forget");
    on.end(on.machine.find("a"), end_kind::normal);
    CHECK(on.log() == "ask c");
  }
  SECTION("stopped by hand is not ended by itself") {
    rehearsal on = with(auto_shutdown::any_significant);
    CHECK(on.command([](supervision& machine) { return machine.stop(machine.find("a")); }));
    on.let_go();
    CHECK(on.log() == "ask a");
  }
}

TEST_CASE("supervision: children are added, stopped, started, disabled and deleted at run time") {
  rehearsal on = three({});
  const auto d = on.add({.id = "d"});
  CHECK(on.machine.add({.id = "d"}).error().code == error_code::name_taken);
  CHECK(on.machine.add({}).error().code == error_code::bad_argument);
  CHECK(on.machine.add({.id = "e", .is_significant = true}).error().code ==
        error_code::bad_argument);
  CHECK(on.command([d](supervision& machine) { return machine.start(d); }));
  CHECK(on.command([d](supervision& machine) { return machine.start(d); }).error().code ==
        error_code::already_started);
  CHECK(on.command([d](supervision& machine) { return machine.disable(d); }));
  CHECK(on.log() == "start d, ask d");
  // A start while it goes starts it again; the stronger wish stays.
  CHECK_FALSE(on.command([d](supervision& machine) { return machine.start(d); }));
  on.end("d");
  CHECK(on.machine.state_of(d) == child_state::disabled);
  CHECK(on.command([d](supervision& machine) { return machine.enable(d); }));
  CHECK(on.command([d](supervision& machine) { return machine.stop(d); }));
  CHECK(on.command([d](supervision& machine) { return machine.start(d); }));
  on.end("d");
  CHECK(on.log() == "start d, ask d, start d");
  CHECK(on.command([d](supervision& machine) { return machine.remove(d); }));
  on.end("d");
  CHECK(on.log() == "ask d, forget");
  CHECK(on.machine.find("d") == sluice::sup::no_child);
  CHECK(on.machine.count() == 3);
}

TEST_CASE("supervision: an added child whose start fails is forgotten, a started one stays down") {
  rehearsal on = three({});
  const auto d = on.add({.id = "d"});
  on.broken = {d, on.machine.find("b")};
  CHECK(on.command([d](supervision& machine) { return machine.start(d); }));
  CHECK(on.log() == "start d, forget");
  const auto b = on.machine.find("b");
  CHECK(on.command([b](supervision& machine) { return machine.stop(b); }));
  on.let_go();
  CHECK(on.command([b](supervision& machine) { return machine.start(b); }));
  CHECK(on.log() == "ask b, start b");
  CHECK(on.machine.state_of(b) == child_state::down);
}

TEST_CASE("supervision: simple children need no id, stop at once and are forgotten when down") {
  rehearsal on{{.strategy = restart_strategy::simple_one_for_one}};
  on.begin();
  CHECK(on.log().empty());
  for (int i = 0; i < 3; ++i) {
    const auto one = on.add({});
    CHECK(on.command([one](supervision& machine) { return machine.start(one); }));
  }
  CHECK(on.machine.count() == 3);
  on.log();
  on.end(1);
  CHECK(on.log() == "start ");
  CHECK(on.command([](supervision& machine) { return machine.stop(1); }));
  on.end(1);
  CHECK(on.log() == "ask , forget");
  on.stop();
  CHECK(on.log() == "ask , ask ");
  on.let_go();
  CHECK(on.is_finished);
}

TEST_CASE("supervision: a child that starts disabled waits to be enabled") {
  rehearsal on{{}};
  on.add({.id = "a", .starts_disabled = true});
  on.begin();
  CHECK(on.log().empty());
  CHECK(on.command([](supervision& machine) { return machine.enable(machine.find("a")); }));
  CHECK(on.log() == "start a");
}

TEST_CASE("supervision: one that starts disabled is known also when its first start fails") {
  rehearsal on{{}};
  const auto a = on.add({.id = "a", .starts_disabled = true});
  on.begin();
  on.broken = {a};
  CHECK(on.command([a](supervision& machine) { return machine.enable(a); }));
  CHECK(on.log() == "start a");
  CHECK(on.machine.state_of(a) == child_state::down);
}
