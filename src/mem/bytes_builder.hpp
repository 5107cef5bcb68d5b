// bytes_builder: memory that grows with the bytes that arrive, and then becomes a sluice::bytes.
//
// When: what belongs together comes in pieces. When not: all of it is there (bytes::copy_of).
// Who: one owner at a time; the bytes it makes are counted like all others.
// Memory: at most twice what has arrived, or first_block_bytes, whichever is more, and never more
//   than the caller's limit (rounded up to a pool class). Small blocks are the pool's; large ones
//   are the heap's, which grows them in place where it can.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <sluice/bytes.hpp>

#include "mem/size_class.hpp"

namespace sluice::inline v0::mem {

class bytes_builder {
 public:
  static constexpr std::size_t first_block_bytes = 240;

  bytes_builder() noexcept = default;
  bytes_builder(const bytes_builder&) = delete;
  bytes_builder& operator=(const bytes_builder&) = delete;
  ~bytes_builder() { clear(); }

  /// Adds a copy of `data`. `bytes_max` is the most that this will ever hold, at least what it
  /// holds with `data`. False: there is no memory, and nothing has changed.
  [[nodiscard]] bool append(std::span<const std::byte> data, std::size_t bytes_max) noexcept;

  /// What was gathered, without another copy; the builder is empty then.
  [[nodiscard]] bytes finish() noexcept;
  void clear() noexcept;

  [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::span<const std::byte> span() const noexcept { return {start(), size_}; }

 private:
  [[nodiscard]] bool grow(std::size_t needed, std::size_t bytes_max) noexcept;
  [[nodiscard]] std::byte* start() const noexcept;
  void free_block(void* block, class_index index) noexcept;

  void* block_ = nullptr;  // room for a bytes_owner, then the bytes
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;      // bytes beside the owner
  class_index index_ = no_class;  // the pool class of block_, or the heap's
};

}  // namespace sluice::inline v0::mem
