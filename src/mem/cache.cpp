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
    magazines_[index].current = pool().take_empty();
    magazines_[index].spare = pool().take_empty();
    SLUICE_ASSERT(magazines_[index].current != nullptr && magazines_[index].spare != nullptr,
                  "cache: no memory for a thread's batches");
    if (reserve_counts[index] == 0 || !refill(index)) continue;
    fill_reserve(index);
  }
}

cache::~cache() {
  for (class_index index = 0; index < class_count; ++index) {
    give_all_lists(index);
    magazine& own = magazines_[index];
    store& extra = stores_[index];
    while (extra.reserve != nullptr) {                            // Fewer than a batch.
      const std::uint32_t count = own.count.load(base::relaxed);  // C2
      own.current->blocks[count] = extra.reserve;
      extra.reserve = next_of(extra.reserve);
      own.count.store(count + 1, base::relaxed);  // C2
    }
    extra.reserve_count.store(0, base::relaxed);  // C2
    give_current(index);
    while (extra.fresh_count > 0) {
      const std::uint32_t count = cut_fresh(index, own.current->blocks);
      base::add_single_writer(own.acquired, std::int64_t{count});
      own.count.store(count, base::relaxed);  // C2
      give_current(index);
    }
    pool().give_empty(*own.current);
    pool().give_empty(*own.spare);
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

// Makes the current batch non-empty; false when nobody has a block.
bool cache::refill(class_index index) noexcept {
  magazine& own = magazines_[index];
  if (own.spare_count.load(base::relaxed) != 0) {  // C2
    swap_spare(index);
    return true;
  }
  std::uint32_t count = 0;
  if (batch* const full = pool().take(index, *own.current)) {
    own.current = full;
    count = full->count;
  } else {
    if (stores_[index].fresh_count == 0) count = pool().take_sorted(index, own.current->blocks);
    if (count == 0) count = cut_fresh(index, own.current->blocks);
  }
  base::add_single_writer(own.acquired, std::int64_t{count});
  own.count.store(count, base::relaxed);  // C2
  return count != 0;
}

void cache::swap_spare(class_index index) noexcept {
  magazine& own = magazines_[index];
  std::swap(own.current, own.spare);
  const std::uint32_t count = own.count.load(base::relaxed);            // C2
  own.count.store(own.spare_count.load(base::relaxed), base::relaxed);  // C2
  own.spare_count.store(count, base::relaxed);                          // C2
}

// A batch from this cache's own fresh ground, which the arena extends; not counted as acquired yet.
// The last one is handed out first, so the order is turned round.
std::uint32_t cache::cut_fresh(class_index index, block** cut) noexcept {
  store& own = stores_[index];
  if (own.fresh_count == 0) {
    const carved_range range = pool().carve(index);
    own.fresh_begin = range.begin;
    own.fresh_count = range.count;
  }
  const std::uint32_t size = class_bytes[index];
  const std::uint32_t count =
      own.fresh_count < batch_counts[index] ? own.fresh_count : batch_counts[index];
  for (std::uint32_t i = 0; i < count; ++i) {
    auto* const item = reinterpret_cast<block*>(own.fresh_begin + std::size_t{i} * size);
    base::poison(item, size);
    cut[count - 1 - i] = item;
  }
  own.fresh_begin += std::size_t{count} * size;
  own.fresh_count -= count;
  return count;
}

// The current batch is full: it becomes the spare, the former spare goes to the depot.
void cache::rotate(class_index index) noexcept {
  if (stores_[index].reserve_count.load(base::relaxed) < reserve_counts[index]) {
    fill_reserve(index);  // C3
    return;
  }
  swap_spare(index);
  give_current(index);
}

// Empties the current batch into the depot.
void cache::give_current(class_index index) noexcept {
  magazine& own = magazines_[index];
  const std::uint32_t count = own.count.load(base::relaxed);  // C2
  if (count == 0) return;
  own.count.store(0, base::relaxed);  // C2
  base::add_single_writer(own.acquired, -std::int64_t{count});
  own.current->count = count;
  own.current = &pool().give(index, *own.current);
}

void cache::fill_reserve(class_index index) noexcept {
  magazine& own = magazines_[index];
  store& extra = stores_[index];
  std::uint32_t count = own.count.load(base::relaxed);
  std::uint32_t reserved = extra.reserve_count.load(base::relaxed);
  while (reserved < reserve_counts[index] && count != 0) {
    block* const item = own.current->blocks[--count];
    set_next(item, extra.reserve);
    extra.reserve = item;
    ++reserved;
  }
  own.count.store(count, base::relaxed);               // C2
  extra.reserve_count.store(reserved, base::relaxed);  // C2
}

void cache::give_all_lists(class_index index) noexcept {
  give_current(index);
  swap_spare(index);
  give_current(index);
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
