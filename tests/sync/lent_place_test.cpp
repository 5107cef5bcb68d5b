// The owner's place that others steal from: the table first, then threads.
#include "sync/lent_place.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"

using sluice::base::acquire;
using sluice::base::atomic;
using sluice::base::relaxed;
using sluice::base::release;
using sluice::sync::lending;
using sluice::sync::lent_place;

TEST_CASE("lent place: what the owner put is what it takes, or what a thief does") {
  for (const lending how : {lending::never, lending::sometimes}) {
    lent_place<int> place{how};
    int one = 1;
    int two = 2;
    CHECK(place.is_empty());
    CHECK(place.take() == nullptr);
    CHECK(place.peek() == nullptr);
    place.put(&one);
    CHECK_FALSE(place.is_empty());
    CHECK(place.peek() == &one);
    CHECK(place.take() == &one);
    CHECK(place.take() == nullptr);
    if (how == lending::never) continue;
    place.put(&two);
    CHECK_FALSE(place.steal(&one));  // It is not there any more.
    CHECK(place.steal(&two));
    CHECK_FALSE(place.steal(&two));
    CHECK(place.is_empty());
    CHECK(place.take() == nullptr);
    place.put(&one);
    CHECK(place.take() == &one);
  }
}

TEST_CASE("lent place: each thing is taken once, by its owner or by one thief") {
  struct thing {
    std::uint64_t written = 0;  // Plain: ordered by the place.
    atomic<std::uint32_t> taken{0};
  };
  constexpr auto time_ns = 1'500'000'000;
  constexpr std::size_t things_count = 2;
  constexpr std::uint32_t dwell_max = 400;  // Turns; a theft takes about as long.
  sluice::base::random_source random{static_cast<std::uint64_t>(sluice::base::now_ns())};
  lent_place<thing> place{lending::sometimes};
  std::vector<thing> things(things_count);
  atomic<bool> is_over{false};
  atomic<std::uint64_t> stolen{0};
  atomic<std::uint64_t> wrong{0};
  const auto take_in = [&](thing& one) {
    // Relaxed counts: looked at after the threads are joined, or after the flag below.
    if (one.written == 0) wrong.fetch_add(1, relaxed);
    one.written = 0;
    if (one.taken.fetch_add(1, release) != 0) wrong.fetch_add(1, relaxed);
  };
  std::vector<std::thread> thieves;
  for (int i = 0; i < 2; ++i) {
    thieves.emplace_back([&] {
      while (!is_over.load(relaxed)) {
        thing* const seen = place.peek();
        if (seen == nullptr || !place.steal(seen)) continue;
        take_in(*seen);
        stolen.fetch_add(1, relaxed);
      }
    });
  }
  std::uint64_t put = 0;
  std::uint64_t kept = 0;
  for (const auto end_ns = sluice::base::now_ns() + time_ns; sluice::base::now_ns() < end_ns;) {
    for (int i = 0; i < 256; ++i) {
      thing& next = things[put % things_count];
      // Until whoever took it the last time is done with it.
      while (put >= things_count && next.taken.load(acquire) == 0) {
      }
      next.taken.store(0, relaxed);
      next.written = ++put;
      place.put(&next);
      for (std::uint32_t turn = random.next_below(dwell_max); turn != 0; --turn) {
        sluice::base::spin_pause();
      }
      thing* const mine = place.take();
      if (mine == nullptr) continue;
      take_in(*mine);
      ++kept;
    }
  }
  is_over.store(true, relaxed);
  for (auto& each : thieves) each.join();
  CHECK(wrong.load(relaxed) == 0);
  CHECK(kept + stolen.load(relaxed) == put);
  CHECK(kept != 0);
}
