// frame_measure: how large the frame is that begins with these bytes; for every rule that says so
// at the frame's beginning (fixed, length_prefix, varint). Pure functions of a framing that was
// checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <sluice/framing.hpp>

namespace sluice::inline v0::net {

/// What the first bytes of a frame say.
struct frame_measure {
  enum class kind : std::uint8_t {
    needs,      ///< nothing before `bytes` more have come
    known,      ///< the frame has `bytes` bytes, `header_bytes` of them before its payload
    malformed,  ///< `why` says why
  };
  kind is = kind::needs;
  std::uint32_t header_bytes = 0;
  std::size_t bytes = 0;  ///< never 0, and as `known` never above frame_bytes_max
  const char* why = "";

  [[nodiscard]] static frame_measure need(std::size_t more) noexcept {
    return {kind::needs, 0, more, ""};
  }
  [[nodiscard]] static frame_measure refuse(const char* why) noexcept {
    return {kind::malformed, 0, 0, why};
  }
};

[[nodiscard]] frame_measure measure_frame(const framing& by,
                                          std::span<const std::byte> start) noexcept;

inline constexpr std::size_t varint_bytes_max = 10;

/// Why no frame is larger than this.
inline constexpr const char* frame_too_large = "the frame is larger than frame_bytes_max";

[[nodiscard]] constexpr std::uint32_t header_bytes_of(const frames::length_prefix& rule) noexcept {
  return std::uint32_t{rule.offset} + rule.width;
}

/// The frame's size minus the value of its length.
[[nodiscard]] constexpr std::int64_t bytes_beside_length(
    const frames::length_prefix& rule) noexcept {
  const std::int64_t header = header_bytes_of(rule);
  return rule.adjustment + (rule.length_counts_header ? 0 : header);
}

/// The largest value of a length of `width` bytes, 1 to 8.
[[nodiscard]] constexpr std::uint64_t length_max_of(std::uint8_t width) noexcept {
  return width >= 8 ? UINT64_MAX : (std::uint64_t{1} << (8 * width)) - 1;
}

}  // namespace sluice::inline v0::net
