#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "base/atomic.hpp"
#include "base/random.hpp"
#include "mem/block_pool.hpp"
#include "mem/cache.hpp"
#include "mem_fixture.hpp"

namespace mem = sluice::mem;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

void trim_all() {
  while (mem::pool().trim(64) == mem::trim_outcome::more) {
  }
}

void shuffle(std::vector<void*>& blocks, sluice::base::random_source& random) {
  for (std::size_t i = blocks.size(); i > 1; --i) {
    std::swap(blocks[i - 1], blocks[random.next_below(static_cast<std::uint32_t>(i))]);
  }
}

// Caches of other threads of the test program are gone, so all free blocks are in depot or arena.
std::size_t free_bytes() {
  const auto now = mem::pool().statistics();
  std::size_t sum = now.free_region_bytes;
  for (mem::class_index index = 0; index < mem::class_count; ++index) {
    sum += (now.classes[index].in_depot + now.classes[index].sorted) * mem::class_bytes[index];
  }
  return sum;
}

}  // namespace

TEST_CASE("trim: leaves a working set within the warm limit alone") {
  const leak_check check;
  mem::cache own;
  trim_all();
  std::vector<void*> blocks;
  for (int i = 0; i < 10'000; ++i) blocks.push_back(own.allocate(0));
  for (void* const memory : blocks) own.free(memory, 0);
  own.flush();
  const auto before = mem::pool().statistics();
  REQUIRE(mem::pool().trim(64) == mem::trim_outcome::done);
  const auto after = mem::pool().statistics();
  REQUIRE(after.classes[0].in_depot == before.classes[0].in_depot);
  REQUIRE(after.mapped_bytes == before.mapped_bytes);
}

TEST_CASE("trim: after a burst the memory goes back to the system, however it was freed") {
  const leak_check check;
  const std::uint64_t seed = Catch::getSeed();
  CAPTURE(seed);
  sluice::base::random_source random{seed};
  trim_all();
  const std::size_t resident_before = resident_bytes();
  {
    mem::cache own;
    std::vector<void*> blocks(2'000'000);
    for (auto& memory : blocks) memory = own.allocate(0);
    REQUIRE(mem::pool().statistics().mapped_bytes >= 120 * mib);
    shuffle(blocks, random);
    for (void* const memory : blocks) own.free(memory, 0);
    own.flush();
    trim_all();
  }
  const auto after = mem::pool().statistics();
  REQUIRE(after.mapped_bytes <= 48 * mib);
  REQUIRE(after.free_region_bytes <= 32 * mib);
  if constexpr (!has_shadow_memory) {
    CAPTURE(resident_before, resident_bytes());
    CHECK(resident_bytes() < resident_before + 64 * mib);
  }
}

TEST_CASE(
    "trim: with live blocks in every region nothing is unmapped, and all free blocks stay usable") {
  const leak_check check;
  mem::cache own;
  constexpr std::size_t count = 1'000'000;
  std::vector<void*> blocks(count);
  for (auto& memory : blocks) memory = own.allocate(0);
  std::vector<void*> kept;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 1000 == 0) {
      kept.push_back(blocks[i]);
    } else {
      own.free(blocks[i], 0);
    }
  }
  own.flush();
  trim_all();
  const auto after = mem::pool().statistics();
  REQUIRE(after.classes[0].in_depot == 0);
  REQUIRE(after.classes[0].sorted >= count * 9 / 10);
  for (std::size_t i = 0; i < count; ++i) blocks[i] = own.allocate(0);
  REQUIRE(mem::pool().statistics().mapped_bytes <= after.mapped_bytes + mib);
  std::sort(blocks.begin(), blocks.end());
  REQUIRE(std::adjacent_find(blocks.begin(), blocks.end()) == blocks.end());
  for (void* const memory : blocks) own.free(memory, 0);
  for (void* const memory : kept) own.free(memory, 0);
  own.flush();
  trim_all();
  REQUIRE(mem::pool().statistics().mapped_bytes <= 48 * mib);
}

TEST_CASE("trim: a freed region serves another class before more memory is mapped") {
  const leak_check check;
  mem::cache own;
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < 60 * mib / 64; ++i) blocks.push_back(own.allocate(0));
  for (void* const memory : blocks) own.free(memory, 0);
  own.flush();
  trim_all();
  const auto warm = mem::pool().statistics();
  REQUIRE(warm.free_region_bytes >= 16 * mib);
  blocks.clear();
  for (std::size_t i = 0; i < 8 * mib / 1024; ++i) blocks.push_back(own.allocate(6));
  REQUIRE(mem::pool().statistics().mapped_bytes == warm.mapped_bytes);
  for (void* const memory : blocks) own.free(memory, 6);
}

TEST_CASE("trim: a region still being carved stays its class's own when all its blocks are home") {
  const leak_check check;
  mem::pool().configure({.warm_bytes_max = 0});
  {
    // At its end a cache gives back all the ground it took, cut or not.
    mem::cache gone;
    for (mem::class_index index = 0; index < mem::class_count; ++index) {
      gone.free(gone.allocate(index), index);
    }
  }
  trim_all();
  mem::cache own;
  mem::pool().configure({});
  std::vector<std::pair<unsigned*, mem::class_index>> blocks;
  for (unsigned i = 0; i < 70'000; ++i) {
    const mem::class_index index = i % mem::class_count;
    blocks.emplace_back(new (own.allocate(index)) unsigned{i}, index);
  }
  std::size_t overwritten = 0;
  for (unsigned i = 0; i < blocks.size(); ++i) overwritten += *blocks[i].first != i;
  REQUIRE(overwritten == 0);
  for (const auto& [memory, index] : blocks) own.free(memory, index);
}

TEST_CASE("trim: beside threads that allocate and free it loses nothing") {
  const leak_check check;
  const std::uint64_t seed = Catch::getSeed();
  CAPTURE(seed);
  mem::pool().configure({.warm_bytes_max = mib});
  sluice::base::atomic<unsigned> running{2};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 2; ++t) {
    threads.emplace_back([&running, t, seed] {
      sluice::base::random_source random{seed + t};
      std::vector<std::pair<unsigned*, mem::class_index>> held;
      mem::cache& own = mem::this_thread_cache();
      for (int i = 0; i < 300'000; ++i) {
        if (held.size() < 20'000 && random.next_below(8) < (i / 30'000 % 2 == 0 ? 6u : 2u)) {
          const mem::class_index index = random.next_below(3);
          held.emplace_back(new (own.allocate(index)) unsigned{t}, index);
        } else if (!held.empty()) {
          std::swap(held[random.next_below(static_cast<std::uint32_t>(held.size()))], held.back());
          if (*held.back().first != t) std::abort();
          own.free(held.back().first, held.back().second);
          held.pop_back();
        }
      }
      for (const auto& [memory, index] : held) own.free(memory, index);
      running.fetch_sub(1, sluice::base::release);
    });
  }
  while (running.load(sluice::base::acquire) != 0) static_cast<void>(mem::pool().trim(4));
  for (auto& thread : threads) thread.join();
  trim_all();
  mem::pool().configure({});
  REQUIRE(free_bytes() <= 24 * mib);
}
