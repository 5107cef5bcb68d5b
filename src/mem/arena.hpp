// arena: where blocks come from and where memory goes back to the system.
//
// What: regions of 1 MiB, aligned to their size, each cut into blocks of one class. Two ways out of
//   it: carve() hands out fresh ground, take_sorted() blocks that trim brought home. One way in:
//   collect(), which sorts free blocks by region; a region whose carved blocks are all home is free
//   ground for any class. Whole regions stay mapped until release_superfluous(), which an idle
//   thread calls: a burst that follows a burst finds warm, sequential ground.
// When not: on the message path. Behind a mutex, held for one batch at most (microseconds); page
//   faults and system calls on memory happen outside of it, but for the mapping of a new chunk.
// Who: any thread, by way of block_pool.
//
// Rules:
//   A1  Fresh ground is touched ahead in steps by the thread that took it (MADV_POPULATE_WRITE),
//       which costs a third of faulting it in page by page.
//   A2  No huge pages: MADV_NOHUGEPAGE on each chunk, so that a small host does not pay 2 MiB a
//       step.
//   A3  The bytes in regions never exceed the limit; at the limit carve() finds nothing.
//   A4  A region is free when free_count == carved_count and nobody carves it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/atomic.hpp"
#include "mem/block.hpp"
#include "mem/size_class.hpp"

namespace sluice::inline v0::mem {

/// Fresh ground: `count` blocks of one class, one after the other.
struct carved_range {
  std::byte* begin = nullptr;
  std::uint32_t count = 0;
};

class arena {
 public:
  static constexpr std::size_t region_bytes = std::size_t{1} << 20;

  constexpr arena() noexcept = default;

  void set_limits(std::size_t bytes_max, std::size_t warm_bytes_max) noexcept;

  /// Fresh ground for a class, touched (A1); empty when the limit or the system says no.
  [[nodiscard]] carved_range carve(class_index index) noexcept;
  /// Up to `count_max` blocks that collect() sorted.
  [[nodiscard]] std::uint32_t take_sorted(class_index index, block** taken,
                                          std::uint32_t count_max) noexcept;
  /// Sorts free blocks of one class home. A region that this makes whole waits warm for any class.
  void collect(block* const* blocks, std::uint32_t count) noexcept;
  /// Unmaps up to `count_max` whole regions beyond the warm limit. True: there are more.
  bool release_superfluous(unsigned count_max) noexcept;
  /// Anybody. Whether carve() would find a whole warm region: sequential ground that costs no
  /// fault.
  [[nodiscard]] bool has_warm_region() const noexcept {
    return warm_count_.load(base::relaxed) != 0;  // Relaxed: a hint.
  }

  struct statistics {
    std::size_t mapped_bytes = 0;       ///< in regions, used or free
    std::size_t free_region_bytes = 0;  ///< in regions kept warm
    std::uint64_t sorted_blocks[class_count] = {};
    std::uint64_t unmapped_bytes_total = 0;
  };
  [[nodiscard]] statistics read_statistics() const noexcept;
  [[nodiscard]] std::size_t warm_bytes_max() const noexcept;
  /// In whole regions and in blocks that were sorted home.
  [[nodiscard]] std::size_t free_bytes() const noexcept;

 private:
  // At the start of each region. Written under the mutex.
  struct alignas(64) region {
    region* previous;
    region* next;
    block* free;
    class_index index;
    std::uint32_t carved_count;
    std::uint32_t free_count;
    std::uint32_t touched_bytes;
  };
  static_assert(sizeof(region) == 64);

  static region* region_of(block* item) noexcept;
  static std::uint32_t capacity_of(class_index index) noexcept;
  static void link(region*& list, region* item) noexcept;
  static void unlink(region*& list, region* item) noexcept;
  static void touch(std::byte* begin, std::byte* end) noexcept;
  static void unmap_all(region* list) noexcept;

  region* new_region() noexcept;
  bool map_chunk() noexcept;
  void retire_if_free(region* item) noexcept;
  void count_warm(std::size_t regions) noexcept;
  void put_aside(region* item, region*& superfluous) noexcept;

  mutable std::mutex mutex_;
  // All below: under the mutex.
  region* current_[class_count] = {};  // being carved
  region* sorted_[class_count] = {};   // with free blocks
  region* free_ = nullptr;             // whole and warm
  std::size_t free_regions_ = 0;
  base::atomic<std::size_t> warm_count_{0};  // free_regions_ for has_warm_region
  std::size_t mapped_regions_ = 0;
  std::size_t chunk_begin_ = 0;
  std::size_t chunk_end_ = 0;
  std::size_t bytes_max_ = SIZE_MAX;
  std::size_t warm_bytes_max_ = std::size_t{32} << 20;
  std::uint64_t sorted_blocks_[class_count] = {};
  std::uint64_t carved_regions_[class_count] = {};
  std::uint64_t unmapped_regions_ = 0;
};

}  // namespace sluice::inline v0::mem
