// fed_piece: the piece of a stream that a codec was fed last, taken from its front as slices.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <sluice/bytes.hpp>

#include "base/assert.hpp"

namespace sluice::inline v0::net {

/// One owner. Lets go of the piece with its last byte.
class fed_piece {
 public:
  /// Once the last piece is used up.
  void feed(bytes piece) noexcept {
    SLUICE_ASSERT(piece_.empty(), "fed_piece: fed before the last piece was used up");
    piece_ = std::move(piece);
    offset_ = 0;
  }
  void clear() noexcept {
    piece_ = {};
    offset_ = 0;
  }

  [[nodiscard]] bool is_empty() const noexcept { return piece_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return piece_.size() - offset_; }
  [[nodiscard]] std::span<const std::byte> span() const noexcept {
    return piece_.span().subspan(offset_);
  }

  /// Uses up `count` bytes.
  void drop(std::size_t count) noexcept {
    offset_ += count;
    if (offset_ == piece_.size()) clear();
  }
  /// Uses up `count` bytes and gives them as a slice, but for some at its front and back.
  [[nodiscard]] bytes take(std::size_t count, std::size_t front_cut,
                           std::size_t back_cut) noexcept {
    const std::size_t first = offset_ + front_cut;
    const std::size_t kept = count - front_cut - back_cut;
    offset_ += count;
    if (offset_ < piece_.size()) return kept == 0 ? bytes{} : piece_.slice(first, kept);
    bytes last = std::exchange(piece_, {});
    offset_ = 0;
    return kept == 0 ? bytes{} : std::move(last).slice(first, kept);
  }

 private:
  bytes piece_;
  std::size_t offset_ = 0;  // of its first byte that is not used up
};

}  // namespace sluice::inline v0::net
