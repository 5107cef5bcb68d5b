// delimiter_search: where a frame ends that is ended by a delimiter, also one that straddles the
// seam between what is held and what has just come.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sluice::inline v0::net {

inline constexpr std::size_t delimiter_absent = static_cast<std::size_t>(-1);

/// The offset of the first `delimiter` in `text`, or delimiter_absent. Time: linear in `text`.
[[nodiscard]] std::size_t find_delimiter(std::span<const std::byte> text,
                                         std::string_view delimiter) noexcept;

/// How many bytes of `arrived` belong to the first frame of `held` + `arrived`, its delimiter
/// included, or delimiter_absent. There is none in `held` alone. The delimiter has 1 to
/// frames::delimiter_bytes_max bytes. Time: linear in `arrived` and the delimiter, whatever is
/// held.
[[nodiscard]] std::size_t find_end(std::span<const std::byte> held,
                                   std::span<const std::byte> arrived,
                                   std::string_view delimiter) noexcept;

}  // namespace sluice::inline v0::net
