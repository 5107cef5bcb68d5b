#include "net/line_splitter.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "base/assert.hpp"

namespace sluice::inline v0::net {

line_splitter::line_splitter(std::uint32_t line_bytes_max) noexcept
    : line_bytes_max_(line_bytes_max) {
  SLUICE_ASSERT(line_bytes_max > 0, "line_splitter: lines of no bytes");
}

bool line_splitter::next(text_line& line) noexcept {
  if (piece_.is_empty()) return false;
  // One byte more than a line may have: a line feed there still ends a line that is not too long.
  const std::span<const std::byte> rest = piece_.span();
  const std::size_t room = line_bytes_max_ - begun_.size();
  const std::span<const std::byte> searched = rest.first(std::min(rest.size(), room + 1));
  if (const void* found = std::memchr(searched.data(), '\n', searched.size())) {
    const auto length =
        static_cast<std::size_t>(static_cast<const std::byte*>(found) - searched.data());
    give(length + 1, true, line);
    return true;
  }
  if (rest.size() > room) {
    give(room, false, line);
    line.by = text_line::ending::cut;
    return true;
  }
  keep(rest.size());
  return false;
}

bool line_splitter::finish(text_line& line) noexcept {
  if (begun_.is_empty()) return false;
  line.text = begun_.finish();
  line.by = text_line::ending::end_of_input;
  return true;
}

/// Uses up `count` bytes, the line feed among them if there is one.
void line_splitter::give(std::size_t count, bool has_line_feed, text_line& line) noexcept {
  const std::size_t cut = has_line_feed ? 1 : 0;
  if (begun_.is_empty()) {
    line.text = piece_.take(count, 0, cut);
  } else {
    keep(count - cut);
    piece_.drop(cut);
    line.text = begun_.finish();
  }
  line.by = text_line::ending::line_feed;
  const std::size_t size = line.text.size();
  if (has_line_feed && size > 0 && line.text.data()[size - 1] == std::byte{'\r'}) {
    line.text = std::move(line.text).slice(0, size - 1);
  }
}

void line_splitter::keep(std::size_t count) noexcept {
  if (!begun_.append(piece_.span().first(count), line_bytes_max_)) lost_bytes_ += count;
  piece_.drop(count);
}

}  // namespace sluice::inline v0::net
