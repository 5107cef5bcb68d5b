#include "gateway/pair_table.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <vector>

#include "gateway_fixture.hpp"

namespace {

using gateway::pair_table;
using sluice::alias;

alias named(std::uint32_t slot, std::uint32_t generation = 1) { return {1, slot, generation}; }

}  // namespace

TEST_CASE("pair table: either side finds the other, and only itself by its own generation") {
  pair_table pairs;
  pairs.add(named(7), named(8));
  REQUIRE(pairs.find(named(7)) != nullptr);
  CHECK(pairs.find(named(7))->other == named(8));
  CHECK(pairs.find(named(7))->is_accepted);
  CHECK(pairs.find(named(8))->other == named(7));
  CHECK_FALSE(pairs.find(named(8))->is_accepted);
  CHECK(pairs.find(named(7, 2)) == nullptr);
  pairs.add(named(7, 2), named(9));
  CHECK(pairs.find(named(7))->other == named(8));
  CHECK(pairs.find(named(7, 2))->other == named(9));
  CHECK(pairs.take(named(7))->other == named(8));
  CHECK_FALSE(pairs.take(named(7)));
  CHECK(pairs.find(named(8))->other == named(7));
  CHECK(pairs.find(named(8))->is_alone);
  CHECK_FALSE(pairs.find(named(9))->is_alone);
  CHECK(pairs.count() == 3);
}

TEST_CASE("pair table: agrees with a map over random additions and removals") {
  const std::uint64_t seed = gateway_test::fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  sluice::base::random_source random{seed};
  pair_table pairs;
  std::map<alias, alias> model;
  std::vector<alias> sides;
  std::uint32_t generation = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (sides.empty() || random.next_below(100) < (step < 10'000 ? 40u : 28u)) {
      ++generation;
      const alias left = named(static_cast<std::uint32_t>(random.next_below(500)), generation);
      const alias right =
          named(static_cast<std::uint32_t>(500 + random.next_below(500)), generation);
      pairs.add(left, right);
      model[left] = right;
      model[right] = left;
      sides.push_back(left);
      sides.push_back(right);
    } else {
      const std::size_t index = random.next_below(sides.size());
      const alias gone = sides[index];
      sides[index] = sides.back();
      sides.pop_back();
      const auto taken = pairs.take(gone);
      REQUIRE(taken);
      REQUIRE(taken->other == model[gone]);
      model.erase(gone);
    }
    if (step % 500 != 0) continue;
    REQUIRE(pairs.count() == model.size());
    for (const auto& [own, other] : model) {
      REQUIRE(pairs.find(own) != nullptr);
      REQUIRE(pairs.find(own)->other == other);
    }
    std::size_t seen = 0;
    pairs.for_each([&](const gateway::pair_side& side) { seen += model.count(side.own); });
    REQUIRE(seen == model.size());
  }
}
