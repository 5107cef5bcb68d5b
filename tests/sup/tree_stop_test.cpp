// The stop of a node ends what is supervised in order, before everybody is told to exit.
#include <catch2/catch_test_macros.hpp>

#include "sup/family.hpp"

using namespace std::chrono_literals;
using sluice::pid;
using sluice::supervisor;

TEST_CASE("tree stop: the youngest tree ends first, each in reverse order of its start") {
  diary out;
  test_node node;
  REQUIRE(node->spawn<supervisor>(
      {}, sluice::children{member_child(out, {.id = "a"}),
                           sluice::child<supervisor>("x", members(out, "bc"))}));
  REQUIRE(node->spawn<supervisor>({}, members(out, "de")));
  REQUIRE(node->spawn<member>({}, out, "z"));
  out.clear();
  node.finish();
  CHECK(out.text() ==
        "end e shutdown, end d shutdown, end c shutdown, end b shutdown, end a shutdown, "
        "end z shutdown");
}

TEST_CASE("tree stop: a child that ignores it is killed by its supervisor, the others in order") {
  struct stubborn : sluice::actor<stubborn> {
    explicit stubborn(diary& to) : out(to) {}
    void on(const sluice::stop_request&) { out.note("asked"); }
    void terminate(const sluice::exit_reason& why) {
      out.note(std::string{"end stubborn "} + sluice::to_string(why.code));
    }
    diary& out;
  };
  diary out;
  test_node node;
  sluice::children all = members(out, "a");
  all.push_back(sluice::child<stubborn>({.id = "s", .shutdown_timeout = 20ms}, std::ref(out)));
  all.push_back(member_child(out, {.id = "b"}));
  REQUIRE(node->spawn<supervisor>({}, std::move(all)));
  out.clear();
  node.finish();
  CHECK(out.text() == "end b shutdown, asked, end stubborn killed, end a shutdown");
}

TEST_CASE("tree stop: a tree that does not end in its share is told to exit like all others") {
  struct endless : sluice::actor<endless> {
    void on(const sluice::stop_request&) {}
  };
  test_node node;
  REQUIRE(node->spawn<supervisor>(
      {}, sluice::children{sluice::child<endless>({.id = "e", .shutdown_timeout = 1h})}));
  node.finish(400ms);
}

TEST_CASE("tree stop: nothing is restarted while the node stops") {
  struct dying : sluice::actor<dying> {
    explicit dying(diary& to) : out(to) {}
    void on_start() { out.note("start"); }
    void on(const sluice::stop_request&) { throw std::runtime_error("not now"); }
    diary& out;
  };
  diary out;
  for (int round = 0; round < 20; ++round) {
    out.clear();
    test_node node;
    sluice::children all;
    for (const char* id : {"a", "b", "c"}) all.push_back(sluice::child<dying>(id, std::ref(out)));
    REQUIRE(node->spawn<supervisor>({}, all));
    REQUIRE(node->spawn<supervisor>({}, all));
    node.finish();
    CHECK(out.count("start") == 6);
  }
}

TEST_CASE("tree stop: a node stops while children crash in a loop") {
  struct flash : sluice::actor<flash, crash> {
    explicit flash(test_counter& to) : count(to) {}
    void on_start() {
      count.add();
      send(self(), crash{});
    }
    void on(crash) { exit(sluice::exit_reason::error("again")); }
    test_counter& count;
  };
  test_counter count;
  test_node node;
  for (int i = 0; i < 4; ++i) {
    REQUIRE(node->spawn<supervisor>(
        {}, sluice::supervisor_options{.limit = {sluice::restart_limit::unlimited}},
        sluice::children{sluice::child<flash>("f", std::ref(count))}));
  }
  count.wait_for(1000);
  node.finish();
}
