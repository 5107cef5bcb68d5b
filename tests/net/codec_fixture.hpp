// What the tests of the framing codecs share: rules of every kind, a naive twin of the decoder, and
// a way to feed one input in any pieces.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/bytes.hpp>
#include <sluice/framing.hpp>

#include "base/random.hpp"
#include "net/frame_decoder.hpp"

namespace net_test {

using namespace sluice;

__extension__ using wide = __int128;

/// What became of an input.
struct decoded {
  std::vector<std::string> frames;
  bool is_malformed = false;
  std::string reason;
  std::size_t incomplete_bytes = 0;

  friend bool operator==(const decoded&, const decoded&) = default;
};

/// Feeds `piece` in a block of its own and takes all frames. False: malformed.
inline bool feed_piece(net::frame_decoder& decoder, std::string_view piece, decoded& into) {
  decoder.feed(bytes::copy_of(piece));
  bytes frame;
  for (;;) {
    switch (decoder.next(frame)) {
      case net::frame_step::frame: into.frames.emplace_back(frame.text()); break;
      case net::frame_step::need_more: return true;
      case net::frame_step::malformed: return false;
    }
  }
}

/// Feeds the input in pieces that `next_size` names.
template <class F>
decoded decode_in_pieces(const framing& by, std::string_view input, F&& next_size) {
  net::frame_decoder decoder{by};
  decoded made;
  while (!input.empty()) {
    const std::size_t size = std::min<std::size_t>(next_size(), input.size());
    if (!feed_piece(decoder, input.substr(0, size), made)) break;
    input.remove_prefix(size);
  }
  made.reason = decoder.reason();
  made.is_malformed = !made.reason.empty();
  made.incomplete_bytes = decoder.incomplete_bytes();
  return made;
}

inline decoded decode_whole(const framing& by, std::string_view input) {
  return decode_in_pieces(by, input, [&] { return input.size(); });
}

/// Random cuts: mostly small pieces, sometimes large ones.
inline decoded decode_at_random(const framing& by, std::string_view input,
                                base::random_source& random) {
  return decode_in_pieces(by, input, [&]() -> std::size_t {
    return 1 + random.next_below(random.next_below(4) == 0 ? 300 : 7);
  });
}

/// One frame at the front of `input`, by the book and without cunning.
struct naive_frame {
  std::size_t bytes = 0;  // on the wire; 0: not whole yet
  std::string content;
  bool is_malformed = false;
};

inline naive_frame naive_delimited(const frames::delimiter& rule, std::string_view input,
                                   std::size_t frame_bytes_max) {
  const std::size_t at = input.find(rule.bytes.text());
  const std::size_t total = at == input.npos ? input.size() + 1 : at + rule.bytes.size();
  if (total > frame_bytes_max) return {0, {}, true};
  if (at == input.npos) return {};
  return {total, std::string{input.substr(0, rule.keep ? total : at)}, false};
}

inline naive_frame naive_prefixed(std::string_view input, std::size_t header, wide total,
                                  bool strip, std::size_t frame_bytes_max) {
  if (total < static_cast<wide>(header)) return {0, {}, true};
  if (total > static_cast<wide>(frame_bytes_max)) return {0, {}, true};
  const auto size = static_cast<std::size_t>(total);
  if (input.size() < size) return {};
  return {size, std::string{input.substr(strip ? header : 0, strip ? size - header : size)}, false};
}

inline naive_frame naive_first(const framing& by, std::string_view input) {
  if (const auto* fixed = std::get_if<frames::fixed>(&by.by)) {
    if (input.size() < fixed->bytes) return {};
    return {fixed->bytes, std::string{input.substr(0, fixed->bytes)}, false};
  }
  if (const auto* mark = std::get_if<frames::delimiter>(&by.by)) {
    return naive_delimited(*mark, input, by.frame_bytes_max);
  }
  if (const auto* rule = std::get_if<frames::length_prefix>(&by.by)) {
    const std::size_t header = std::size_t{rule->offset} + rule->width;
    if (input.size() < header) return {};
    wide length = 0;
    for (std::size_t i = 0; i < rule->width; ++i) {
      const bool is_big = rule->order == frames::byte_order::big;
      const std::size_t at = rule->offset + (is_big ? i : rule->width - 1 - i);
      length = length * 256 + static_cast<unsigned char>(input[at]);
    }
    const wide total = static_cast<wide>(length) + rule->adjustment +
                       static_cast<wide>(rule->length_counts_header ? 0 : header);
    return naive_prefixed(input, header, total, rule->strip_header, by.frame_bytes_max);
  }
  const auto* varint = std::get_if<frames::varint>(&by.by);
  wide value = 0;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const auto octet = static_cast<unsigned char>(input[i]);
    value += static_cast<wide>(octet & 0x7f) << (7 * i);
    if (value > wide{UINT64_MAX} || (i == 9 && octet >= 0x80)) return {0, {}, true};
    if (octet < 0x80) {
      if (i > 0 && octet == 0) return {0, {}, true};
      return naive_prefixed(input, i + 1, static_cast<wide>(value + i + 1), varint->strip_header,
                            by.frame_bytes_max);
    }
    if (i + 1 >= by.frame_bytes_max) return {0, {}, true};
  }
  return {};
}

inline decoded decode_naively(const framing& by, std::string_view input) {
  decoded made;
  while (!input.empty() && !made.is_malformed) {
    const naive_frame first = naive_first(by, input);
    made.is_malformed = first.is_malformed;
    if (first.bytes == 0) break;
    made.frames.push_back(first.content);
    input.remove_prefix(first.bytes);
  }
  made.incomplete_bytes = made.is_malformed ? 0 : input.size();
  return made;
}

/// Rules of every kind that pass check(), each option in use somewhere.
inline std::vector<framing> all_framings() {
  std::vector<framing> made;
  for (const std::uint32_t limit : {200u, 1024u * 1024u}) {
    for (const std::uint32_t size : {1u, 7u, 200u}) {
      made.push_back({.by = frames::fixed{size}, .frame_bytes_max = limit});
    }
    for (const std::uint8_t width : {1, 2, 3, 4, 8}) {
      for (const std::uint16_t offset : {0, 3}) {
        for (const bool counts : {false, true}) {
          for (const std::int32_t adjustment : {0, -2, 5}) {
            for (const bool strip : {false, true}) {
              const auto order = (width + adjustment) % 2 == 0 ? frames::byte_order::big
                                                               : frames::byte_order::little;
              made.push_back(
                  {.by = frames::length_prefix{width, order, offset, counts, adjustment, strip},
                   .frame_bytes_max = limit});
            }
          }
        }
      }
    }
    for (const bool flag : {false, true}) {
      made.push_back({.by = frames::varint{flag}, .frame_bytes_max = limit});
      for (const char* mark : {"\n", "\r\n", "\n\n", "aab", "abababc", "aaaaaaaaaaaaaaab"}) {
        made.push_back({.by = frames::delimiter{mark, flag}, .frame_bytes_max = limit});
      }
    }
  }
  return made;
}

/// For INFO.
inline std::string describe(const framing& by) {
  const std::string limit = ", max " + std::to_string(by.frame_bytes_max);
  if (const auto* fixed = std::get_if<frames::fixed>(&by.by)) {
    return "fixed " + std::to_string(fixed->bytes) + limit;
  }
  if (const auto* rule = std::get_if<frames::length_prefix>(&by.by)) {
    return "length_prefix width " + std::to_string(rule->width) +
           (rule->order == frames::byte_order::big ? " big" : " little") + " offset " +
           std::to_string(rule->offset) + (rule->length_counts_header ? " counts header" : "") +
           " adjustment " + std::to_string(rule->adjustment) +
           (rule->strip_header ? " strip" : " keep") + limit;
  }
  if (const auto* varint = std::get_if<frames::varint>(&by.by)) {
    return std::string{"varint"} + (varint->strip_header ? " strip" : " keep") + limit;
  }
  const auto* mark = std::get_if<frames::delimiter>(&by.by);
  return mark == nullptr
             ? "none"
             : "delimiter " + std::string{mark->bytes.text()} + (mark->keep ? " keep" : "") + limit;
}

}  // namespace net_test
