#include "sync/take_all_stack.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>
#include <vector>

#include "base/atomic.hpp"
#include "sync/parker.hpp"

namespace {

using sluice::sync::push_outcome;

struct node {
  unsigned producer = 0;
  unsigned number = 0;
  node* next = nullptr;
};

using stack = sluice::sync::take_all_stack<node, &node::next>;

}  // namespace

TEST_CASE("take-all stack: states and events, cell by cell") {
  stack inbox;
  node first;
  node second;

  // empty
  REQUIRE_FALSE(inbox.has_items());
  REQUIRE(inbox.take_all() == nullptr);
  REQUIRE(inbox.try_park());
  // parked
  REQUIRE(inbox.is_parked());
  REQUIRE(inbox.try_park());
  REQUIRE_FALSE(inbox.has_items());
  inbox.unpark();
  REQUIRE_FALSE(inbox.is_parked());
  REQUIRE(inbox.push(&first) == push_outcome::pushed);
  // filled
  REQUIRE(inbox.has_items());
  REQUIRE_FALSE(inbox.try_park());
  inbox.unpark();
  REQUIRE(inbox.push(&second) == push_outcome::pushed);
  REQUIRE(inbox.take_all() == &first);
  REQUIRE(first.next == &second);
  REQUIRE(second.next == nullptr);
}

TEST_CASE("take-all stack: only the push that clears the park is told to wake") {
  stack inbox;
  node nodes[3];
  REQUIRE(inbox.try_park());
  REQUIRE(inbox.push(&nodes[0]) == push_outcome::must_wake);
  REQUIRE(inbox.push(&nodes[1]) == push_outcome::pushed);
  REQUIRE(inbox.take_all() == &nodes[0]);
  REQUIRE(inbox.try_park());
  REQUIRE(inbox.take_all() == nullptr);
  REQUIRE(inbox.push(&nodes[2]) == push_outcome::pushed);
}

TEST_CASE("take-all stack: a chain is pushed in one step and keeps its order") {
  stack inbox;
  node nodes[4];
  for (unsigned i = 0; i < 4; ++i) nodes[i].number = i;
  REQUIRE(inbox.push(&nodes[0]) == push_outcome::pushed);
  nodes[3].next = &nodes[2];
  nodes[2].next = &nodes[1];
  REQUIRE(inbox.push_chain(&nodes[3], &nodes[1]) == push_outcome::pushed);
  unsigned expected = 0;
  for (node* one = inbox.take_all(); one != nullptr; one = one->next) {
    REQUIRE(one->number == expected++);
  }
  REQUIRE(expected == 4);
}

TEST_CASE(
    "take-all stack: a parking owner gets everything, in each producer's order, and no wake is "
    "lost") {
  constexpr unsigned producer_count = 3;
  constexpr unsigned count = 30'000;
  stack inbox;
  sluice::sync::parker sleeper;
  std::vector<std::vector<node>> nodes(producer_count, std::vector<node>(count));
  std::vector<std::thread> producers;
  for (unsigned p = 0; p < producer_count; ++p) {
    producers.emplace_back([&, p] {
      for (unsigned i = 0; i < count; ++i) {
        node& one = nodes[p][i];
        one.producer = p;
        one.number = i;
        if (inbox.push(&one) == push_outcome::must_wake) sleeper.wake();
      }
    });
  }
  unsigned expected[producer_count] = {};
  unsigned received = 0;
  unsigned out_of_order = 0;
  while (received < producer_count * count) {
    node* one = inbox.take_all();
    if (one == nullptr && inbox.try_park()) {
      // A lost wake would hang here; the test's time limit then names this case.
      REQUIRE(sleeper.park(sluice::base::no_deadline) == sluice::sync::park_result::woken);
      continue;
    }
    for (; one != nullptr; one = one->next) {
      out_of_order += one->number != expected[one->producer]++;
      ++received;
    }
  }
  for (auto& producer : producers) producer.join();
  REQUIRE(out_of_order == 0);
  REQUIRE(inbox.take_all() == nullptr);
}
