#include "net/address_block.hpp"

#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <span>
#include <string>

namespace sluice::inline v0::net {

namespace {

// Of an IPv4 or IPv6 address, in the network's order.
std::span<const std::uint8_t> octets_of(const io::socket_address& who) noexcept {
  if (who.family() == AF_INET) {
    const auto& four = reinterpret_cast<const ::sockaddr_in&>(*who.data());
    return {reinterpret_cast<const std::uint8_t*>(&four.sin_addr), 4};
  }
  if (who.family() == AF_INET6) {
    const auto& six = reinterpret_cast<const ::sockaddr_in6&>(*who.data());
    return {six.sin6_addr.s6_addr, 16};
  }
  return {};
}

// Whether `left` and `right` agree in their first `bits` bits.
bool agree(const std::uint8_t* left, const std::uint8_t* right, std::uint32_t bits) noexcept {
  if (std::memcmp(left, right, bits / 8) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return ((left[bits / 8] ^ right[bits / 8]) & mask) == 0;
}

}  // namespace

result<address_block> address_block::parse(std::string_view text) {
  const error refused{error_code::bad_address, 0, "address block"};
  address_block made;
  if (text == "unix") {
    made.family_ = AF_UNIX;
    return made;
  }
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if (address.empty() || address == "*" || address.front() == '[') return refused;
  auto parsed = io::socket_address::parse(address, 0);
  if (!parsed) return refused;
  const auto octets = octets_of(parsed.value());
  if (octets.empty()) return refused;
  made.family_ = parsed.value().family();
  std::memcpy(made.address_.data(), octets.data(), octets.size());
  const auto all_bits = static_cast<std::uint32_t>(octets.size() * 8);
  made.prefix_bits_ = all_bits;
  if (slash == text.npos) return made;
  const std::string_view digits = text.substr(slash + 1);
  const auto end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, made.prefix_bits_);
  if (read.ec != std::errc{} || read.ptr != end || made.prefix_bits_ > all_bits) return refused;
  // Nothing may be set behind the prefix: who writes that means something else.
  std::array<std::uint8_t, 16> start{};
  for (std::uint32_t bit = 0; bit < made.prefix_bits_; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80 >> (bit % 8));
    start[bit / 8] = static_cast<std::uint8_t>(start[bit / 8] | (made.address_[bit / 8] & mask));
  }
  if (start != made.address_) return refused;
  return made;
}

bool address_block::contains(const io::socket_address& who) const noexcept {
  const io::socket_address peer = who.unmapped();
  if (peer.family() != family_) return false;
  const auto octets = octets_of(peer);
  return octets.empty() || agree(octets.data(), address_.data(), prefix_bits_);
}

}  // namespace sluice::inline v0::net
