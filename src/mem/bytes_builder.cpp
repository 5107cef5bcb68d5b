#include "mem/bytes_builder.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/assert.hpp"
#include "mem/bytes_owner.hpp"
#include "mem/cache.hpp"

namespace sluice::inline v0::mem {
namespace {

constexpr std::size_t owner_bytes = sizeof(sluice::detail::bytes_owner);

void free_heap_block(sluice::detail::bytes_owner* owner) noexcept {
  owner->~bytes_owner();
  std::free(owner);
}

}  // namespace

bool bytes_builder::append(std::span<const std::byte> data, std::size_t bytes_max) noexcept {
  if (data.empty()) return true;
  SLUICE_ASSERT(bytes_max >= size_ && data.size() <= bytes_max - size_,
                "bytes_builder: more bytes than its limit");
  const std::size_t needed = size_ + data.size();
  if (needed > capacity_ && !grow(needed, bytes_max)) return false;
  std::memcpy(start() + size_, data.data(), data.size());
  size_ = needed;
  return true;
}

bool bytes_builder::grow(std::size_t needed, std::size_t bytes_max) noexcept {
  const std::size_t room = needed < bytes_max / 2 ? needed * 2 : bytes_max;
  const std::size_t wanted =
      owner_bytes + std::max(needed, std::min(bytes_max, std::max(room, first_block_bytes)));
  class_index index = class_of(wanted);
  void* grown = index == no_class ? nullptr : this_thread_cache().allocate(index);
  if (grown == nullptr) {
    // Too large for the pool, or the pool is at its limit.
    index = no_class;
    grown = block_ != nullptr && index_ == no_class ? std::realloc(block_, wanted)
                                                    : std::malloc(wanted);
    if (grown == nullptr) return false;
  }
  const bool was_moved_by_heap = index == no_class && index_ == no_class;
  if (block_ != nullptr && !was_moved_by_heap) {
    std::memcpy(static_cast<std::byte*>(grown) + owner_bytes, start(), size_);
    free_block(block_, index_);
  }
  block_ = grown;
  index_ = index;
  capacity_ = (index == no_class ? wanted : class_bytes[index]) - owner_bytes;
  return true;
}

bytes bytes_builder::finish() noexcept {
  if (size_ == 0) {
    clear();
    return {};
  }
  auto* const owner = new (block_) sluice::detail::bytes_owner(
      1, index_ == no_class ? &free_heap_block : sluice::detail::pool_way_home(index_));
  const std::size_t size = size_;
  const std::byte* const data = start();
  block_ = nullptr;
  size_ = capacity_ = 0;
  index_ = no_class;
  return bytes{owner, data, size};
}

void bytes_builder::clear() noexcept {
  if (block_ != nullptr) free_block(block_, index_);
  block_ = nullptr;
  size_ = capacity_ = 0;
  index_ = no_class;
}

std::byte* bytes_builder::start() const noexcept {
  return block_ == nullptr ? nullptr : static_cast<std::byte*>(block_) + owner_bytes;
}

void bytes_builder::free_block(void* block, class_index index) noexcept {
  if (index == no_class) {
    std::free(block);
  } else {
    this_thread_cache().free(block, index);
  }
}

}  // namespace sluice::inline v0::mem
