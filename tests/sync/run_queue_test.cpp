#include "sync/run_queue.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <thread>
#include <vector>

#include "base/atomic.hpp"

namespace {

using sluice::base::acquire;
using sluice::base::atomic;
using sluice::base::relaxed;
using sluice::base::release;

struct item {
  unsigned number = 0;
  unsigned taken = 0;  // Plain on purpose: a second taker is a race that TSan reports.
};

using small_queue = sluice::sync::run_queue<item, 8>;

std::vector<item> numbered(unsigned count) {
  std::vector<item> items(count);
  for (unsigned i = 0; i < count; ++i) items[i].number = i;
  return items;
}

}  // namespace

TEST_CASE(
    "run queue: the owner gets entries back in the order pushed, also across the ring's end") {
  auto items = numbered(100);
  small_queue queue;
  unsigned pushed = 0;
  unsigned popped = 0;
  while (popped < items.size()) {
    while (pushed < items.size() && queue.try_push(&items[pushed])) ++pushed;
    REQUIRE(queue.size_estimate() == pushed - popped);
    for (int i = 0; i < 3 && popped < pushed; ++i) REQUIRE(queue.pop()->number == popped++);
  }
  REQUIRE(queue.pop() == nullptr);
}

TEST_CASE("run queue: a full ring refuses, and takes again after one pop") {
  auto items = numbered(10);
  small_queue queue;
  for (unsigned i = 0; i < 8; ++i) REQUIRE(queue.try_push(&items[i]));
  REQUIRE_FALSE(queue.try_push(&items[8]));
  REQUIRE(queue.pop() == &items[0]);
  REQUIRE(queue.try_push(&items[8]));
  REQUIRE_FALSE(queue.try_push(&items[9]));
}

TEST_CASE("run queue: a push to a full ring spills the older half and the new entry, in order") {
  auto items = numbered(9);
  small_queue queue;
  std::vector<unsigned> spilled;
  const auto spill = [&](item** first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) spilled.push_back(first[i]->number);
  };
  for (auto& one : items) queue.push(&one, spill);
  REQUIRE(spilled == std::vector<unsigned>{0, 1, 2, 3, 8});
  for (unsigned i = 4; i < 8; ++i) REQUIRE(queue.pop()->number == i);
  REQUIRE(queue.pop() == nullptr);
}

TEST_CASE("run queue: a thief takes the older half, rounded up, and gets the oldest in hand") {
  for (unsigned count = 0; count <= 8; ++count) {
    auto items = numbered(count);
    small_queue victim;
    small_queue thief;
    for (auto& one : items) REQUIRE(victim.try_push(&one));
    item* const first = victim.steal_into(thief);
    const unsigned half = count - count / 2;
    REQUIRE((first == nullptr) == (count == 0));
    if (count == 0) continue;
    REQUIRE(first->number == 0);
    for (unsigned i = 1; i < half; ++i) REQUIRE(thief.pop()->number == i);
    REQUIRE(thief.pop() == nullptr);
    for (unsigned i = half; i < count; ++i) REQUIRE(victim.pop()->number == i);
    REQUIRE(victim.pop() == nullptr);
  }
}

TEST_CASE("run queue: a thief whose own ring is more than half full steals nothing") {
  auto items = numbered(6);
  small_queue victim;
  small_queue thief;
  REQUIRE(victim.try_push(&items[0]));
  for (unsigned i = 1; i < 6; ++i) REQUIRE(thief.try_push(&items[i]));
  REQUIRE(victim.steal_into(thief) == nullptr);
  REQUIRE(thief.pop() == &items[1]);
  REQUIRE(victim.steal_into(thief) == &items[0]);
}

TEST_CASE("run queue: with thieves at work every entry is taken exactly once") {
  constexpr unsigned count = 200'000;
  constexpr unsigned thief_count = 2;
  auto items = numbered(count);
  small_queue queue;
  atomic<bool> is_over{false};
  std::vector<std::thread> thieves;
  for (unsigned t = 0; t < thief_count; ++t) {
    thieves.emplace_back([&] {
      small_queue own;
      bool is_last_round = false;
      while (true) {
        item* one = queue.steal_into(own);
        if (one != nullptr) ++one->taken;
        while ((one = own.pop()) != nullptr) ++one->taken;
        if (is_last_round) return;
        is_last_round = is_over.load(acquire);
      }
    });
  }
  const auto spill = [](item** first, std::size_t spilled) {
    for (std::size_t i = 0; i < spilled; ++i) ++first[i]->taken;
  };
  for (unsigned i = 0; i < count; ++i) {
    queue.push(&items[i], spill);
    if (i % 3 == 0) {
      if (item* const one = queue.pop()) ++one->taken;
    }
  }
  while (item* const one = queue.pop()) ++one->taken;
  is_over.store(true, release);
  for (auto& thief : thieves) thief.join();
  REQUIRE(queue.pop() == nullptr);
  unsigned wrong = 0;
  for (const auto& one : items) wrong += one.taken != 1;
  REQUIRE(wrong == 0);
}
