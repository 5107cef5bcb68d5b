// Process groups: who is in, and who is reached.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

namespace {

struct job {
  int number = 0;
};
struct enter {
  std::string name;
};
struct quit {
  std::string name;
};
struct send_all {
  std::string name;
};

struct member : sluice::actor<member, job, enter, quit, send_all> {
  member(test_counter& jobs_, test_counter& done_, test_counter& wrong_)
      : jobs(jobs_), done(done_), wrong(wrong_) {}
  void on(job now) {
    if (now.number != 7) wrong.add();
    jobs.add();
  }
  void on(const enter& where) {
    if (!join_group(where.name)) wrong.add();
    done.add();
  }
  void on(const quit& where) {
    if (!leave_group(where.name) || leave_group(where.name)) wrong.add();
    done.add();
  }
  void on(const send_all& where) {
    done.add(static_cast<std::uint32_t>(send_to_group(where.name, job{7})));
  }
  test_counter& jobs;
  test_counter& done;
  test_counter& wrong;
};

struct courier : sluice::meta<courier> {
  explicit courier(test_counter& sent_) : sent(sent_) {}
  void start(std::stop_token) {
    sent.add(static_cast<std::uint32_t>(send_to_group("crew", job{7})));
  }
  test_counter& sent;
};

}  // namespace

TEST_CASE("groups: who has joined is reached, once each; who left or ended is not") {
  test_counter jobs;
  test_counter done;
  test_counter wrong;
  test_node node;
  std::vector<sluice::handle<member>> all;
  for (int i = 0; i < 10; ++i) all.push_back(node->spawn<member>({}, jobs, done, wrong).value());
  for (auto& each : all) each.send(enter{"crew"});
  all[0].send(enter{"crew"});  // Twice is once.
  all[0].send(enter{"others"});
  done.wait_for(12);
  REQUIRE(node->group_members("crew").size() == 10);
  REQUIRE(node->group_members("others") == std::vector<sluice::pid>{all[0].id()});
  REQUIRE(node->group_members("nobody").empty());
  all[3].send(send_all{"crew"});
  done.wait_for(22);
  jobs.wait_for(10);
  for (int i = 0; i < 4; ++i) all[static_cast<std::size_t>(i)].send(quit{"crew"});
  done.wait_for(26);
  for (int i = 4; i < 7; ++i) all[static_cast<std::size_t>(i)].exit();
  eventually([&] { return node->group_members("crew").size() == 3; });
  const auto left = node->group_members("crew");
  for (int i = 7; i < 10; ++i) {
    REQUIRE(std::count(left.begin(), left.end(), all[static_cast<std::size_t>(i)].id()) == 1);
  }
  test_counter sent;
  REQUIRE(node->spawn_meta<courier>({.is_pinned = false}, sent));
  sent.wait_for(3);
  jobs.wait_for(13);
  node.settle();
  REQUIRE(jobs.value() == 13);
  REQUIRE(wrong.value() == 0);
}

namespace {

struct refuser : sluice::actor<refuser> {
  sluice::result<void> on_start() {
    static_cast<void>(join_group("crew"));
    return sluice::error{sluice::error_code::bad_argument, 0, "test"};
  }
};
struct nameless : sluice::actor<nameless> {
  sluice::result<void> on_start() { return join_group(std::string(256, 'x')); }
};

}  // namespace

TEST_CASE("groups: a spawn that fails leaves no member behind, and names have a limit") {
  test_node node;
  REQUIRE_FALSE(node->spawn<refuser>());
  REQUIRE(node->group_members("crew").empty());
  REQUIRE(node->spawn<nameless>().error().code == sluice::error_code::bad_argument);
}
