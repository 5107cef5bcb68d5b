#include <sluice/bytes.hpp>

#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "mem/bytes_owner.hpp"
#include "mem/cache.hpp"

namespace sluice {
inline namespace v0 {
namespace detail {

void retain(bytes_owner* owner) noexcept {
  // Relaxed: the caller holds a count, so the block cannot go while this one is added.
  owner->count.fetch_add(1, base::relaxed);
}

void release(bytes_owner* owner) noexcept {
  // A sole holder needs no read-modify-write: nobody else can add a count.
  // [BY1] acquire: sees the other holders' last reads; pairs BY2.
  if (owner->count.load(base::acquire) != 1) {
    // [BY2] acq_rel: this holder's reads happen before the reuse of the block; pairs BY1, BY2.
    if (owner->count.fetch_sub(1, base::acq_rel) != 1) return;
  }
  owner->on_last_release(owner);
}

namespace {

void free_heap_block(bytes_owner* owner) noexcept {
  owner->~bytes_owner();
  ::operator delete(owner);
}

// The way home says the class, so that the owner needs no field for it.
template <mem::class_index Index>
void free_pool_block(bytes_owner* owner) noexcept {
  owner->~bytes_owner();
  mem::this_thread_cache().free(owner, Index);
}

template <std::size_t... Index>
constexpr auto make_ways_home(std::index_sequence<Index...>) noexcept {
  return std::array<bytes_owner::release_function, sizeof...(Index)>{&free_pool_block<Index>...};
}

constexpr auto ways_home = make_ways_home(std::make_index_sequence<mem::class_count>{});

bytes_owner* make_owner(std::size_t data_bytes) {
  const std::size_t size = sizeof(bytes_owner) + data_bytes;
  const mem::class_index index = mem::class_of(size);
  if (index != mem::no_class) {
    // At the pool's limit the heap serves: a copy is then the smaller evil.
    if (void* const memory = mem::this_thread_cache().allocate(index)) {
      return new (memory) bytes_owner(1, ways_home[index]);
    }
  }
  return new (::operator new(size)) bytes_owner(1, &free_heap_block);
}

}  // namespace

bytes_owner::release_function pool_way_home(unsigned class_index) noexcept {
  return ways_home[class_index];
}

}  // namespace detail

bytes bytes::copy_of(std::span<const std::byte> data) {
  if (data.empty()) return {};
  detail::bytes_owner* const owner = detail::make_owner(data.size());
  auto* const start = reinterpret_cast<std::byte*>(owner + 1);
  std::memcpy(start, data.data(), data.size());
  return bytes{owner, start, data.size()};
}

}  // namespace v0
}  // namespace sluice
