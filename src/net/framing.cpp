#include <sluice/framing.hpp>

#include <algorithm>

#include "net/frame_measure.hpp"

namespace sluice {
inline namespace v0 {
namespace {

error refuse(const char* field) noexcept { return {error_code::bad_argument, 0, field}; }

/// Whether some value of the length gives a frame that has its header and is within the limit.
bool has_valid_length(const frames::length_prefix& rule, std::uint32_t frame_bytes_max) noexcept {
  const std::int64_t header = net::header_bytes_of(rule);
  const std::int64_t added = net::bytes_beside_length(rule);
  const std::int64_t smallest = std::max<std::int64_t>(0, header - added);
  const std::uint64_t largest = net::length_max_of(rule.width);
  return static_cast<std::uint64_t>(smallest) <= largest && smallest + added <= frame_bytes_max;
}

result<void> check_rule(const frames::length_prefix& rule, std::uint32_t frame_bytes_max) noexcept {
  switch (rule.width) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 8: break;
    default: return refuse("framing: length_prefix.width is not 1, 2, 3, 4 or 8");
  }
  if (rule.order != frames::byte_order::big && rule.order != frames::byte_order::little) {
    return refuse("framing: length_prefix.order is neither big nor little");
  }
  if (rule.offset > frames::offset_bytes_max) {
    return refuse("framing: length_prefix.offset is above offset_bytes_max");
  }
  if (!has_valid_length(rule, frame_bytes_max)) {
    return refuse("framing: with this length_prefix.adjustment no frame fits frame_bytes_max");
  }
  return {};
}

}  // namespace

result<void> check(const framing& asked) noexcept {
  if (std::holds_alternative<frames::none>(asked.by)) return {};
  if (asked.frame_bytes_max == 0) return refuse("framing: frame_bytes_max is 0");
  if (const auto* fixed = std::get_if<frames::fixed>(&asked.by)) {
    if (fixed->bytes == 0) return refuse("framing: fixed.bytes is 0");
    if (fixed->bytes > asked.frame_bytes_max) {
      return refuse("framing: fixed.bytes is above frame_bytes_max");
    }
  } else if (const auto* prefix = std::get_if<frames::length_prefix>(&asked.by)) {
    return check_rule(*prefix, asked.frame_bytes_max);
  } else if (const auto* mark = std::get_if<frames::delimiter>(&asked.by)) {
    if (mark->bytes.size() == 0) return refuse("framing: delimiter.bytes is empty");
    if (mark->bytes.size() > frames::delimiter_bytes_max) {
      return refuse("framing: delimiter.bytes is longer than delimiter_bytes_max");
    }
    if (mark->bytes.size() > asked.frame_bytes_max) {
      return refuse("framing: delimiter.bytes is longer than frame_bytes_max");
    }
  } else if (asked.by.valueless_by_exception()) {
    return refuse("framing: by holds no rule");
  }
  return {};
}

}  // namespace v0
}  // namespace sluice
