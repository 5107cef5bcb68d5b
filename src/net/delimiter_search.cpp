#include "net/delimiter_search.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <sluice/framing.hpp>

namespace sluice::inline v0::net {

std::size_t find_delimiter(std::span<const std::byte> text, std::string_view delimiter) noexcept {
  if (text.size() < delimiter.size()) return delimiter_absent;
  const void* const found =
      delimiter.size() == 1
          ? std::memchr(text.data(), static_cast<unsigned char>(delimiter[0]), text.size())
          : ::memmem(text.data(), text.size(), delimiter.data(), delimiter.size());
  if (found == nullptr) return delimiter_absent;
  return static_cast<std::size_t>(static_cast<const std::byte*>(found) - text.data());
}

std::size_t find_end(std::span<const std::byte> held, std::span<const std::byte> arrived,
                     std::string_view delimiter) noexcept {
  const std::size_t seam_half = delimiter.size() - 1;
  const std::size_t before = std::min(seam_half, held.size());
  if (before > 0 && !arrived.empty()) {
    std::array<std::byte, 2 * (frames::delimiter_bytes_max - 1)> seam;
    const std::size_t after = std::min(seam_half, arrived.size());
    std::memcpy(seam.data(), held.data() + held.size() - before, before);
    std::memcpy(seam.data() + before, arrived.data(), after);
    const std::size_t at = find_delimiter(std::span{seam}.first(before + after), delimiter);
    // It begins in what is held, so it comes before any that begins in what arrived; and it ends
    // behind the seam, because none is held.
    if (at != delimiter_absent) return at + delimiter.size() - before;
  }
  const std::size_t at = find_delimiter(arrived, delimiter);
  return at == delimiter_absent ? delimiter_absent : at + delimiter.size();
}

}  // namespace sluice::inline v0::net
