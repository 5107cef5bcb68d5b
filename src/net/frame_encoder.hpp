// frame_encoder: makes a frame of what is to be sent, without touching the payload's bytes.
//
// What frame_decoder gives for a framing, this takes for the same framing, and gives the same bytes
// on the wire (but for what a stripped header had before its length: zeros).
// Who: one owner. Memory: a slice of the delimiter; one small block a header.
#pragma once

#include <array>
#include <cstddef>

#include <sluice/bytes.hpp>
#include <sluice/framing.hpp>
#include <sluice/result.hpp>

namespace sluice::inline v0::net {

/// To be sent in this order; an empty slice is not there.
struct encoded_frame {
  bytes head;
  bytes payload;  ///< the slice that was given
  bytes tail;

  [[nodiscard]] std::size_t size() const noexcept {
    return head.size() + payload.size() + tail.size();
  }
};

class frame_encoder {
 public:
  /// `by` was checked, and stays where it is until the encoder is gone.
  explicit frame_encoder(const framing& by);

  /// Errors: bad_argument, and its place says what is wrong with the payload (too large, not the
  /// fixed size, contains the delimiter, is not the whole frame that the rule asks for).
  [[nodiscard]] result<encoded_frame> encode(bytes payload) const;

 private:
  [[nodiscard]] result<encoded_frame> encode_delimited(bytes payload) const;
  [[nodiscard]] result<encoded_frame> encode_whole(bytes payload) const;

  const framing* by_;
  bytes delimiter_;  // of by_, else empty
};

}  // namespace sluice::inline v0::net
