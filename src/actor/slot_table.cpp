#include "actor/slot_table.hpp"

#include <sys/mman.h>

#include <new>

#include "base/assert.hpp"

namespace sluice::inline v0::core {

namespace {

constexpr std::size_t chunk_bytes = std::size_t{slot_table::chunk_slots} * sizeof(slot);
constexpr int populate_write = 23;  // MADV_POPULATE_WRITE, Linux 5.14; older headers lack it.

}  // namespace

slot_table::slot_table(std::uint32_t slots_max)
    : chunk_count_max_(
          static_cast<std::uint32_t>((std::uint64_t{slots_max} + chunk_slots - 1) / chunk_slots)),
      directory_(new base::atomic<slot*>[chunk_count_max_]()) {}

slot_table::~slot_table() {
  const std::uint32_t chunks = chunk_count_.load(base::relaxed);  // Nobody else is left.
  for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
    ::munmap(directory_[chunk].load(base::relaxed), chunk_bytes);  // Relaxed: as above.
  }
}

bool slot_table::refill(slot_cache& cache) noexcept {
  cache.count =
      static_cast<std::uint32_t>(shared_free_.try_pop_bulk({cache.free, slot_cache::capacity / 2}));
  return cache.count != 0 || add_chunk(cache);
}

void slot_table::spill(slot_cache& cache, std::uint32_t count) noexcept {
  // The oldest of the cache go; the warm ones stay.
  const std::size_t taken = shared_free_.push_bulk({cache.free, count});
  SLUICE_ASSERT(taken == count, "no memory left to keep free slots");
  cache.count -= count;
  for (std::uint32_t i = 0; i < cache.count; ++i) cache.free[i] = cache.free[i + count];
}

// Cold: once in chunk_slots spawns that found no free slot. The lock is for growing only.
bool slot_table::add_chunk(slot_cache& cache) noexcept {
  const std::lock_guard lock{grow_};
  // Another thread may have grown it while this one waited.
  cache.count =
      static_cast<std::uint32_t>(shared_free_.try_pop_bulk({cache.free, slot_cache::capacity / 2}));
  if (cache.count != 0) return true;
  const std::uint32_t chunk = chunk_count_.load(base::relaxed);  // Relaxed: written under grow_.
  if (chunk == chunk_count_max_) return false;
  void* memory =
      ::mmap(nullptr, chunk_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  // One call instead of a fault per page; a kernel that lacks it faults as before.
  ::madvise(memory, chunk_bytes, populate_write);
  auto* first = static_cast<slot*>(memory);
  for (std::uint32_t i = 0; i < chunk_slots; ++i) {
    new (first + i) slot;
    first[i].index = chunk * chunk_slots + i;
  }
  // [ST2] release: the slots are built; pairs ST1, ST3 (find, for_each).
  directory_[chunk].store(first, base::release);
  chunk_count_.store(chunk + 1, base::release);  // [ST2]
  constexpr std::uint32_t kept = slot_cache::capacity / 2;
  for (std::uint32_t i = 0; i < kept; ++i) cache.free[i] = first + (kept - 1 - i);
  cache.count = kept;
  slot* rest[chunk_slots - kept];
  for (std::uint32_t i = kept; i < chunk_slots; ++i) rest[i - kept] = first + i;
  const std::size_t taken = shared_free_.push_bulk({rest, chunk_slots - kept});
  SLUICE_ASSERT(taken == chunk_slots - kept, "no memory left to keep free slots");
  return true;
}

}  // namespace sluice::inline v0::core
