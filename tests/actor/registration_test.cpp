// Names of processes at run time: given up and taken over.
#include <catch2/catch_test_macros.hpp>

#include "actor/test_node.hpp"

namespace {

struct give_up {};
struct take {};

struct holder : sluice::actor<holder, give_up, take> {
  holder(test_counter& done_, test_counter& wrong_) : done(done_), wrong(wrong_) {}
  void on(give_up) {
    if (!unregister_name() || find("place").is_valid()) wrong.add();
    if (unregister_name()) wrong.add();
    done.add();
  }
  void on(take) {
    if (!register_name("place") || find("place") != self()) wrong.add();
    done.add();
  }
  test_counter& done;
  test_counter& wrong;
};

}  // namespace

TEST_CASE("process: a name that is given up is free at once, for others and for itself") {
  test_counter done;
  test_counter wrong;
  test_node node;
  auto one = node->spawn<holder>({.name = "place"}, done, wrong).value();
  auto two = node->spawn<holder>({}, done, wrong).value();
  for (std::uint32_t round = 0; round < 20; ++round) {
    (round % 2 == 0 ? one : two).send(give_up{});
    done.wait_for(2 * round + 1);
    REQUIRE_FALSE(node->find("place").is_valid());
    (round % 2 == 0 ? two : one).send(take{});
    done.wait_for(2 * round + 2);
    REQUIRE(node->find("place") == (round % 2 == 0 ? two : one).id());
  }
  REQUIRE(wrong.value() == 0);
}
