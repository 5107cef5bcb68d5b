// framing: how a stream of bytes is cut into messages.
//
//   .framing = {.by = sluice::frames::length_prefix{.width = 2}, .frame_bytes_max = 64 * 1024}
//
// A connection with a framing gives one tcp::data a frame, and makes one frame of each tcp::data it
// is sent. What it gives can be sent back as it is: an echo answers with the bytes that came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace frames {

enum class byte_order : std::uint8_t { big, little };

/// Bytes as they come, in pieces of any size.
struct none {};

/// Each frame has the same size.
struct fixed {
  std::uint32_t bytes = 0;  ///< 1 to frame_bytes_max
};

/// A header that ends with a length. The frame is `offset` bytes, the length, and the payload.
///   size of the frame = length + adjustment (+ offset + width unless length_counts_header)
/// A length that gives less than the header is malformed; an empty payload is a frame.
struct length_prefix {
  std::uint8_t width = 4;  ///< bytes of the length: 1, 2, 3, 4 or 8
  byte_order order = byte_order::big;
  std::uint16_t offset = 0;           ///< header bytes before the length, at most offset_bytes_max
  bool length_counts_header = false;  ///< the length is that of header and payload
  std::int32_t adjustment = 0;        ///< added to the length
  /// The payload alone is given, and the header is made for what is sent (zeros before the length).
  /// False: frames are given whole, and are to be sent whole.
  bool strip_header = true;
};
inline constexpr std::uint16_t offset_bytes_max = 1016;

/// The payload's size as LEB128, at most 10 bytes, in its shortest form (another is malformed).
struct varint {
  bool strip_header = true;  ///< as in length_prefix
};

inline constexpr std::size_t delimiter_bytes_max = 64;

/// A short text, held in place. Of one that is too long only the size is kept, for check().
class delimiter_bytes {
 public:
  constexpr delimiter_bytes(std::string_view text) noexcept : size_(text.size()) {
    if (size_ <= delimiter_bytes_max) text.copy(text_, size_);
  }
  constexpr delimiter_bytes(const char* text) noexcept : delimiter_bytes(std::string_view{text}) {}
  delimiter_bytes(const std::string& text) noexcept : delimiter_bytes(std::string_view{text}) {}

  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  /// Empty when it is too long.
  [[nodiscard]] constexpr std::string_view text() const noexcept {
    return {text_, size_ <= delimiter_bytes_max ? size_ : 0};
  }

 private:
  char text_[delimiter_bytes_max] = {};
  std::size_t size_;
};

/// A frame ends at the first occurrence of `bytes`.
struct delimiter {
  delimiter_bytes bytes = "\n";  ///< 1 to delimiter_bytes_max of them
  /// Frames are given with it, and are to be sent with it. False: it is cut off, and added to what
  /// is sent. What is sent must not contain it elsewhere.
  bool keep = false;
};
}  // namespace frames

struct framing {
  std::variant<frames::none, frames::fixed, frames::length_prefix, frames::varint,
               frames::delimiter>
      by{};
  /// Bytes of one frame on the wire, with its header or delimiter. A larger one is malformed, and
  /// is noticed before memory is taken for it. No limit of frames::none.
  std::uint32_t frame_bytes_max = 1024 * 1024;
};

/// Whether frames can be cut and made so; else bad_argument, and its place says which field is
/// wrong.
[[nodiscard]] result<void> check(const framing& asked) noexcept;

}  // namespace v0
}  // namespace sluice
