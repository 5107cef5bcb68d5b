// crc32c: the checksum of RFC 4960, appendix B (Castagnoli's polynomial, reflected).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::inline v0::net {

/// One running checksum. `add` may be called for any pieces.
class crc32c {
 public:
  void add(std::span<const std::byte> data) noexcept;
  [[nodiscard]] std::uint32_t value() const noexcept { return ~state_; }

 private:
  std::uint32_t state_ = UINT32_MAX;
};

}  // namespace sluice::inline v0::net
