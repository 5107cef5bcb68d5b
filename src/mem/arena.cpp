#include "mem/arena.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <new>
#include <utility>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace sluice::inline v0::mem {

namespace {

// One mapping serves several regions, so that a flood costs one system call for 8 MiB.
constexpr std::size_t chunk_bytes = 8 * arena::region_bytes;
// How much is touched ahead: little for a class that is hardly used, more once it has filled a
// region.
constexpr std::uint32_t step_bytes_first = 64 * 1024;
constexpr std::uint32_t step_bytes_later = 256 * 1024;
constexpr std::uintptr_t page_bytes = 4096;

}  // namespace

void arena::set_limits(std::size_t bytes_max, std::size_t warm_bytes_max) noexcept {
  {
    const std::lock_guard guard{mutex_};
    bytes_max_ = bytes_max;
    warm_bytes_max_ = warm_bytes_max;
  }
  release_superfluous(UINT_MAX);
}

bool arena::release_superfluous(unsigned count_max) noexcept {
  region* superfluous = nullptr;
  bool has_more = false;
  {
    const std::lock_guard guard{mutex_};
    unsigned count = 0;
    while (free_regions_ * region_bytes > warm_bytes_max_) {
      if (count++ == count_max) {
        has_more = true;
        break;
      }
      region* const item = free_;
      unlink(free_, item);
      count_warm(free_regions_ - 1);
      put_aside(item, superfluous);
    }
  }
  unmap_all(superfluous);
  return has_more;
}

carved_range arena::carve(class_index index) noexcept {
  carved_range range;
  std::uint32_t touched_bytes = 0;
  {
    const std::lock_guard guard{mutex_};
    region*& current = current_[index];
    if (current != nullptr && current->carved_count == capacity_of(index)) {
      retire_if_free(std::exchange(current, nullptr));
    }
    if (current == nullptr) {
      current = new_region();
      if (current == nullptr) return range;
      current->index = index;
      ++carved_regions_[index];
    }
    const std::uint32_t size = class_bytes[index];
    const std::uint32_t step = carved_regions_[index] > 1 ? step_bytes_later : step_bytes_first;
    range.count = std::min(step / size, capacity_of(index) - current->carved_count);
    range.begin = reinterpret_cast<std::byte*>(current) + sizeof(region) +
                  std::size_t{current->carved_count} * size;
    current->carved_count += range.count;
    touched_bytes = current->touched_bytes;
    const auto end =
        static_cast<std::uint32_t>(range.begin - reinterpret_cast<std::byte*>(current)) +
        range.count * size;
    current->touched_bytes = std::max(touched_bytes, end);
  }
  std::byte* const start = reinterpret_cast<std::byte*>(
      reinterpret_cast<std::uintptr_t>(range.begin) & ~(region_bytes - 1));
  std::byte* const end = range.begin + std::size_t{range.count} * class_bytes[index];
  touch(std::max(range.begin, start + touched_bytes), end);
  return range;
}

std::uint32_t arena::take_sorted(class_index index, block** taken,
                                 std::uint32_t count_max) noexcept {
  const std::lock_guard guard{mutex_};
  std::uint32_t count = 0;
  while (count < count_max && sorted_[index] != nullptr) {
    region* const from = sorted_[index];
    while (count < count_max && from->free != nullptr) {
      block* const item = from->free;
      from->free = next_of(item);
      --from->free_count;
      taken[count++] = item;
    }
    if (from->free == nullptr) unlink(sorted_[index], from);
  }
  sorted_blocks_[index] -= count;
  return count;
}

// Run by run: neighbours in a batch are mostly of one region, whose header is then touched once.
void arena::collect(block* const* blocks, std::uint32_t count) noexcept {
  const std::lock_guard guard{mutex_};
  for (std::uint32_t i = 0; i < count;) {
    region* const home = region_of(blocks[i]);
    block* first = home->free;
    if (first == nullptr) link(sorted_[home->index], home);
    const std::uint32_t begin = i;
    do {
      set_next(blocks[i], first);
      first = blocks[i];
      ++i;
    } while (i < count && region_of(blocks[i]) == home);
    home->free = first;
    home->free_count += i - begin;
    sorted_blocks_[home->index] += i - begin;
    if (home != current_[home->index]) retire_if_free(home);
  }
}

arena::statistics arena::read_statistics() const noexcept {
  const std::lock_guard guard{mutex_};
  statistics now;
  now.mapped_bytes = mapped_regions_ * region_bytes;
  now.free_region_bytes = free_regions_ * region_bytes;
  std::copy(std::begin(sorted_blocks_), std::end(sorted_blocks_), now.sorted_blocks);
  now.unmapped_bytes_total = unmapped_regions_ * region_bytes;
  return now;
}

std::size_t arena::warm_bytes_max() const noexcept {
  const std::lock_guard guard{mutex_};
  return warm_bytes_max_;
}

std::size_t arena::free_bytes() const noexcept {
  const std::lock_guard guard{mutex_};
  std::size_t sum = free_regions_ * region_bytes;
  for (class_index index = 0; index < class_count; ++index) {
    sum += sorted_blocks_[index] * class_bytes[index];
  }
  return sum;
}

void arena::count_warm(std::size_t regions) noexcept {
  free_regions_ = regions;
  warm_count_.store(regions, base::relaxed);  // Relaxed: a hint for others.
}

// A4: a region that nobody carves and whose blocks are all home changes from sorted to free.
void arena::retire_if_free(region* item) noexcept {
  if (item->free_count != item->carved_count) return;
  if (item->free != nullptr) unlink(sorted_[item->index], item);
  sorted_blocks_[item->index] -= item->free_count;
  --carved_regions_[item->index];
  item->free = nullptr;
  item->free_count = 0;
  item->carved_count = 0;
  link(free_, item);
  count_warm(free_regions_ + 1);
}

// A region that leaves the arena; unmapped after the mutex.
void arena::put_aside(region* item, region*& superfluous) noexcept {
  --mapped_regions_;
  ++unmapped_regions_;
  item->next = superfluous;
  superfluous = item;
}

arena::region* arena::new_region() noexcept {
  if (region* const warm = free_) {
    unlink(free_, warm);
    count_warm(free_regions_ - 1);
    return warm;
  }
  if ((mapped_regions_ + 1) > bytes_max_ / region_bytes) return nullptr;  // A3
  if (chunk_begin_ == chunk_end_ && !map_chunk()) return nullptr;
  auto* const memory = reinterpret_cast<void*>(chunk_begin_);
  chunk_begin_ += region_bytes;
  ++mapped_regions_;
  auto* const fresh = new (memory) region{};
  fresh->touched_bytes = page_bytes;  // By the header.
  return fresh;
}

// Maps one region more than it needs and gives back what is not aligned.
bool arena::map_chunk() noexcept {
  constexpr std::size_t asked = chunk_bytes + region_bytes;
  void* const memory = ::mmap(nullptr, asked, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t aligned = (begin + region_bytes - 1) & ~(region_bytes - 1);
  const std::size_t before = aligned - begin;
  if (before > 0) ::munmap(memory, before);
  ::munmap(reinterpret_cast<void*>(aligned + chunk_bytes), region_bytes - before);
  ::madvise(reinterpret_cast<void*>(aligned), chunk_bytes, MADV_NOHUGEPAGE);  // A2; a wish only.
  chunk_begin_ = aligned;
  chunk_end_ = aligned + chunk_bytes;
  return true;
}

// A1. Whole pages inside the range; the kernels that do not know the request are touched by hand.
void arena::touch(std::byte* begin, std::byte* end) noexcept {
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + page_bytes - 1) & ~(page_bytes - 1);
  const auto last = (reinterpret_cast<std::uintptr_t>(end) + page_bytes - 1) & ~(page_bytes - 1);
  if (first >= last) return;
  if (::madvise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_WRITE) == 0) return;
  for (std::uintptr_t page = first; page + page_bytes <= reinterpret_cast<std::uintptr_t>(end);
       page += page_bytes) {
    auto* const word = reinterpret_cast<std::byte*>(page);
    base::unpoison(word, 1);
    *word = std::byte{0};
  }
}

void arena::unmap_all(region* list) noexcept {
  while (list != nullptr) {
    region* const next = list->next;
    base::unpoison(list, region_bytes);
    ::munmap(list, region_bytes);
    list = next;
  }
}

arena::region* arena::region_of(block* item) noexcept {
  return reinterpret_cast<region*>(reinterpret_cast<std::uintptr_t>(item) & ~(region_bytes - 1));
}

std::uint32_t arena::capacity_of(class_index index) noexcept {
  return static_cast<std::uint32_t>((region_bytes - sizeof(region)) / class_bytes[index]);
}

void arena::link(region*& list, region* item) noexcept {
  item->previous = nullptr;
  item->next = list;
  if (list != nullptr) list->previous = item;
  list = item;
}

void arena::unlink(region*& list, region* item) noexcept {
  (item->previous != nullptr ? item->previous->next : list) = item->next;
  if (item->next != nullptr) item->next->previous = item->previous;
}

}  // namespace sluice::inline v0::mem
