// Supervisors at work on a node: starts, restarts, stops, commands.
#include <catch2/catch_test_macros.hpp>

#include "sup/family.hpp"

using namespace std::chrono_literals;
using sluice::child_options;
using sluice::child_state;
using sluice::error_code;
using sluice::pid;
using sluice::restart_policy;
using sluice::restart_strategy;
using sluice::supervisor;
using sluice::supervisor_options;

namespace {

pid spawn_top(test_node& node, const supervisor_options& options, sluice::children first) {
  auto made = node->spawn<supervisor>({.name = "top"}, options, std::move(first));
  REQUIRE(made);
  return made.value();
}

bool is_gone(test_node& node, pid who) {
  return node->inspect(who, 10s).error().code == error_code::unknown_address;
}

}  // namespace

TEST_CASE("supervisor: children start within its spawn and stop in reverse order") {
  diary out;
  test_node node;
  const pid top = spawn_top(node, {}, members(out, "abc"));
  CHECK(out.text() == "start a, start b, start c");
  CHECK(node->call(pid_of(*node, top, "b"), ask_name{}).value() == "b");
  const auto counts = node->call(top, sluice::count_children{}).value();
  CHECK(counts.known == 3);
  CHECK(counts.running == 3);
  out.clear();
  node->exit(top);
  out.wait_for("end a shutdown");
  CHECK(out.text() == "end c shutdown, end b shutdown, end a shutdown");
  eventually([&] { return is_gone(node, top); });
}

TEST_CASE("supervisor: a child that crashes is restarted, as its strategy says") {
  diary out;
  test_node node;
  const auto run = [&](restart_strategy strategy) {
    const pid top = spawn_top(node, {.strategy = strategy}, members(out, "abc"));
    const pid before = pid_of(*node, top, "b");
    out.clear();
    node->send(before, crash{});
    const bool is_one = strategy == restart_strategy::one_for_one;
    out.wait_for(is_one ? "start b" : "start c");
    eventually([&] { return node->call(top, sluice::count_children{}).value().running == 3; });
    CHECK(pid_of(*node, top, "b") != before);
    const std::string seen = out.text();
    node->exit(top);
    eventually([&] { return is_gone(node, top); });
    out.clear();
    return seen;
  };
  CHECK(run(restart_strategy::one_for_one) == "end b exception, start b");
  CHECK(run(restart_strategy::all_for_one) ==
        "end b exception, end c shutdown, end a shutdown, start a, start b, start c");
  CHECK(run(restart_strategy::rest_for_one) == "end b exception, end c shutdown, start b, start c");
}

TEST_CASE("supervisor: a first start that fails is the supervisor's error, and leaves nothing") {
  diary out;
  test_node node;
  sluice::children first = members(out, "ab");
  first.push_back(sluice::child<supervisor>("sub", members(out, "c", {.name = "top"})));
  const auto made = node->spawn<supervisor>({.name = "top"}, std::move(first));
  REQUIRE_FALSE(made);
  CHECK(made.error().code == error_code::name_taken);
  out.wait_for("end a shutdown");
  out.wait_for("end b shutdown");
  eventually([&] { return node->messages().alive == 0; });
}

TEST_CASE("supervisor: a crash loop ends it with an error that names the child") {
  diary out;
  test_node node;
  const pid top = spawn_top(node, {.limit = {.restarts_max = 3, .period = 1h}}, members(out, "ab"));
  for (std::size_t i = 0; i < 4; ++i) {
    out.wait_for("start a", i + 1);
    eventually([&] { return pid_of(*node, top, "a").is_valid(); });
    node->send(pid_of(*node, top, "a"), crash{});
    out.wait_for("end a exception", i + 1);
  }
  out.wait_for("end b shutdown");
  eventually([&] { return is_gone(node, top); });
  CHECK(out.count("start a") == 4);
  CHECK(node.log().find("one restart too many: child a ended: exception: crash") !=
        std::string::npos);
}

TEST_CASE("supervisor: a restart whose start fails is tried again until it succeeds") {
  diary out;
  test_node node;
  const pid top = spawn_top(node, {.limit = {.restarts_max = 5, .period = 1h}}, members(out, "a"));
  out.let_starts_fail(3);
  node->send(pid_of(*node, top, "a"), crash{});
  out.wait_for("start a", 2);
  CHECK(out.text() == "start a, end a exception, fail a, fail a, fail a, start a");
  eventually([&] { return pid_of(*node, top, "a").is_valid(); });
}

TEST_CASE(
    "supervisor: a child keeps its name over a restart, and a name that is taken is a failure") {
  diary out;
  test_node node;
  const pid top = spawn_top(node, {.limit = {.restarts_max = 2, .period = 1h}},
                            members(out, "a", {.name = "service"}));
  const pid before = node->find("service");
  REQUIRE(before.is_valid());
  SECTION("kept") {
    node->send(before, crash{});
    out.wait_for("start a", 2);
    eventually([&] { return node->find("service").is_valid(); });
    CHECK(node->call(node->find("service"), ask_name{}).value() == "a");
  }
  SECTION("taken") {
    CHECK(node->call(top, sluice::stop_child{"a"}));
    const auto thief = node->spawn<member>({.name = "service"}, out, "thief");
    REQUIRE(thief);
    CHECK(node->call(top, sluice::start_child{"a"}).error().code == error_code::name_taken);
    thief.value().send(leave{});
    eventually([&] { return !node->find("service").is_valid(); });
    CHECK(node->call(top, sluice::start_child{"a"}));
    CHECK(node->find("service").is_valid());
  }
}

TEST_CASE("supervisor: a child that ignores the request to end is killed after its time-out") {
  diary out;
  test_node node;
  const auto deaf = [&](const char* id) {
    return sluice::child<member>({.id = id, .shutdown_timeout = 20ms}, std::ref(out),
                                 std::string{id});
  };
  struct stubborn : sluice::actor<stubborn> {
    explicit stubborn(diary& to) : out(to) {}
    void on(const sluice::stop_request&) { out.note("asked"); }
    void terminate(const sluice::exit_reason& why) {
      out.note(std::string{"end stubborn "} + sluice::to_string(why.code));
    }
    diary& out;
  };
  const pid top = spawn_top(
      node, {},
      {deaf("a"), sluice::child<stubborn>({.id = "s", .shutdown_timeout = 20ms}, std::ref(out))});
  out.clear();
  node->exit(top);
  eventually([&] { return is_gone(node, top); });
  CHECK(out.text() == "asked, end stubborn killed, end a shutdown");
}

TEST_CASE("supervisor: a child that takes its time ends itself when it is asked") {
  diary out;
  test_node node;
  struct polite : sluice::actor<polite, leave> {
    explicit polite(diary& to) : out(to) {}
    void on(const sluice::stop_request&) { send_after(5ms, self(), leave{}); }
    void on(leave) {
      out.note("done");
      exit();
    }
    diary& out;
  };
  const pid top = spawn_top(node, {}, {sluice::child<polite>("p", std::ref(out))});
  CHECK(node->call(top, sluice::stop_child{"p"}));
  CHECK(out.text() == "done");
}

TEST_CASE("supervisor: children are added, stopped, started, restarted, disabled and deleted") {
  diary out;
  test_node node;
  const pid top = spawn_top(node, {}, members(out, "a"));
  const auto added = node->call(top, sluice::add_child{member_child(out, {.id = "b"})});
  REQUIRE(added);
  CHECK(node->call(added.value(), ask_name{}).value() == "b");
  CHECK(node->call(top, sluice::add_child{member_child(out, {.id = "b"})}).error().code ==
        error_code::name_taken);
  CHECK(node->call(top, sluice::start_child{"b"}).error().code == error_code::already_started);
  CHECK(node->call(top, sluice::stop_child{"nobody"}).error().code == error_code::unknown_address);

  CHECK(node->call(top, sluice::stop_child{"b"}));
  CHECK(is_gone(node, added.value()));
  const auto again = node->call(top, sluice::start_child{"b"});
  REQUIRE(again);
  const auto third = node->call(top, sluice::restart_child{"b"});
  REQUIRE(third);
  CHECK(third.value() != again.value());

  CHECK(node->call(top, sluice::disable_child{third.value()}));
  CHECK(node->call(top, sluice::start_child{"b"}).error().code == error_code::bad_argument);
  CHECK(node->call(top, sluice::list_children{}).value().at(1).state == child_state::disabled);
  CHECK(node->call(top, sluice::enable_child{"b"}));
  CHECK(node->call(top, sluice::enable_child{"b"}));
  CHECK(node->call(top, sluice::delete_child{"b"}));
  CHECK(node->call(top, sluice::count_children{}).value().known == 1);

  out.let_starts_fail(1);
  CHECK(node->call(top, sluice::add_child{member_child(out, {.id = "c"})}).error().code ==
        error_code::limit_reached);
  CHECK(node->call(top, sluice::count_children{}).value().known == 1);
}

TEST_CASE("supervisor: simple children are many, without ids, and stop together") {
  diary out;
  test_node node;
  const pid top = spawn_top(node, {.strategy = restart_strategy::simple_one_for_one}, {});
  std::vector<pid> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(node->call(top, sluice::add_child{member_child(out, {})}).value());
  }
  CHECK(node->call(top, sluice::stop_child{all[3]}));
  CHECK(node->call(top, sluice::count_children{}).value().known == 19);
  node->send(all[4], crash{});
  out.wait_for("start ", 21);
  eventually([&] { return node->call(top, sluice::count_children{}).value().running == 19; });
  node->exit(top);
  eventually([&] { return is_gone(node, top); });
  CHECK(out.count("end  shutdown") == 20);
}

TEST_CASE("supervisor: trees stop depth first, in order") {
  diary out;
  test_node node;
  const pid top =
      spawn_top(node, {},
                {sluice::child<supervisor>("x", members(out, "ab")), member_child(out, {.id = "c"}),
                 sluice::child<supervisor>("y", members(out, "de"))});
  CHECK(node->call(top, sluice::count_children{}).value().supervisors == 2);
  out.clear();
  node->exit(top);
  eventually([&] { return is_gone(node, top); });
  CHECK(out.text() ==
        "end e shutdown, end d shutdown, end c shutdown, end b shutdown, end a shutdown");
}

TEST_CASE("supervisor: killed, it takes its children along; its own supervisor starts all again") {
  diary out;
  test_node node;
  const pid top = spawn_top(node, {}, {sluice::child<supervisor>("x", members(out, "ab"))});
  node->exit(pid_of(*node, top, "x"), sluice::exit_reason::killed());
  out.wait_for("end a killed");
  out.wait_for("end b killed");
  out.wait_for("start b", 2);
  eventually([&] { return pid_of(*node, top, "x").is_valid(); });
}

TEST_CASE("supervisor: killed while it restarts a group, it leaves nobody behind") {
  diary out;
  test_node node;
  for (int round = 0; round < 20; ++round) {
    const pid top =
        spawn_top(node, {.strategy = restart_strategy::all_for_one}, members(out, "abcde"));
    node->send(pid_of(*node, top, "c"), crash{});
    node->exit(top, sluice::exit_reason::killed());
    eventually([&] { return node->messages().alive == 0; });
  }
}

TEST_CASE("supervisor: a child may stop, restart or delete itself through its supervisor") {
  diary out;
  test_node node;
  struct insider : sluice::actor<insider, leave, crash, ask_name> {
    explicit insider(diary& to) : out(to) {}
    void on_start() { out.note("start"); }
    void on(leave) { static_cast<void>(request(find("top"), sluice::stop_child{"i"})); }
    void on(crash) { static_cast<void>(request(find("top"), sluice::restart_child{"i"})); }
    std::string on(ask_name) {
      exit(find("top"), sluice::exit_reason::shutdown());
      return "i";
    }
    void on(const sluice::completion<sluice::stop_child>&) {}
    void on(const sluice::completion<sluice::restart_child>&) {}
    diary& out;
  };
  const pid top = spawn_top(node, {}, {sluice::child<insider>("i", std::ref(out))});
  node->send(pid_of(*node, top, "i"), crash{});
  out.wait_for("start", 2);
  eventually([&] { return pid_of(*node, top, "i").is_valid(); });
  node->send(pid_of(*node, top, "i"), leave{});
  eventually([&] { return node->call(top, sluice::count_children{}).value().running == 0; });
  const pid last = node->call(top, sluice::start_child{"i"}).value();
  CHECK(node->call(last, ask_name{}));
  eventually([&] { return is_gone(node, top); });
}

TEST_CASE("supervisor: significant children end it") {
  diary out;
  test_node node;
  sluice::children first = members(out, "a");
  first.push_back(
      member_child(out, {.id = "b", .restart = restart_policy::transient, .is_significant = true}));
  const pid top =
      spawn_top(node, {.shutdown = sluice::auto_shutdown::any_significant}, std::move(first));
  node->send(pid_of(*node, top, "b"), leave{});
  eventually([&] { return is_gone(node, top); });
  CHECK(out.text() == "start a, start b, end b normal, end a shutdown");
}

TEST_CASE("supervisor: a derived type is a supervisor, and a child") {
  struct tree : supervisor {
    explicit tree(diary& out) : supervisor({.limit = {.restarts_max = 1}}, members(out, "ab")) {}
  };
  diary out;
  test_node node;
  const pid top = spawn_top(node, {}, {sluice::child<tree>("tree", std::ref(out))});
  CHECK(out.text() == "start a, start b");
  CHECK(node->call(top, sluice::list_children{}).value().at(0).is_supervisor);
  CHECK(node->call(pid_of(*node, top, "tree"), sluice::count_children{}).value().running == 2);
}

TEST_CASE("supervisor: crashes in every callback of a child are restarts, not more") {
  enum class where { constructor, on_start, handler, terminate, timer, completion, inspect };
  struct fragile : sluice::actor<fragile, leave> {
    fragile(diary& to, where place) : out(to), crashes(place) {
      if (crashes == where::constructor && out.count("up") != 0 && out.count("broken") == 0) fail();
    }
    void on_start() {
      if (crashes == where::on_start && out.count("up") != 0 && out.count("broken") == 0) fail();
      out.note("up");
    }
    void on(leave) {
      if (crashes == where::timer || crashes == where::completion) {
        if (sender() == sluice::address{self()}) fail();
        if (crashes == where::completion) {
          static_cast<void>(request(find("nobody"), ask_name{}));
        } else {
          send_after(1us, self(), leave{});
        }
        return;
      }
      throw std::runtime_error("handler");
    }
    void on(const sluice::completion<ask_name>&) { fail(); }
    void on_inspect(sluice::inspect_items&) {
      if (crashes == where::inspect) fail();
    }
    void terminate(const sluice::exit_reason&) {
      if (crashes == where::terminate) fail();
    }
    void fail() {
      out.note("broken");
      throw std::runtime_error("broken");
    }
    diary& out;
    where crashes;
  };
  for (const where place : {where::constructor, where::on_start, where::handler, where::terminate,
                            where::timer, where::completion, where::inspect}) {
    diary out;
    test_node node;
    const pid top = spawn_top(node, {}, {sluice::child<fragile>("f", std::ref(out), place)});
    const pid first = pid_of(*node, top, "f");
    if (place == where::inspect) {
      CHECK(node->inspect(first).error().code == error_code::receiver_ended);
    } else {
      node->send(first, leave{});
    }
    out.wait_for("up", 2);
    eventually([&] { return pid_of(*node, top, "f").is_valid(); });
    CHECK(node->call(top, sluice::list_children{}).value().at(0).restarts <= 2);
  }
}

TEST_CASE("supervisor: many restarts leave nothing behind") {
  test_counter started;
  test_node node;
  struct flash : sluice::actor<flash, crash> {
    explicit flash(test_counter& to) : count(to) {}
    void on_start() {
      if (count.value() < 20'000) send(self(), crash{});
      count.add();
    }
    void on(crash) { exit(); }
    test_counter& count;
  };
  spawn_top(node, {.limit = {.restarts_max = sluice::restart_limit::unlimited}},
            {sluice::child<flash>("f", std::ref(started))});
  started.wait_for(20'001);
  CHECK(node->messages().alive == 2);
}
