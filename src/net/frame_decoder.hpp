// frame_decoder: cuts the bytes of a connection into frames, whatever pieces they come in.
//
// When: a framing was checked. A connection feeds what it reads and takes frames until there is
//   none: feed, next … next (need_more), feed …; at the end of the input it asks incomplete_bytes.
// Who: one owner. It never sees a socket and calls nobody.
// Rules
//   F1  What is given depends on the bytes alone, not on the pieces they came in.
//   F2  A frame that lies in one piece is a slice of it; so is a payload whose stripped header
//       ended an earlier piece. Another is gathered, and of a piece no slice is kept for it.
//   F3  Memory is taken for what has arrived, never for what a length claims, and a frame larger
//       than frame_bytes_max is noticed before its bytes are kept.
//   F4  Malformed is for ever: what is fed after is thrown away. Frames before it are given first.
//   F5  Each byte is looked at a bounded number of times, however small the pieces are.
// Memory: the piece it was fed last while frames of it are untaken, and one bytes_builder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sluice/bytes.hpp>
#include <sluice/framing.hpp>

#include "mem/bytes_builder.hpp"
#include "net/fed_piece.hpp"

namespace sluice::inline v0::net {

enum class frame_step : std::uint8_t {
  frame,      ///< a frame was given; it may be empty
  need_more,  ///< all that was fed is used up
  malformed,  ///< reason() says why; nothing follows
};

class frame_decoder {
 public:
  /// `by` was checked, and stays where it is until the decoder is gone.
  explicit frame_decoder(const framing& by) noexcept;

  /// The next bytes of the stream, once next() has said need_more (or malformed).
  void feed(bytes piece) noexcept;
  [[nodiscard]] frame_step next(bytes& frame) noexcept;

  /// Bytes of a frame that has begun and is not whole. Not 0 at the end of the input: it was cut
  /// off.
  [[nodiscard]] std::size_t incomplete_bytes() const noexcept { return begun_.size(); }
  /// Memory taken for them.
  [[nodiscard]] std::size_t held_bytes() const noexcept { return begun_.capacity(); }
  /// A sentence without a full stop; empty unless malformed.
  [[nodiscard]] const char* reason() const noexcept { return reason_; }

 private:
  [[nodiscard]] frame_step next_measured(bytes& frame) noexcept;
  [[nodiscard]] frame_step gather_measured(bytes& frame) noexcept;
  [[nodiscard]] frame_step next_delimited(bytes& frame) noexcept;
  [[nodiscard]] frame_step give_gathered(std::size_t front_cut, std::size_t back_cut,
                                         bytes& frame) noexcept;
  [[nodiscard]] bool keep(std::size_t count, std::size_t bytes_max) noexcept;
  [[nodiscard]] frame_step fail(const char* reason) noexcept;

  const framing* by_;
  std::string_view delimiter_;  // of by_, else empty
  bool strips_header_ = false;
  const char* reason_ = "";
  fed_piece piece_;
  mem::bytes_builder begun_;        // the frame under way, when it began in an earlier piece
  std::size_t frame_bytes_ = 0;     // of it, 0 until its header is whole
  std::uint32_t header_bytes_ = 0;  // of it, valid with frame_bytes_
};

}  // namespace sluice::inline v0::net
