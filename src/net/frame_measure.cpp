#include "net/frame_measure.hpp"

#include "base/assert.hpp"

namespace sluice::inline v0::net {
namespace {

std::uint64_t read_length(const frames::length_prefix& rule,
                          std::span<const std::byte> field) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const std::size_t next = rule.order == frames::byte_order::big ? i : field.size() - 1 - i;
    value = value << 8 | std::to_integer<std::uint64_t>(field[next]);
  }
  return value;
}

frame_measure measure(const frames::length_prefix& rule, std::uint32_t frame_bytes_max,
                      std::span<const std::byte> start) noexcept {
  const std::uint32_t header = header_bytes_of(rule);
  if (start.size() < header) return frame_measure::need(header - start.size());
  const std::uint64_t length = read_length(rule, start.subspan(rule.offset, rule.width));
  // The limit and the adjustment have 32 bits: a length of more than 33 fits no frame, and one of
  // fewer can be added to without a care.
  if (length >> 33 != 0) return frame_measure::refuse(frame_too_large);
  const std::int64_t total = static_cast<std::int64_t>(length) + bytes_beside_length(rule);
  if (total < std::int64_t{header}) {
    return frame_measure::refuse("the length is smaller than the frame's header");
  }
  if (total > std::int64_t{frame_bytes_max}) return frame_measure::refuse(frame_too_large);
  return {frame_measure::kind::known, header, static_cast<std::size_t>(total), ""};
}

frame_measure measure_varint(std::uint32_t frame_bytes_max,
                             std::span<const std::byte> start) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    const auto octet = std::to_integer<std::uint64_t>(start[i]);
    const bool is_last = (octet & 0x80) == 0;
    if (i + 1 == varint_bytes_max && octet > 1) {
      return frame_measure::refuse("the varint has more than 64 bits");
    }
    value |= (octet & 0x7f) << (7 * i);
    if (!is_last) {
      if (i + 1 >= frame_bytes_max) return frame_measure::refuse(frame_too_large);
      continue;
    }
    if (octet == 0 && i > 0) {
      return frame_measure::refuse("the varint is not in its shortest form");
    }
    const std::size_t header = i + 1;
    if (value > frame_bytes_max || value + header > frame_bytes_max) {
      return frame_measure::refuse(frame_too_large);
    }
    return {frame_measure::kind::known, static_cast<std::uint32_t>(header),
            static_cast<std::size_t>(value) + header, ""};
  }
  return frame_measure::need(1);
}

}  // namespace

frame_measure measure_frame(const framing& by, std::span<const std::byte> start) noexcept {
  if (const auto* prefix = std::get_if<frames::length_prefix>(&by.by)) {
    return measure(*prefix, by.frame_bytes_max, start);
  }
  if (std::holds_alternative<frames::varint>(by.by)) {
    return measure_varint(by.frame_bytes_max, start);
  }
  const auto* fixed = std::get_if<frames::fixed>(&by.by);
  SLUICE_ASSERT(fixed != nullptr, "measure_frame: this rule does not say a frame's size");
  return {frame_measure::kind::known, 0, fixed->bytes, ""};
}

}  // namespace sluice::inline v0::net
