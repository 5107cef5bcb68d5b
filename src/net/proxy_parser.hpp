// proxy_parser: takes the PROXY protocol's header, of either version, from the front of a stream.
//
// When: the peer is configured to send one. A stream that begins with something else is malformed;
//   whether there is a header is never guessed.
// Who: one owner: feed what is read until it answers header or malformed; what feed did not take is
//   the stream's. The connection's own deadline bounds how long a header may take.
// Rules
//   P1  The answer depends on the bytes alone, not on the pieces they came in.
//   P2  A byte behind the header is never taken.
//   P3  A wrong signature, version, family or length is noticed when its bytes come, a wrong word
//       of a line with the line's end. Malformed is for ever.
//   P4  Memory is taken for what has arrived, at most header_bytes_max; none for a header that
//       comes in one piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mem/bytes_builder.hpp"
#include "net/proxy_header.hpp"

namespace sluice::inline v0::net {

enum class proxy_step : std::uint8_t {
  header,     ///< header() has it
  need_more,  ///< all of the piece was taken
  malformed,  ///< reason() says why; the connection is to be closed
};

class proxy_parser {
 public:
  /// `header_bytes_max` (at least 107) limits version 2, its values included.
  explicit proxy_parser(std::size_t header_bytes_max = 4096) noexcept;

  struct progress {
    proxy_step step;
    std::size_t taken_bytes;  ///< of the piece, from its front
  };
  /// Once it has answered header or malformed it takes nothing and answers the same.
  [[nodiscard]] progress feed(std::span<const std::byte> piece) noexcept;

  /// Valid once feed has answered header.
  [[nodiscard]] const proxy_header& header() const noexcept { return header_; }
  /// Taken in all. Before it is whole: not 0 at the end of the input says that it was cut off.
  [[nodiscard]] std::size_t header_bytes() const noexcept { return header_bytes_; }
  /// A sentence without a full stop; empty unless malformed.
  [[nodiscard]] const char* reason() const noexcept { return reason_; }

 private:
  struct measured {
    const char* refused = nullptr;
    std::size_t total_bytes = 0;  // 0: not known yet
    std::size_t needs_bytes = 0;  // at least so many more belong to the header, if total is 0
  };
  [[nodiscard]] measured measure(std::span<const std::byte> start) const noexcept;
  [[nodiscard]] measured measure_block(std::span<const std::byte> start) const noexcept;
  [[nodiscard]] proxy_step finish(std::span<const std::byte> whole) noexcept;
  [[nodiscard]] proxy_step fail(const char* reason) noexcept;

  const std::size_t header_bytes_max_;
  proxy_step step_ = proxy_step::need_more;
  const char* reason_ = "";
  std::size_t header_bytes_ = 0;
  mem::bytes_builder begun_;
  proxy_header header_;
};

}  // namespace sluice::inline v0::net
