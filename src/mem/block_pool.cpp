#include "mem/block_pool.hpp"

namespace sluice::inline v0::mem {

namespace {

constinit block_pool process_pool;

// A region costs about 50 µs to unmap.
constexpr unsigned regions_released_at_once = 8;
// What the depot of one class keeps, in the order in which blocks came back, which is any order:
// about what fits into a core's share of the last cache. More is sorted home, so that the next
// burst finds sequential ground instead of a walk through all of memory.
constexpr std::uint64_t depot_bytes_max = std::uint64_t{8} << 20;

}  // namespace

block_pool& pool() noexcept { return process_pool; }

void block_pool::configure(const pool_options& options) noexcept {
  arena_.set_limits(options.arena_bytes_max, options.warm_bytes_max);
}

trim_outcome block_pool::trim(unsigned batches_max) noexcept {
  // One thread trims at a time; the others have nothing to do.
  const std::unique_lock guard{trim_mutex_, std::try_to_lock};
  if (!guard.owns_lock()) return trim_outcome::done;
  if (!is_in_pass_ && !has_excess()) return trim_outcome::done;
  is_in_pass_ = true;
  for (unsigned done = 0; done < batches_max; ++done) {
    batch* full = nullptr;
    for (class_index index = 0; index < class_count && full == nullptr; ++index) {
      full = depot_.pop(index);
    }
    if (full == nullptr) {
      is_in_pass_ = arena_.release_superfluous(regions_released_at_once);
      return is_in_pass_ ? trim_outcome::more : trim_outcome::done;
    }
    arena_.collect(full->blocks, full->count);
    depot_.give_empty(*full);
  }
  return trim_outcome::more;
}

pool_statistics block_pool::statistics() const noexcept {
  pool_statistics now;
  const arena::statistics ground = arena_.read_statistics();
  now.mapped_bytes = ground.mapped_bytes;
  now.free_region_bytes = ground.free_region_bytes;
  now.unmapped_bytes_total = ground.unmapped_bytes_total;
  const std::lock_guard guard{caches_mutex_};
  now.cache_count = cache_count_;
  now.outstanding_large = retired_large_;
  for (class_index index = 0; index < class_count; ++index) {
    class_statistics& one = now.classes[index];
    one.outstanding = retired_outstanding_[index];
    one.in_depot = depot_.block_count(index);
    one.sorted = ground.sorted_blocks[index];
  }
  for (const cache* item = caches_; item != nullptr; item = item->next_) {
    now.outstanding_large += item->outstanding_large();
    for (class_index index = 0; index < class_count; ++index) {
      now.classes[index].outstanding += item->outstanding(index);
      now.classes[index].cached += item->free_count(index);
    }
  }
  return now;
}

void block_pool::add(cache& item) noexcept {
  const std::lock_guard guard{caches_mutex_};
  item.next_ = caches_;
  if (caches_ != nullptr) caches_->previous_ = &item;
  caches_ = &item;
  ++cache_count_;
}

void block_pool::remove(cache& item) noexcept {
  const std::lock_guard guard{caches_mutex_};
  (item.previous_ != nullptr ? item.previous_->next_ : caches_) = item.next_;
  if (item.next_ != nullptr) item.next_->previous_ = item.previous_;
  --cache_count_;
  retired_large_ += item.outstanding_large();
  for (class_index index = 0; index < class_count; ++index) {
    retired_outstanding_[index] += item.outstanding(index);
  }
}

batch* block_pool::take(class_index index, batch& empty) noexcept {
  batch* const full = depot_.pop(index);
  if (full != nullptr) depot_.give_empty(empty);
  return full;
}

std::uint32_t block_pool::take_sorted(class_index index, block** taken) noexcept {
  // Whole regions first: their blocks lie one after the other.
  if (arena_.has_warm_region()) return 0;
  return arena_.take_sorted(index, taken, batch_counts[index]);
}

batch& block_pool::give(class_index index, batch& full) noexcept {
  batch* empty = nullptr;
  if (depot_.block_count(index) * class_bytes[index] < depot_bytes_max) {
    empty = depot_.take_empty();
  }
  if (empty == nullptr) {
    arena_.collect(full.blocks, full.count);
    full.count = 0;
    return full;
  }
  depot_.push(index, full);
  return *empty;
}

bool block_pool::has_excess() const noexcept {
  std::uint64_t free_bytes = arena_.free_bytes();
  for (class_index index = 0; index < class_count; ++index) {
    free_bytes += depot_.block_count(index) * class_bytes[index];
  }
  return free_bytes > arena_.warm_bytes_max();
}

}  // namespace sluice::inline v0::mem
