#include "net/frame_decoder.hpp"

#include <algorithm>
#include <utility>

#include "net/delimiter_search.hpp"
#include "net/frame_measure.hpp"

namespace sluice::inline v0::net {
namespace {

bool strips_header(const framing& by) noexcept {
  if (const auto* prefix = std::get_if<frames::length_prefix>(&by.by)) return prefix->strip_header;
  if (const auto* varint = std::get_if<frames::varint>(&by.by)) return varint->strip_header;
  return false;
}

}  // namespace

frame_decoder::frame_decoder(const framing& by) noexcept
    : by_(&by), strips_header_(strips_header(by)) {
  if (const auto* mark = std::get_if<frames::delimiter>(&by.by)) delimiter_ = mark->bytes.text();
}

void frame_decoder::feed(bytes piece) noexcept {
  if (reason_[0] != '\0') return;  // F4
  piece_.feed(std::move(piece));
}

frame_step frame_decoder::next(bytes& frame) noexcept {
  if (reason_[0] != '\0') return frame_step::malformed;
  if (piece_.is_empty()) return frame_step::need_more;
  if (std::holds_alternative<frames::none>(by_->by)) {
    frame = piece_.take(piece_.size(), 0, 0);
    return frame_step::frame;
  }
  return delimiter_.empty() ? next_measured(frame) : next_delimited(frame);
}

frame_step frame_decoder::next_measured(bytes& frame) noexcept {
  if (!begun_.is_empty()) return gather_measured(frame);
  const frame_measure found = measure_frame(*by_, piece_.span());
  if (found.is == frame_measure::kind::malformed) return fail(found.why);
  if (found.is == frame_measure::kind::known) {
    if (found.bytes <= piece_.size()) {
      frame = piece_.take(found.bytes, strips_header_ ? found.header_bytes : 0, 0);
      return frame_step::frame;
    }
    frame_bytes_ = found.bytes;
    header_bytes_ = found.header_bytes;
  }
  return keep(piece_.size(), frame_bytes_ != 0 ? frame_bytes_ : by_->frame_bytes_max)
             ? frame_step::need_more
             : frame_step::malformed;
}

frame_step frame_decoder::gather_measured(bytes& frame) noexcept {
  while (frame_bytes_ == 0) {
    const frame_measure found = measure_frame(*by_, begun_.span());
    if (found.is == frame_measure::kind::malformed) return fail(found.why);
    if (found.is == frame_measure::kind::known) {
      frame_bytes_ = found.bytes;
      header_bytes_ = found.header_bytes;
      break;
    }
    if (piece_.is_empty()) return frame_step::need_more;
    // No more than the header: what follows it may be taken as a slice.
    if (!keep(std::min(found.bytes, piece_.size()), by_->frame_bytes_max)) {
      return frame_step::malformed;
    }
  }
  const std::size_t missing = frame_bytes_ - begun_.size();
  if (strips_header_ && begun_.size() == header_bytes_ && missing <= piece_.size()) {
    frame = piece_.take(missing, 0, 0);  // F2
    begun_.clear();
    frame_bytes_ = 0;
    return frame_step::frame;
  }
  if (!keep(std::min(missing, piece_.size()), frame_bytes_)) return frame_step::malformed;
  if (begun_.size() < frame_bytes_) return frame_step::need_more;
  return give_gathered(strips_header_ ? header_bytes_ : 0, 0, frame);
}

frame_step frame_decoder::next_delimited(bytes& frame) noexcept {
  const auto* rule = std::get_if<frames::delimiter>(&by_->by);
  const std::size_t cut = rule->keep ? 0 : delimiter_.size();
  // What is searched ends where the frame would be too large anyway.
  const std::span<const std::byte> searched = piece_.span().first(
      std::min<std::size_t>(piece_.size(), by_->frame_bytes_max - begun_.size()));
  const std::size_t end = find_end(begun_.span(), searched, delimiter_);
  if (end == delimiter_absent) {
    // With the limit reached and no delimiter, the frame would be larger than it.
    if (begun_.size() + searched.size() >= by_->frame_bytes_max) return fail(frame_too_large);
    return keep(piece_.size(), by_->frame_bytes_max) ? frame_step::need_more
                                                     : frame_step::malformed;
  }
  if (begun_.is_empty()) {
    frame = piece_.take(end, 0, cut);
    return frame_step::frame;
  }
  if (!keep(end, by_->frame_bytes_max)) return frame_step::malformed;
  return give_gathered(0, cut, frame);
}

frame_step frame_decoder::give_gathered(std::size_t front_cut, std::size_t back_cut,
                                        bytes& frame) noexcept {
  const std::size_t kept = begun_.size() - front_cut - back_cut;
  frame = kept == 0 ? bytes{} : begun_.finish().slice(front_cut, kept);
  begun_.clear();
  frame_bytes_ = 0;
  return frame_step::frame;
}

/// Copies the next `count` bytes of the piece to the frame under way.
bool frame_decoder::keep(std::size_t count, std::size_t bytes_max) noexcept {
  if (!begun_.append(piece_.span().first(count), bytes_max)) {
    static_cast<void>(fail("there is no memory for the frame"));
    return false;
  }
  piece_.drop(count);
  return true;
}

frame_step frame_decoder::fail(const char* reason) noexcept {
  reason_ = reason;
  piece_.clear();
  begun_.clear();
  frame_bytes_ = 0;
  return frame_step::malformed;
}

}  // namespace sluice::inline v0::net
