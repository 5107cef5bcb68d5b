// line_splitter: cuts a program's output into lines. Nothing is malformed and nothing is lost: a
// line that is too long comes in parts, and bytes that are no text pass as they are.
//
// Who: one owner: feed, next … next (false), feed …; finish at the end of the output.
// Rules
//   S1  What is given depends on the bytes alone, not on the pieces they came in.
//   S2  A line that lies in one piece is a slice of it. Another is gathered.
//   S3  Each byte is looked at a bounded number of times, however small the pieces are.
// Memory: the piece it was fed last, and at most line_bytes_max of a line under way.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sluice/bytes.hpp>

#include "mem/bytes_builder.hpp"
#include "net/fed_piece.hpp"

namespace sluice::inline v0::net {

/// A line without its line feed, and without a carriage return before that.
struct text_line {
  enum class ending : std::uint8_t {
    line_feed,     ///< the line, or the last part of it, is whole
    cut,           ///< line_bytes_max bytes; the same line goes on in the next one
    end_of_input,  ///< there was no line feed
  };
  bytes text;
  ending by = ending::line_feed;
};

class line_splitter {
 public:
  /// `line_bytes_max` (> 0) counts the bytes before the line feed.
  explicit line_splitter(std::uint32_t line_bytes_max) noexcept;

  /// The next bytes of the output, once next() has said false.
  void feed(bytes piece) noexcept { piece_.feed(std::move(piece)); }
  /// False: all that was fed is used up, `line` is as it was.
  [[nodiscard]] bool next(text_line& line) noexcept;
  /// The output has ended: gives what there is of a last line. False: nothing.
  [[nodiscard]] bool finish(text_line& line) noexcept;

  /// Memory taken for a line under way.
  [[nodiscard]] std::size_t held_bytes() const noexcept { return begun_.capacity(); }
  /// Bytes thrown away because there was no memory to keep them.
  [[nodiscard]] std::uint64_t lost_bytes() const noexcept { return lost_bytes_; }

 private:
  void give(std::size_t count, bool has_line_feed, text_line& line) noexcept;
  void keep(std::size_t count) noexcept;

  const std::uint32_t line_bytes_max_;
  fed_piece piece_;
  mem::bytes_builder begun_;  // the line under way, when it began in an earlier piece
  std::uint64_t lost_bytes_ = 0;
};

}  // namespace sluice::inline v0::net
