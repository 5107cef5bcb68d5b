// write_queue: the slices a stream has still to send, in order, in a ring that is reused.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include <sluice/bytes.hpp>

namespace sluice::inline v0::io {

/// First in, first out. One owner. Grows by doubling; a large ring is freed when it runs empty.
class write_queue {
 public:
  void push(bytes data);
  /// Drops `sent_bytes` from the front; a slice cut in the middle keeps its rest.
  void consume(std::size_t sent_bytes) noexcept;
  void clear() noexcept;

  [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t total_bytes() const noexcept { return total_bytes_; }
  [[nodiscard]] const bytes& front() const noexcept { return slots_[first_]; }
  /// Fills at most `limit` vectors from the front; returns how many.
  [[nodiscard]] std::uint32_t gather(::iovec* vectors, std::uint32_t limit) const noexcept;

 private:
  static constexpr std::uint32_t kept_capacity_max = 64;
  void grow();

  std::unique_ptr<bytes[]> slots_;
  std::uint32_t capacity_ = 0;  // a power of two, or 0
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::size_t total_bytes_ = 0;
};

}  // namespace sluice::inline v0::io
