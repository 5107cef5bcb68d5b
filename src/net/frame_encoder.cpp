#include "net/frame_encoder.hpp"

#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "net/delimiter_search.hpp"
#include "net/frame_measure.hpp"

namespace sluice::inline v0::net {
namespace {

error refuse(const char* why) noexcept { return {error_code::bad_argument, 0, why}; }

constexpr const char* payload_too_large = "frame: with this payload larger than frame_bytes_max";

result<encoded_frame> encode_prefixed(const frames::length_prefix& rule,
                                      std::uint32_t frame_bytes_max, bytes payload) {
  const std::uint32_t header = header_bytes_of(rule);
  if (payload.size() > frame_bytes_max || header > frame_bytes_max - payload.size()) {
    return refuse(payload_too_large);
  }
  const std::int64_t length =
      static_cast<std::int64_t>(header + payload.size()) - bytes_beside_length(rule);
  if (length < 0) return refuse("frame: with this payload its length would be negative");
  if (static_cast<std::uint64_t>(length) > length_max_of(rule.width)) {
    return refuse("frame: the payload's length does not fit length_prefix.width");
  }
  std::array<std::byte, frames::offset_bytes_max + 8> head;
  std::memset(head.data(), 0, rule.offset);
  for (std::uint8_t i = 0; i < rule.width; ++i) {
    const int octet = rule.order == frames::byte_order::big ? rule.width - 1 - i : i;
    head[std::size_t{rule.offset} + i] =
        static_cast<std::byte>(static_cast<std::uint64_t>(length) >> (8 * octet));
  }
  return encoded_frame{bytes::copy_of(std::span{head}.first(header)), std::move(payload), {}};
}

result<encoded_frame> encode_varint(std::uint32_t frame_bytes_max, bytes payload) {
  std::array<std::byte, varint_bytes_max> head;
  std::size_t count = 0;
  std::uint64_t rest = payload.size();
  do {
    const std::uint64_t more = rest > 0x7f ? 0x80 : 0;
    head[count++] = static_cast<std::byte>((rest & 0x7f) | more);
    rest >>= 7;
  } while (rest != 0);
  if (payload.size() > frame_bytes_max || count > frame_bytes_max - payload.size()) {
    return refuse(payload_too_large);
  }
  return encoded_frame{bytes::copy_of(std::span{head}.first(count)), std::move(payload), {}};
}

}  // namespace

frame_encoder::frame_encoder(const framing& by) : by_(&by) {
  if (const auto* mark = std::get_if<frames::delimiter>(&by.by)) {
    delimiter_ = bytes::copy_of(mark->bytes.text());
  }
}

result<encoded_frame> frame_encoder::encode(bytes payload) const {
  if (std::holds_alternative<frames::none>(by_->by)) {
    return encoded_frame{{}, std::move(payload), {}};
  }
  if (!delimiter_.empty()) return encode_delimited(std::move(payload));
  if (const auto* prefix = std::get_if<frames::length_prefix>(&by_->by)) {
    return prefix->strip_header ? encode_prefixed(*prefix, by_->frame_bytes_max, std::move(payload))
                                : encode_whole(std::move(payload));
  }
  const auto* varint = std::get_if<frames::varint>(&by_->by);
  return varint != nullptr && varint->strip_header
             ? encode_varint(by_->frame_bytes_max, std::move(payload))
             : encode_whole(std::move(payload));
}

result<encoded_frame> frame_encoder::encode_delimited(bytes payload) const {
  const auto* rule = std::get_if<frames::delimiter>(&by_->by);
  const std::size_t added = rule->keep ? 0 : delimiter_.size();
  if (payload.size() > by_->frame_bytes_max || added > by_->frame_bytes_max - payload.size()) {
    return refuse(payload_too_large);
  }
  const std::string_view mark = delimiter_.text();
  const std::size_t inside = find_delimiter(payload.span(), mark);
  if (rule->keep) {
    if (inside == delimiter_absent) return refuse("frame: the delimiter is missing at its end");
    if (inside + mark.size() != payload.size()) {
      return refuse("frame: contains the delimiter before its end");
    }
    return encoded_frame{{}, std::move(payload), {}};
  }
  // The payload's end and the delimiter's beginning can make one too: "a\n" before "\n\n".
  if (inside != delimiter_absent ||
      find_end(payload.span(), delimiter_.span(), mark) != mark.size()) {
    return refuse("frame: the payload contains the delimiter");
  }
  return encoded_frame{{}, std::move(payload), delimiter_};
}

/// The payload is a whole frame, header and all.
result<encoded_frame> frame_encoder::encode_whole(bytes payload) const {
  const frame_measure found = measure_frame(*by_, payload.span());
  if (found.is != frame_measure::kind::known || found.bytes != payload.size()) {
    return refuse("frame: the payload is not one whole frame");
  }
  return encoded_frame{{}, std::move(payload), {}};
}

}  // namespace sluice::inline v0::net
