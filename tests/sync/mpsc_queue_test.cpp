#include "sync/mpsc_queue.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>
#include <vector>

namespace {

using sluice::sync::pop_outcome;

struct node : sluice::sync::mpsc_link {
  unsigned producer = 0;
  unsigned number = 0;
};

using queue_of_nodes = sluice::sync::mpsc_queue<node>;

}  // namespace

TEST_CASE("mpsc queue: first in, first out, and empty when all is out") {
  queue_of_nodes queue;
  REQUIRE(queue.pop().outcome == pop_outcome::empty);
  node nodes[5];
  for (int round = 0; round < 3; ++round) {
    for (auto& one : nodes) queue.push(&one);
    for (auto& one : nodes) {
      const auto answer = queue.pop();
      REQUIRE(answer.outcome == pop_outcome::item);
      REQUIRE(answer.item == &one);
    }
    REQUIRE(queue.pop().outcome == pop_outcome::empty);
  }
}

TEST_CASE("mpsc queue: one item at a time passes through the stub and back") {
  queue_of_nodes queue;
  node one;
  for (int round = 0; round < 10; ++round) {
    queue.push(&one);
    REQUIRE(queue.pop().item == &one);
    REQUIRE(queue.pop().outcome == pop_outcome::empty);
  }
}

TEST_CASE(
    "mpsc queue: each producer's order is kept, and empty is never said of a completed push") {
  constexpr unsigned producer_count = 3;
  constexpr unsigned count = 50'000;
  queue_of_nodes queue;
  std::vector<std::vector<node>> nodes;
  for (unsigned p = 0; p < producer_count; ++p) nodes.emplace_back(count);
  std::vector<std::thread> producers;
  sluice::base::atomic<unsigned> completed{0};
  for (unsigned p = 0; p < producer_count; ++p) {
    producers.emplace_back([&, p] {
      for (unsigned i = 0; i < count; ++i) {
        nodes[p][i].producer = p;
        nodes[p][i].number = i;
        queue.push(&nodes[p][i]);
        completed.fetch_add(1, sluice::base::release);
      }
    });
  }
  unsigned expected[producer_count] = {};
  unsigned received = 0;
  unsigned out_of_order = 0;
  unsigned false_empty = 0;
  while (received < producer_count * count) {
    const unsigned before = completed.load(sluice::base::acquire);
    const auto answer = queue.pop();
    if (answer.outcome == pop_outcome::empty) false_empty += before > received;
    if (answer.outcome != pop_outcome::item) continue;
    out_of_order += answer.item->number != expected[answer.item->producer]++;
    ++received;
  }
  for (auto& producer : producers) producer.join();
  REQUIRE(out_of_order == 0);
  REQUIRE(false_empty == 0);
  REQUIRE(queue.pop().outcome == pop_outcome::empty);
}
