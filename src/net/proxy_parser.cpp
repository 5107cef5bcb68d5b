#include "net/proxy_parser.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace sluice::inline v0::net {
namespace {

using span = std::span<const std::byte>;

/// Whether `start` is the signature, as far as it goes.
bool agrees(span start, std::string_view signature) noexcept {
  return std::memcmp(start.data(), signature.data(), std::min(start.size(), signature.size())) == 0;
}

std::string_view text_of(span whole) noexcept {
  return {reinterpret_cast<const char*>(whole.data()), whole.size()};
}

}  // namespace

proxy_parser::proxy_parser(std::size_t header_bytes_max) noexcept
    : header_bytes_max_(header_bytes_max) {
  SLUICE_ASSERT(header_bytes_max >= proxy_text_bytes_max,
                "proxy_parser: the limit is smaller than a version 1 header");
}

proxy_parser::progress proxy_parser::feed(span piece) noexcept {
  if (step_ != proxy_step::need_more || piece.empty()) return {step_, 0};
  std::size_t taken = 0;
  for (;;) {
    // The header's bytes in one row: in the piece, or all of them gathered.
    const span start = begun_.is_empty() ? piece : begun_.span();
    const measured found = measure(start);
    if (found.refused != nullptr) {
      header_bytes_ += piece.size() - taken;
      return {fail(found.refused), piece.size()};
    }
    if (found.total_bytes != 0 && found.total_bytes <= start.size()) {
      if (begun_.is_empty()) taken = found.total_bytes;
      header_bytes_ = found.total_bytes;
      return {finish(start.first(found.total_bytes)), taken};
    }
    if (taken == piece.size()) return {step_, taken};
    // All of a piece that holds no whole header is the header's; of a later one, what is sure to
    // be.
    const std::size_t sure = begun_.is_empty()        ? piece.size()
                             : found.total_bytes != 0 ? found.total_bytes - start.size()
                                                      : found.needs_bytes;
    const std::size_t count = std::min(sure, piece.size() - taken);
    if (!begun_.append(piece.subspan(taken, count), header_bytes_max_)) {
      return {fail("there is no memory for the PROXY header"), taken};
    }
    taken += count;
    header_bytes_ += count;
  }
}

proxy_parser::measured proxy_parser::measure(span start) const noexcept {
  if (agrees(start, proxy_block_signature)) return measure_block(start);
  if (!agrees(start, proxy_text_signature)) return {"the stream begins with no PROXY header"};
  const std::string_view line = text_of(start.first(std::min(start.size(), proxy_text_bytes_max)));
  const std::size_t end = line.find_first_of("\r\n");
  if (end == line.npos || end + 1 == line.size()) {
    if (line.size() == proxy_text_bytes_max) return {"a PROXY line is longer than 107 bytes"};
    if (end == line.npos || line[end] == '\r') return {nullptr, 0, 1};
  }
  if (line.substr(end, 2) != "\r\n") return {"a PROXY line has a lone CR or LF"};
  return {nullptr, end + 2, 0};
}

proxy_parser::measured proxy_parser::measure_block(span start) const noexcept {
  if (start.size() > 13) {
    if (const char* refused = refuse_proxy_block(start[12], start[13])) return {refused};
  }
  if (start.size() < proxy_block_start_bytes) {
    return {nullptr, 0, proxy_block_start_bytes - start.size()};
  }
  const std::size_t total = proxy_block_start_bytes +
                            (std::to_integer<std::size_t>(start[14]) << 8) +
                            std::to_integer<std::size_t>(start[15]);
  if (total > header_bytes_max_) return {"a PROXY block is larger than header_bytes_max"};
  return {nullptr, total, 0};
}

proxy_step proxy_parser::finish(span whole) noexcept {
  const bool is_block = agrees(whole, proxy_block_signature);
  const char* const refused =
      is_block ? parse_proxy_block(whole, header_) : parse_proxy_text(text_of(whole), header_);
  if (refused != nullptr) return fail(refused);
  begun_.clear();
  return step_ = proxy_step::header;
}

proxy_step proxy_parser::fail(const char* reason) noexcept {
  reason_ = reason;
  header_ = {};
  begun_.clear();
  return step_ = proxy_step::malformed;
}

}  // namespace sluice::inline v0::net
