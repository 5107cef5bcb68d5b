// Whether it pays that several workers run short activations: the rule by itself.
#include "sched/balance.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

using sluice::sched::balance;
using sluice::sched::mean_of;
using sluice::sched::verdict;

namespace {

std::uint64_t us(std::uint64_t count) { return count * sluice::base::ticks_per_us(); }

}  // namespace

TEST_CASE("balance: a mean of the first ones is exact, and later ones count less") {
  CHECK(mean_of(77, 10, 0) == 10);
  CHECK(mean_of(10, 20, 1) == 15);
  CHECK(mean_of(15, 30, 2) == 20);
  CHECK(mean_of(64, 128, 1000) == 65);
}

TEST_CASE("balance: sharing is judged by what a message took a worker that was alone") {
  balance judged;
  const std::uint64_t now = us(1'000'000);
  CHECK(judged.judge(1, 2, now) == verdict::does_not_pay);  // Not known.
  judged.note_alone(1000, now);
  CHECK(judged.judge(1800, 2, now) == verdict::pays);
  CHECK(judged.judge(1900, 2, now) == verdict::open);
  CHECK(judged.judge(2400, 2, now) == verdict::open);
  CHECK(judged.judge(2600, 2, now) == verdict::does_not_pay);
  CHECK(judged.judge(2600, 3, now) == verdict::pays);
  CHECK(judged.judge(1, 2, now + us(balance::alone_holds_us) + 1) == verdict::does_not_pay);
}

TEST_CASE("balance: a pause grows while sharing is tried in vain, and begins anew later") {
  balance judged;
  const std::uint64_t now = us(1'000'000);
  CHECK(!judged.is_paused_at(now));
  judged.begin_pause(now);
  CHECK(judged.is_paused_at(now + us(balance::pause_first_us) - 1));
  CHECK(!judged.is_paused_at(now + us(balance::pause_first_us)));
  const std::uint64_t again = now + us(balance::pause_first_us);
  judged.begin_pause(again);
  CHECK(judged.is_paused_at(again + us(4 * balance::pause_first_us) - 1));
  judged.end_pause();
  CHECK(!judged.is_paused_at(again));
  for (int i = 0; i < 10; ++i) judged.begin_pause(again);
  CHECK(judged.is_paused_at(again + us(balance::pause_max_us) - 1));
  CHECK(!judged.is_paused_at(again + us(balance::pause_max_us)));
  const std::uint64_t late = again + us(3 * balance::pause_max_us);
  judged.begin_pause(late);
  CHECK(!judged.is_paused_at(late + us(balance::pause_first_us)));
}
