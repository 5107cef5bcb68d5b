#include "sync/injection_queue.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>
#include <vector>

namespace {

struct item {
  unsigned number = 0;
  unsigned taken = 0;
};

}  // namespace

TEST_CASE("injection queue: what one thread pushed comes out in order, one by one or in bulk") {
  sluice::sync::injection_queue<item> queue;
  REQUIRE(queue.is_empty());
  REQUIRE(queue.try_pop() == nullptr);
  std::vector<item> items(200);
  std::vector<item*> pointers;
  for (unsigned i = 0; i < items.size(); ++i) {
    items[i].number = i;
    pointers.push_back(&items[i]);
  }
  REQUIRE(queue.push(pointers[0]));
  REQUIRE(queue.push_bulk({pointers.data() + 1, pointers.size() - 1}) == items.size() - 1);
  REQUIRE_FALSE(queue.is_empty());
  REQUIRE(queue.size_estimate() == items.size());
  REQUIRE(queue.try_pop() == &items[0]);
  unsigned next = 1;
  while (!queue.is_empty()) {
    item* taken[50];
    const std::size_t count = queue.try_pop_bulk(taken);
    for (std::size_t i = 0; i < count; ++i) REQUIRE(taken[i]->number == next++);
  }
  REQUIRE(next == items.size());
}

TEST_CASE(
    "injection queue: every item comes out once, and empty is never said of a completed push") {
  constexpr unsigned producer_count = 2;
  constexpr unsigned count = 50'000;
  sluice::sync::injection_queue<item> queue;
  std::vector<std::vector<item>> items(producer_count, std::vector<item>(count));
  sluice::base::atomic<unsigned> completed{0};
  std::vector<std::thread> producers;
  for (unsigned p = 0; p < producer_count; ++p) {
    producers.emplace_back([&, p] {
      for (auto& one : items[p]) {
        one.number = 7;
        while (!queue.push(&one)) {
        }
        completed.fetch_add(1, sluice::base::seq_cst);
      }
    });
  }
  unsigned received = 0;
  unsigned false_empty = 0;
  while (received < producer_count * count) {
    const unsigned before = completed.load(sluice::base::seq_cst);
    if (queue.is_empty()) {
      false_empty += before > received;
      continue;
    }
    if (item* const one = queue.try_pop()) {
      one->taken += one->number == 7;
      ++received;
    }
  }
  for (auto& producer : producers) producer.join();
  REQUIRE(false_empty == 0);
  REQUIRE(queue.is_empty());
  unsigned wrong = 0;
  for (const auto& list : items) {
    for (const auto& one : list) wrong += one.taken != 1;
  }
  REQUIRE(wrong == 0);
}
