// Applications: dependencies, modes, environments, stops.
#include <catch2/catch_test_macros.hpp>

#include <sluice/testing.hpp>

#include "sup/application_book.hpp"
#include "sup/family.hpp"

using namespace std::chrono_literals;
using sluice::application_mode;
using sluice::application_spec;
using sluice::application_state;
using sluice::error_code;
using sluice::pid;

namespace {

application_spec app(diary& out, const std::string& name, std::vector<std::string> depends = {},
                     application_mode mode = application_mode::temporary) {
  application_spec made;
  made.name = name;
  made.mode = mode;
  made.depends = std::move(depends);
  made.supervision.limit.restarts_max = 0;
  made.processes = members(out, name, {.name = name});
  return made;
}

application_state state_of(test_node& node, const std::string& name) {
  for (const auto& each : node->applications()) {
    if (each.name == name) return each.state;
  }
  FAIL("no application " << name);
  return {};
}

std::string running(test_node& node) {
  std::string all;
  for (const auto& each : node->applications()) {
    if (each.state == application_state::running) all += each.name;
  }
  return all;
}

}  // namespace

TEST_CASE("application: those it depends on start first, and who depends on it stops first") {
  diary out;
  test_node node;
  for (const auto& [name, depends] : std::vector<std::pair<const char*, std::vector<std::string>>>{
           {"d", {"b", "c"}}, {"c", {"a"}}, {"b", {"a"}}, {"a", {}}, {"e", {}}}) {
    REQUIRE(node->load_application(app(out, name, depends)));
  }
  CHECK(running(node).empty());
  REQUIRE(node->start_application("d"));
  REQUIRE(node->start_application("e"));
  CHECK(out.text() == "start a, start b, start c, start d, start e");
  CHECK(node->start_application("c").error().code == error_code::already_started);
  out.clear();
  REQUIRE(node->stop_application("b"));
  CHECK(out.text() == "end d shutdown, end b shutdown");
  CHECK(running(node) == "cae");
  CHECK(node->stop_application("b").error().code == error_code::unknown_address);
  REQUIRE(node->start_application("d"));
  CHECK(running(node) == "dcbae");
  out.clear();
  node.finish();
  CHECK(out.text() ==
        "end d shutdown, end b shutdown, end e shutdown, end c shutdown, "
        "end a shutdown");
}

TEST_CASE("application: what cannot start says why, and leaves the ones before it running") {
  diary out;
  test_node node;
  REQUIRE(node->load_application(app(out, "a")));
  CHECK(node->load_application(app(out, "a")).error().code == error_code::name_taken);
  CHECK(node->load_application(app(out, "")).error().code == error_code::bad_argument);
  CHECK(node->start_application("nobody").error().code == error_code::unknown_address);
  REQUIRE(node->load_application(app(out, "b", {"nobody"})));
  CHECK(node->start_application("b").error().code == error_code::unknown_address);
  REQUIRE(node->load_application(app(out, "x", {"y"})));
  REQUIRE(node->load_application(app(out, "y", {"x"})));
  CHECK(node->start_application("x").error().code == error_code::bad_argument);

  REQUIRE(node->load_application(app(out, "c", {"a"})));
  REQUIRE(node->spawn<member>({.name = "c"}, out, "thief"));
  CHECK(node->start_application("c").error().code == error_code::name_taken);
  CHECK(state_of(node, "c") == application_state::stopped);
  CHECK(running(node) == "a");
}

TEST_CASE("application: its processes see its environment, before the node's") {
  struct reader : sluice::actor<reader, ask_name> {
    std::string on(ask_name) {
      return std::string{env("both").value_or("-")} + std::string{env("own").value_or("-")} +
             std::string{env("node").value_or("-")} + std::string{env("child").value_or("-")};
    }
  };
  sluice::node_options options = plain_options();
  options.env = {{"both", "n"}, {"node", "n"}, {"child", "n"}};
  test_node node{std::move(options)};
  REQUIRE(node->load_application({.name = "a",
                                  .env = {{"both", "a"}, {"own", "a"}, {"child", "a"}},
                                  .processes = {sluice::child<reader>(
                                      {.id = "r", .name = "reader", .env = {{"child", "c"}}})}}));
  REQUIRE(node->start_application("a"));
  CHECK(node->call(node->find("reader"), ask_name{}).value() == "aanc");
}

TEST_CASE("application: its end means what its mode says") {
  diary out;
  test_node node;
  const auto end = [&](application_mode mode, bool is_crash) {
    REQUIRE(node->load_application(app(out, "a")));
    application_spec last = app(out, "b", {"a"}, mode);
    if (!is_crash) {
      last.processes[0].options.restart = sluice::restart_policy::transient;
      last.processes[0].options.is_significant = true;
      last.supervision.shutdown = sluice::auto_shutdown::any_significant;
    }
    REQUIRE(node->load_application(std::move(last)));
    REQUIRE(node->start_application("b"));
    if (is_crash) {
      node->send(node->find("b"), crash{});
    } else {
      node->send(node->find("b"), leave{});
    }
    eventually([&] { return state_of(node, "b") == application_state::stopped; });
  };
  SECTION("permanent, by itself") {
    end(application_mode::permanent, false);
    const auto why = node->wait_for_stop_request(30s);
    REQUIRE(why);
    CHECK(*why == "application b ended: shutdown");
    eventually([&] { return running(node).empty(); });
    CHECK(node->start_application("b").error().code == error_code::stopping);
  }
  SECTION("permanent, by failure") {
    end(application_mode::permanent, true);
    CHECK(node->wait_for_stop_request(30s)->find("one restart too many") != std::string::npos);
  }
  SECTION("transient, by itself") {
    end(application_mode::transient, false);
    CHECK_FALSE(node->wait_for_stop_request(0s));
    CHECK(running(node) == "a");
  }
  SECTION("transient, by failure") {
    end(application_mode::transient, true);
    CHECK(node->wait_for_stop_request(30s));
  }
  SECTION("temporary, by failure") {
    end(application_mode::temporary, true);
    CHECK_FALSE(node->wait_for_stop_request(0s));
    CHECK(running(node) == "a");
  }
}

TEST_CASE("application: a stop asked for stops all, the youngest first") {
  diary out;
  test_node node;
  for (const char* name : {"a", "b", "c"}) {
    REQUIRE(node->load_application(app(out, name, {}, application_mode::permanent)));
    REQUIRE(node->start_application(name));
  }
  out.clear();
  std::thread host{[&] { node->request_stop("enough"); }};
  CHECK(node->wait_for_stop_request(30s) == "enough");
  host.join();
  eventually([&] { return running(node).empty(); });
  out.wait_for("end a shutdown");
  CHECK(out.text() == "end c shutdown, end b shutdown, end a shutdown");
}

TEST_CASE("application: stopped by hand, a permanent one has no consequences") {
  diary out;
  test_node node;
  REQUIRE(node->load_application(app(out, "a", {}, application_mode::permanent)));
  REQUIRE(node->start_application("a"));
  REQUIRE(node->stop_application("a"));
  CHECK_FALSE(node->wait_for_stop_request(0s));
  REQUIRE(node->start_application("a"));
  CHECK(out.count("start a") == 2);
}

TEST_CASE("application: one that does not stop in time is killed, and that is said") {
  struct endless : sluice::actor<endless> {
    void on(const sluice::stop_request&) {}
  };
  test_node node;
  REQUIRE(node->load_application(
      {.name = "a",
       .processes = {sluice::child<endless>({.id = "e", .shutdown_timeout = 1h})},
       .stop_timeout = 20ms}));
  REQUIRE(node->start_application("a"));
  CHECK(node->stop_application("a").error().code == error_code::timed_out);
  eventually([&] { return node->messages().alive == 0; });
}

TEST_CASE("application: one that ends before its start is over has the consequences of its mode") {
  sluice::core::application_book book;
  REQUIRE(book.load({.name = "a"}));
  REQUIRE(book.load({.name = "b", .mode = application_mode::permanent}));
  const pid first{1, 2, 3};
  const pid second{1, 3, 3};
  REQUIRE(book.begin_start("a"));
  CHECK(book.started("a", first).goes_on);
  REQUIRE(book.begin_start("b"));
  CHECK_FALSE(book.ended("b", sluice::exit_reason::error("early")).is_valid());
  const auto outcome = book.started("b", second);
  CHECK_FALSE(outcome.goes_on);
  CHECK(outcome.next == first);
  CHECK(book.list()[1].state == application_state::stopped);
  CHECK(book.wait_for_stop_request(0));
}

TEST_CASE("application: it stops in a world without threads, too") {
  diary out;
  sluice::testing::world world;
  REQUIRE(world->load_application(app(out, "a")));
  REQUIRE(world->start_application("a"));
  REQUIRE(world->stop_application("a"));
  CHECK(out.text() == "start a, end a shutdown");
  CHECK_FALSE(world->wait_for_stop_request(1h));
}
