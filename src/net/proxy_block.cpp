// Version 2 of the PROXY protocol:
//   signature (12) · version and command (1) · family and transport (1) · length of the rest (2) ·
//   addresses (inet 12, inet6 36, unix 216) · any number of type (1), length (2), value
// A block that says no addresses (local, or unspecified) is skipped unread.
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "net/crc32c.hpp"
#include "net/proxy_header.hpp"

namespace sluice::inline v0::net {
namespace {

using span = std::span<const std::byte>;

constexpr std::size_t unix_path_bytes = 108;
constexpr std::size_t unix_path_start = offsetof(::sockaddr_un, sun_path);
constexpr std::size_t addresses_bytes_max = 2 * unix_path_bytes;
constexpr std::size_t value_start_bytes = 3;
constexpr std::size_t checksum_bytes = 4;
constexpr auto checksum_type = std::byte{0x03};

constexpr std::uint32_t nibble_inet = 1;
constexpr std::uint32_t nibble_inet6 = 2;
constexpr std::uint32_t nibble_unix = 3;

std::uint32_t high_nibble(std::byte octet) noexcept {
  return std::to_integer<std::uint32_t>(octet >> 4);
}
std::uint32_t low_nibble(std::byte octet) noexcept {
  return std::to_integer<std::uint32_t>(octet & std::byte{15});
}
std::size_t read_16(span at) noexcept {
  return std::to_integer<std::size_t>(at[0]) << 8 | std::to_integer<std::size_t>(at[1]);
}

std::size_t addresses_bytes_of(std::uint32_t family) noexcept {
  switch (family) {
    case nibble_inet: return 12;
    case nibble_inet6: return 36;
    default: return addresses_bytes_max;
  }
}

io::socket_address make_inet(span address, span port) noexcept {
  ::sockaddr_in made{};
  made.sin_family = AF_INET;
  std::memcpy(&made.sin_addr, address.data(), sizeof made.sin_addr);
  std::memcpy(&made.sin_port, port.data(), sizeof made.sin_port);
  return io::socket_address::from_bytes(std::as_bytes(std::span{&made, 1}));
}

io::socket_address make_inet6(span address, span port) noexcept {
  ::sockaddr_in6 made{};
  made.sin6_family = AF_INET6;
  std::memcpy(&made.sin6_addr, address.data(), sizeof made.sin6_addr);
  std::memcpy(&made.sin6_port, port.data(), sizeof made.sin6_port);
  return io::socket_address::from_bytes(std::as_bytes(std::span{&made, 1}));
}

/// A path as it is up to its first zero; one that begins with zero is abstract, or no name at all,
/// and is as long as it has other bytes.
io::socket_address make_unix(span path) noexcept {
  ::sockaddr_un made{};
  made.sun_family = AF_UNIX;
  const auto is_zero = [](std::byte octet) { return octet == std::byte{0}; };
  const bool is_path = !is_zero(path[0]);
  const auto used = static_cast<std::size_t>(
      is_path ? std::find_if(path.begin(), path.end(), is_zero) - path.begin()
              : path.rend() - std::find_if_not(path.rbegin(), path.rend(), is_zero));
  std::memcpy(made.sun_path, path.data(), used);
  // The kernel counts the zero behind a path, where there is room for one.
  const std::size_t ending = is_path && used < unix_path_bytes ? 1 : 0;
  const auto raw = std::as_bytes(std::span{&made, 1}).first(unix_path_start + used + ending);
  return io::socket_address::from_bytes(raw);
}

void read_addresses(std::uint32_t family, span at, proxy_header& into) noexcept {
  switch (family) {
    case nibble_inet:
      into.source = make_inet(at.subspan(0, 4), at.subspan(8, 2));
      into.destination = make_inet(at.subspan(4, 4), at.subspan(10, 2));
      break;
    case nibble_inet6:
      into.source = make_inet6(at.subspan(0, 16), at.subspan(32, 2));
      into.destination = make_inet6(at.subspan(16, 16), at.subspan(34, 2));
      break;
    default:
      into.source = make_unix(at.subspan(0, unix_path_bytes));
      into.destination = make_unix(at.subspan(unix_path_bytes, unix_path_bytes));
      break;
  }
}

/// The checksum of a block whose checksum field, at `field`, counts as zeros.
std::uint32_t checksum_of(span block, std::size_t field) noexcept {
  constexpr std::array<std::byte, checksum_bytes> zeros{};
  crc32c sum;
  sum.add(block.first(field));
  sum.add(zeros);
  sum.add(block.subspan(field + checksum_bytes));
  return sum.value();
}

/// Walks the values from `at` on; checks a checksum, skips all others.
const char* check_values(span block, std::size_t at) noexcept {
  bool has_checksum = false;
  while (at < block.size()) {
    if (block.size() - at < value_start_bytes) return "a PROXY block ends within a value's head";
    const std::size_t size = read_16(block.subspan(at + 1));
    const std::size_t value = at + value_start_bytes;
    if (size > block.size() - value) return "a PROXY block ends within a value";
    if (block[at] == checksum_type) {
      if (size != checksum_bytes || has_checksum) {
        return "a PROXY block has a checksum of the wrong size, or two";
      }
      has_checksum = true;
      const auto said = read_16(block.subspan(value)) << 16 | read_16(block.subspan(value + 2));
      if (said != checksum_of(block, value)) return "a PROXY block's checksum is wrong";
    }
    at = value + size;
  }
  return nullptr;
}

void append(std::span<std::byte> block, std::size_t& size, const void* data, std::size_t count) {
  std::memcpy(block.data() + size, data, count);
  size += count;
}

/// Returns the family's nibble, 0 (and nothing written) where the addresses cannot be said.
std::uint32_t write_addresses(const proxy_header& header, std::span<std::byte> block,
                              std::size_t& size) {
  const ::sockaddr* const from = header.source.data();
  const ::sockaddr* const to = header.destination.data();
  if (header.source.family() != header.destination.family()) return 0;
  switch (header.source.family()) {
    case AF_INET: {
      const auto* source = reinterpret_cast<const ::sockaddr_in*>(from);
      const auto* destination = reinterpret_cast<const ::sockaddr_in*>(to);
      append(block, size, &source->sin_addr, 4);
      append(block, size, &destination->sin_addr, 4);
      append(block, size, &source->sin_port, 2);
      append(block, size, &destination->sin_port, 2);
      return nibble_inet;
    }
    case AF_INET6: {
      const auto* source = reinterpret_cast<const ::sockaddr_in6*>(from);
      const auto* destination = reinterpret_cast<const ::sockaddr_in6*>(to);
      append(block, size, &source->sin6_addr, 16);
      append(block, size, &destination->sin6_addr, 16);
      append(block, size, &source->sin6_port, 2);
      append(block, size, &destination->sin6_port, 2);
      return nibble_inet6;
    }
    case AF_UNIX:
      for (const io::socket_address* each : {&header.source, &header.destination}) {
        std::array<std::byte, unix_path_bytes> path{};
        const span raw = each->span();
        if (raw.size() > unix_path_start) {
          // The kernel may count a zero behind a path that fills all the room.
          const std::size_t used = std::min(raw.size() - unix_path_start, path.size());
          std::memcpy(path.data(), raw.data() + unix_path_start, used);
        }
        append(block, size, path.data(), path.size());
      }
      return nibble_unix;
    default: return 0;
  }
}

}  // namespace

const char* refuse_proxy_block(std::byte version_and_command,
                               std::byte family_and_transport) noexcept {
  if (high_nibble(version_and_command) != 2) return "a PROXY block is not of version 2";
  const std::uint32_t command = low_nibble(version_and_command);
  if (command > 1) return "a PROXY block has an unknown command";
  if (command == 0) return nullptr;  // its family is ignored
  if (high_nibble(family_and_transport) > nibble_unix || low_nibble(family_and_transport) > 2) {
    return "a PROXY block has an unknown family or transport";
  }
  return nullptr;
}

const char* parse_proxy_block(std::span<const std::byte> block, proxy_header& into) noexcept {
  if (block.size() < proxy_block_start_bytes ||
      std::memcmp(block.data(), proxy_block_signature.data(), proxy_block_signature.size()) != 0 ||
      block.size() != proxy_block_start_bytes + read_16(block.subspan(14))) {
    return "a PROXY block begins with its signature and has the size that it says";
  }
  if (const char* refused = refuse_proxy_block(block[12], block[13])) return refused;
  into = {};
  into.version = proxy_version::two;
  into.command = low_nibble(block[12]) == 0 ? proxy_command::local : proxy_command::proxy;
  const std::uint32_t family = high_nibble(block[13]);
  const std::uint32_t transport = low_nibble(block[13]);
  if (into.command == proxy_command::local || family == 0 || transport == 0) return nullptr;
  const std::size_t addresses_bytes = addresses_bytes_of(family);
  if (block.size() - proxy_block_start_bytes < addresses_bytes) {
    return "a PROXY block is too short for its addresses";
  }
  into.transport = transport == 1 ? proxy_transport::stream : proxy_transport::datagram;
  read_addresses(family, block.subspan(proxy_block_start_bytes, addresses_bytes), into);
  return check_values(block, proxy_block_start_bytes + addresses_bytes);
}

bytes write_proxy_block(const proxy_header& header, proxy_checksum checksum) {
  std::array<std::byte,
             proxy_block_start_bytes + addresses_bytes_max + value_start_bytes + checksum_bytes>
      block{};
  std::size_t size = 0;
  append(block, size, proxy_block_signature.data(), proxy_block_signature.size());
  const bool is_proxy = header.command == proxy_command::proxy;
  block[12] = is_proxy ? std::byte{0x21} : std::byte{0x20};
  size = proxy_block_start_bytes;
  if (is_proxy && header.transport != proxy_transport::unspecified) {
    const std::uint32_t family = write_addresses(header, block, size);
    const std::uint32_t transport = header.transport == proxy_transport::stream ? 1 : 2;
    if (family != 0) block[13] = static_cast<std::byte>(family << 4 | transport);
  }
  const std::size_t value = size + value_start_bytes;
  if (checksum == proxy_checksum::crc32c) {
    block[size] = checksum_type;
    block[size + 2] = static_cast<std::byte>(checksum_bytes);
    size = value + checksum_bytes;
  }
  block[14] = static_cast<std::byte>((size - proxy_block_start_bytes) >> 8);
  block[15] = static_cast<std::byte>((size - proxy_block_start_bytes) & 0xff);
  if (checksum == proxy_checksum::crc32c) {
    const std::uint32_t sum = checksum_of(span{block}.first(size), value);
    for (std::size_t i = 0; i < checksum_bytes; ++i) {
      block[value + i] = static_cast<std::byte>(sum >> (24 - 8 * i));
    }
  }
  return bytes::copy_of(span{block}.first(size));
}

}  // namespace sluice::inline v0::net
