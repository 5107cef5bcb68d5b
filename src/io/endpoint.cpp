#include "io/endpoint.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/random.h>

#include <charconv>
#include <cstring>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace sluice {
inline namespace v0 {
namespace {

const error refused{error_code::bad_address, 0, "endpoint"};

// Digits only, no sign, no surplus.
[[nodiscard]] bool parse_number(std::string_view text, std::uint32_t limit,
                                std::uint32_t& number) noexcept {
  if (text.empty() || text.size() > 10) return false;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc{} && end == text.data() + text.size() && number <= limit;
}

[[nodiscard]] bool parse_scope(std::string_view text, std::uint32_t& scope) noexcept {
  if (parse_number(text, UINT32_MAX, scope)) return scope != 0;
  char name[IF_NAMESIZE] = {};
  if (text.empty() || text.size() >= sizeof name) return false;
  std::memcpy(name, text.data(), text.size());
  scope = ::if_nametoindex(name);
  return scope != 0;
}

[[nodiscard]] std::uint64_t mixed(std::uint64_t left, std::uint64_t right) noexcept {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

struct hash_seed {
  std::uint64_t words[4];
  hash_seed() noexcept {
    std::uint64_t drawn = 0;
    if (::getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != sizeof drawn) {
      drawn = static_cast<std::uint64_t>(base::now_ns());  // before the system has any: boot
    }
    base::random_source random{drawn};
    for (std::uint64_t& word : words) word = random.next() | 1;
  }
};

}  // namespace

result<endpoint> endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return refused;
  const std::string_view host = text.substr(0, colon);
  const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!has_brackets && host.find(':') != host.npos) return refused;  // IPv6 without a port
  std::uint32_t port = 0;
  if (!parse_number(text.substr(colon + 1), UINT16_MAX, port)) return refused;
  return parse(host, static_cast<std::uint16_t>(port));
}

result<endpoint> endpoint::parse(std::string_view host, std::uint16_t port) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint32_t scope = 0;
  if (const std::size_t percent = host.find('%'); percent != host.npos) {
    if (!parse_scope(host.substr(percent + 1), scope)) return refused;
    host = host.substr(0, percent);
  }
  if (host.substr(0, 5) == "unix:") return refused;
  const auto parsed = io::socket_address::parse(host, port);
  if (!parsed) return parsed.error();
  endpoint made = io::endpoint_of(parsed.value());
  if (scope != 0) {
    if (!made.is_ipv6()) return refused;
    made.words_[5] = scope;
  }
  return made;
}

bool endpoint::is_multicast() const noexcept {
  const auto first = reinterpret_cast<const std::uint8_t*>(&words_[is_ipv6() ? 1 : 0])[0];
  return is_ipv6() ? first == 0xff : is_ipv4() && (first & 0xf0) == 0xe0;
}

std::string endpoint::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_empty()) return "nobody";
  if (is_ipv4()) {
    ::inet_ntop(AF_INET, &words_[0], text, sizeof text);
    return std::string{text} + ":" + std::to_string(port());
  }
  ::inet_ntop(AF_INET6, &words_[1], text, sizeof text);
  std::string made = "[";
  made += text;
  if (words_[5] != 0) made.append("%").append(std::to_string(words_[5]));
  return made.append("]:").append(std::to_string(port()));
}

std::uint64_t endpoint::hash() const noexcept {
  static const hash_seed seed;
  std::uint64_t words[4] = {};
  std::memcpy(words, this, sizeof *this);
  const std::uint64_t head = mixed(words[0] ^ seed.words[0], words[1] ^ seed.words[1]);
  return mixed(head ^ words[2] ^ seed.words[2], words[3] ^ seed.words[3] ^ head);
}

}  // namespace v0
}  // namespace sluice

namespace sluice::inline v0::io {

endpoint endpoint_of(std::span<const std::byte> name) noexcept {
  endpoint made;
  ::sa_family_t family = AF_UNSPEC;
  if (name.size() < sizeof family) return made;
  std::memcpy(&family, name.data(), sizeof family);
  const std::size_t size = family == AF_INET    ? sizeof(::sockaddr_in)
                           : family == AF_INET6 ? sizeof(::sockaddr_in6)
                                                : 0;
  if (size == 0 || name.size() < size) return made;
  // A sockaddr_in ends in padding that need not be zero.
  std::memcpy(&made, name.data(), family == AF_INET ? offsetof(::sockaddr_in, sin_zero) : size);
  if (family == AF_INET6) {
    // The flow label is no part of who somebody is.
    std::memset(reinterpret_cast<std::byte*>(&made) + offsetof(::sockaddr_in6, sin6_flowinfo), 0,
                sizeof(std::uint32_t));
  }
  return made;
}

}  // namespace sluice::inline v0::io
