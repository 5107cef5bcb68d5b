#include "mem/cache.hpp"

#include <pthread.h>

#include <mutex>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "mem/block_pool.hpp"

namespace sluice::inline v0::mem {

cache::cache() noexcept {
  pool().add(*this);
  for (class_index index = 0; index < class_count; ++index) {
    if (reserve_counts[index] == 0 || !refill(index)) continue;
    fill_reserve(index);
  }
}

cache::~cache() {
  for (class_index index = 0; index < class_count; ++index) {
    give_all_lists(index);
    store& own = stores_[index];
    const std::uint32_t count = own.reserve_count.load(base::relaxed);  // C2
    own.reserve_count.store(0, base::relaxed);                          // C2
    base::add_single_writer(magazines_[index].acquired, -std::int64_t{count});
    give(index, {std::exchange(own.reserve, nullptr), count});
    while (own.fresh_count > 0) give(index, cut_fresh(index));
  }
  pool().remove(*this);
}

void* cache::allocate_slow(class_index index) noexcept {
  return refill(index) ? allocate(index) : nullptr;
}

void* cache::allocate_urgent(class_index index) noexcept {
  if (void* const memory = allocate(index)) return memory;
  store& own = stores_[index];
  block* const item = own.reserve;
  if (item == nullptr) return nullptr;
  own.reserve = next_of(item);
  own.reserve_count.store(own.reserve_count.load(base::relaxed) - 1, base::relaxed);  // C2
  base::unpoison(item, class_bytes[index]);
  return item;
}

void* cache::allocate_bytes(std::size_t size) noexcept {
  const class_index index = class_of(size);
  if (index != no_class) return allocate(index);
  void* const memory = ::operator new(size, std::nothrow);
  if (memory != nullptr) base::add_single_writer(large_, std::int64_t{1});
  return memory;
}

void cache::free_bytes(void* memory, std::size_t size) noexcept {
  const class_index index = class_of(size);
  if (index != no_class) return free(memory, index);
  ::operator delete(memory);
  base::add_single_writer(large_, std::int64_t{-1});
}

void cache::flush() noexcept {
  for (class_index index = 0; index < class_count; ++index) give_all_lists(index);
}

std::int64_t cache::outstanding(class_index index) const noexcept {
  return magazines_[index].acquired.load(base::relaxed) -
         std::int64_t{free_count(index)};  // C1, C2
}

std::uint32_t cache::free_count(class_index index) const noexcept {
  const magazine& own = magazines_[index];
  return own.count.load(base::relaxed) + own.spare_count.load(base::relaxed) +
         stores_[index].reserve_count.load(base::relaxed);  // C2
}

// Makes the list non-empty; false when nobody has a block.
bool cache::refill(class_index index) noexcept {
  magazine& own = magazines_[index];
  if (own.spare != nullptr) {
    own.first = std::exchange(own.spare, nullptr);
    own.count.store(own.spare_count.load(base::relaxed), base::relaxed);  // C2
    own.spare_count.store(0, base::relaxed);                              // C2
    return true;
  }
  chain blocks = pool().take(index);
  if (blocks.first == nullptr && stores_[index].fresh_count == 0) {
    blocks = pool().take_sorted(index);
  }
  if (blocks.first == nullptr) blocks = cut_fresh(index);
  if (blocks.first == nullptr) return false;
  base::add_single_writer(own.acquired, std::int64_t{blocks.count});
  own.first = blocks.first;
  own.count.store(blocks.count, base::relaxed);  // C2
  return true;
}

// A batch from this cache's own fresh ground, which the arena extends; not counted as acquired yet.
chain cache::cut_fresh(class_index index) noexcept {
  store& own = stores_[index];
  if (own.fresh_count == 0) {
    const carved_range range = pool().carve(index);
    own.fresh_begin = range.begin;
    own.fresh_count = range.count;
  }
  const std::uint32_t size = class_bytes[index];
  const std::uint32_t count =
      own.fresh_count < batch_counts[index] ? own.fresh_count : batch_counts[index];
  chain blocks{nullptr, count};
  for (std::uint32_t i = count; i-- > 0;) {
    auto* const item = reinterpret_cast<block*>(own.fresh_begin + std::size_t{i} * size);
    base::poison(item, size);
    set_next(item, blocks.first);
    blocks.first = item;
  }
  own.fresh_begin += std::size_t{count} * size;
  own.fresh_count -= count;
  return blocks;
}

// The list is a full batch: it becomes the spare, the former spare goes to the depot.
void cache::rotate(class_index index) noexcept {
  magazine& own = magazines_[index];
  if (stores_[index].reserve_count.load(base::relaxed) < reserve_counts[index]) {
    fill_reserve(index);  // C3
    return;
  }
  const chain spare{own.spare, own.spare_count.load(base::relaxed)};
  own.spare = std::exchange(own.first, nullptr);
  own.spare_count.store(own.count.load(base::relaxed), base::relaxed);  // C2
  own.count.store(0, base::relaxed);                                    // C2
  if (spare.first == nullptr) return;
  base::add_single_writer(own.acquired, -std::int64_t{spare.count});
  pool().give(index, spare);
}

void cache::fill_reserve(class_index index) noexcept {
  magazine& own = magazines_[index];
  store& extra = stores_[index];
  std::uint32_t count = own.count.load(base::relaxed);
  std::uint32_t reserved = extra.reserve_count.load(base::relaxed);
  while (reserved < reserve_counts[index] && own.first != nullptr) {
    block* const item = own.first;
    own.first = next_of(item);
    set_next(item, extra.reserve);
    extra.reserve = item;
    ++reserved;
    --count;
  }
  own.count.store(count, base::relaxed);               // C2
  extra.reserve_count.store(reserved, base::relaxed);  // C2
}

void cache::give_all_lists(class_index index) noexcept {
  magazine& own = magazines_[index];
  const std::uint32_t spare_count = own.spare_count.load(base::relaxed);
  const std::uint32_t count = own.count.load(base::relaxed);
  own.spare_count.store(0, base::relaxed);  // C2
  own.count.store(0, base::relaxed);        // C2
  const chain spare{std::exchange(own.spare, nullptr), spare_count};
  const chain list{std::exchange(own.first, nullptr), count};
  if (spare.first != nullptr) {
    base::add_single_writer(own.acquired, -std::int64_t{spare.count});
    give(index, spare);
  }
  if (list.first != nullptr) {
    base::add_single_writer(own.acquired, -std::int64_t{list.count});
    give(index, list);
  }
}

void cache::give(class_index index, chain blocks) noexcept {
  if (blocks.first != nullptr) pool().give(index, blocks);
}

namespace detail {

constinit thread_local cache* current_cache = nullptr;

namespace {

constinit std::once_flag exit_key_once;
constinit pthread_key_t exit_key{};
constinit bool has_exit_key = false;

// A thread-specific key, not a thread_local destructor: keys are swept after all of those, and
// again when a later destructor made a new cache, so a host's own thread_local objects may still
// send.
void end_thread_cache(void* own) {
  current_cache = nullptr;
  delete static_cast<cache*>(own);
}

}  // namespace

cache& make_thread_cache() noexcept {
  std::call_once(exit_key_once,
                 [] { has_exit_key = ::pthread_key_create(&exit_key, &end_thread_cache) == 0; });
  auto* const fresh = new (std::nothrow) cache;
  SLUICE_ASSERT(fresh != nullptr, "cache: no memory for a thread's lists");
  current_cache = fresh;
  // Without a key (the process has used them all) the thread's last blocks are not handed back.
  if (has_exit_key) ::pthread_setspecific(exit_key, fresh);
  return *fresh;
}

}  // namespace detail
}  // namespace sluice::inline v0::mem
