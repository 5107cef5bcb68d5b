#include "mem/cache.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "base/atomic.hpp"
#include "base/poison.hpp"
#include "base/random.hpp"
#include "mem/block_pool.hpp"
#include "mem_fixture.hpp"
#include "sync/take_all_stack.hpp"

namespace mem = sluice::mem;

TEST_CASE("size classes: every size has the smallest class that holds it") {
  for (std::size_t size = 0; size <= mem::class_bytes_max; ++size) {
    const mem::class_index index = mem::class_of(size);
    REQUIRE(index < mem::class_count);
    REQUIRE(mem::class_bytes[index] >= size);
    if (index > 0) REQUIRE(mem::class_bytes[index - 1] < size);
  }
  REQUIRE(mem::class_of(mem::class_bytes_max + 1) == mem::no_class);
}

TEST_CASE(
    "cache: blocks of every class are aligned, apart from each other and writable to the end") {
  const leak_check check;
  mem::cache own;
  std::vector<std::pair<std::byte*, mem::class_index>> blocks;
  for (mem::class_index index = 0; index < mem::class_count; ++index) {
    for (unsigned i = 0; i < 3 * mem::batch_counts[index] + 1; ++i) {
      auto* const memory = static_cast<std::byte*>(own.allocate(index));
      REQUIRE(memory != nullptr);
      REQUIRE(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0);
      std::memset(memory, static_cast<int>(blocks.size() % 251), mem::class_bytes[index]);
      blocks.emplace_back(memory, index);
    }
  }
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (std::size_t at = 0; at < mem::class_bytes[blocks[i].second]; ++at) {
      wrong += blocks[i].first[at] != static_cast<std::byte>(i % 251);
    }
  }
  REQUIRE(wrong == 0);
  for (const auto& [memory, index] : blocks) own.free(memory, index);
}

TEST_CASE("cache: the block freed last is the one allocated next") {
  mem::cache own;
  void* const first = own.allocate(0);
  own.free(first, 0);
  REQUIRE(own.allocate(0) == first);
  own.free(first, 0);
}

TEST_CASE("cache: holds two batches a class at most; the rest goes to the depot") {
  const leak_check check;
  mem::cache own;
  const auto reserve = mem::reserve_counts[0];
  std::vector<void*> blocks;
  for (int i = 0; i < 2000; ++i) blocks.push_back(own.allocate(0));
  REQUIRE(own.outstanding(0) == 2000);
  const auto before = mem::pool().statistics().classes[0].in_depot;
  for (void* const memory : blocks) own.free(memory, 0);
  REQUIRE(own.outstanding(0) == 0);
  REQUIRE(own.free_count(0) <= 2 * mem::batch_counts[0] + reserve);
  REQUIRE(mem::pool().statistics().classes[0].in_depot > before);
  own.flush();
  REQUIRE(own.free_count(0) == reserve);
}

TEST_CASE("cache: what one cache allocates and another frees is counted to zero in the sum") {
  const leak_check check;
  mem::cache producer;
  mem::cache consumer;
  for (int i = 0; i < 1000; ++i) consumer.free(producer.allocate(2), 2);
  REQUIRE(producer.outstanding(2) == 1000);
  REQUIRE(consumer.outstanding(2) == -1000);
}

TEST_CASE("cache: sizes above the classes come from the heap and are counted") {
  const leak_check check;
  mem::cache own;
  void* const large = own.allocate_bytes(mem::class_bytes_max + 1);
  void* const small = own.allocate_bytes(100);
  REQUIRE(own.outstanding_large() == 1);
  REQUIRE(own.outstanding(1) == 1);
  own.free_bytes(large, mem::class_bytes_max + 1);
  own.free_bytes(small, 100);
  REQUIRE(own.outstanding_large() == 0);
}

TEST_CASE(
    "cache: at the arena limit allocate answers null, the urgent reserve still serves, and "
    "refills") {
  const leak_check check;
  mem::cache own;
  mem::pool().configure({.arena_bytes_max = 0});
  std::vector<void*> blocks;
  while (void* const memory = own.allocate(0)) blocks.push_back(memory);
  for (unsigned i = 0; i < mem::reserve_counts[0]; ++i) {
    blocks.push_back(own.allocate_urgent(0));
    REQUIRE(blocks.back() != nullptr);
  }
  REQUIRE(own.allocate_urgent(0) == nullptr);
  // Two batches and more come back: the reserve is filled first.
  for (void* const memory : blocks) own.free(memory, 0);
  blocks.clear();
  while (void* const memory = own.allocate(0)) blocks.push_back(memory);
  REQUIRE(own.free_count(0) == mem::reserve_counts[0]);
  blocks.push_back(own.allocate_urgent(0));
  REQUIRE(blocks.back() != nullptr);
  for (void* const memory : blocks) own.free(memory, 0);
  mem::pool().configure({});
}

TEST_CASE("cache: a thread's own cache is made on first use and gives all back at thread exit") {
  const leak_check check;
  const auto before = mem::pool().statistics();
  void* kept = nullptr;
  std::thread([&] {
    kept = mem::this_thread_cache().allocate(0);
    for (int i = 0; i < 500; ++i)
      mem::this_thread_cache().free(mem::this_thread_cache().allocate(0), 0);
  }).join();
  const auto after = mem::pool().statistics();
  REQUIRE(after.cache_count == before.cache_count);
  REQUIRE(after.classes[0].outstanding == before.classes[0].outstanding + 1);
  REQUIRE(after.classes[0].cached == before.classes[0].cached);
  mem::cache own;
  own.free(kept, 0);
}

TEST_CASE("cache: threads that send each other blocks lose none and hand none out twice") {
  struct message {
    message* next;
    std::uint64_t owner;
  };
  using inbox = sluice::sync::take_all_stack<message, &message::next>;
  constexpr unsigned thread_count = 3;
  constexpr unsigned count = 60'000;
  const leak_check check;
  inbox inboxes[thread_count];
  sluice::base::atomic<unsigned> freed{0};
  sluice::base::atomic<unsigned> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < thread_count; ++t) {
    threads.emplace_back([&, t] {
      mem::cache& own = mem::this_thread_cache();
      sluice::base::random_source random{t};
      unsigned sent = 0;
      while (freed.load(sluice::base::relaxed) < thread_count * count) {
        for (int i = 0; i < 100 && sent < count; ++i, ++sent) {
          auto* const fresh = new (own.allocate(0)) message{nullptr, 0};
          fresh->owner = reinterpret_cast<std::uintptr_t>(fresh) ^ t;
          static_cast<void>(inboxes[random.next_below(thread_count)].push(fresh));
        }
        for (message* one = inboxes[t].take_all(); one != nullptr;) {
          message* const next = one->next;
          const auto stamp = one->owner ^ reinterpret_cast<std::uintptr_t>(one);
          if (stamp >= thread_count) wrong.fetch_add(1, sluice::base::relaxed);
          own.free(one, 0);
          freed.fetch_add(1, sluice::base::relaxed);
          one = next;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("cache: a freed block is poisoned under AddressSanitizer and clean when allocated") {
  if constexpr (!sluice::base::can_poison) SKIP("no AddressSanitizer in this build");
#ifdef ASAN_POISON_MEMORY_REGION
  mem::cache own;
  void* const memory = own.allocate(0);
  REQUIRE(__asan_region_is_poisoned(memory, 64) == nullptr);
  own.free(memory, 0);
  REQUIRE(__asan_region_is_poisoned(memory, 64) == memory);
  REQUIRE(__asan_address_is_poisoned(static_cast<char*>(memory) + 63) == 1);
#endif
}
