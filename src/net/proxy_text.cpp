// Version 1 of the PROXY protocol:
//   "PROXY TCP4|TCP6 source destination source-port destination-port\r\n", one space between two,
//   or "PROXY UNKNOWN\r\n", where anything may stand before the line's end.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <string>

#include "net/proxy_header.hpp"

namespace sluice::inline v0::net {
namespace {

/// Cuts the next word off the front. False: no word, or the space before the next one is missing.
bool take_word(std::string_view& rest, bool is_last, std::string_view& word) noexcept {
  const std::size_t space = rest.find(' ');
  if ((space == rest.npos) != is_last) return false;
  word = rest.substr(0, space);
  rest.remove_prefix(is_last ? rest.size() : space + 1);
  return !word.empty();
}

/// Decimal digits and nothing else, no zero before others, at most 65535.
bool parse_port(std::string_view word, std::uint16_t& port) noexcept {
  if (word.empty() || word.size() > 5 || (word.size() > 1 && word[0] == '0')) return false;
  std::uint32_t value = 0;
  for (const char digit : word) {
    if (digit < '0' || digit > '9') return false;
    value = value * 10 + static_cast<std::uint32_t>(digit - '0');
  }
  if (value > UINT16_MAX) return false;
  port = static_cast<std::uint16_t>(value);
  return true;
}

/// One to three decimal digits, no zero before others, at most 255, four times.
bool is_inet_text(std::string_view word) noexcept {
  int count = 0;
  while (true) {
    const std::size_t dot = word.find('.');
    const std::string_view part = word.substr(0, dot);
    std::uint16_t value = 0;
    if (!parse_port(part, value) || value > 255) return false;
    ++count;
    if (dot == word.npos) return count == 4;
    word.remove_prefix(dot + 1);
  }
}

/// What inet_pton takes, of the letters an IPv6 address may have (an embedded IPv4 tail among
/// them).
bool is_inet6_text(std::string_view word) noexcept {
  return word.find(':') != word.npos &&
         word.find_first_not_of("0123456789abcdefABCDEF:.") == word.npos;
}

bool parse_address(int family, std::string_view word, std::string_view port_word,
                   io::socket_address& into) noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};
  std::uint16_t port = 0;
  if (word.size() >= text.size() || !parse_port(port_word, port)) return false;
  word.copy(text.data(), word.size());
  if (family == AF_INET) {
    ::sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = htons(port);
    if (!is_inet_text(word) || ::inet_pton(AF_INET, text.data(), &made.sin_addr) != 1) return false;
    into = io::socket_address::from_bytes(std::as_bytes(std::span{&made, 1}));
    return true;
  }
  ::sockaddr_in6 made{};
  made.sin6_family = AF_INET6;
  made.sin6_port = htons(port);
  if (!is_inet6_text(word) || ::inet_pton(AF_INET6, text.data(), &made.sin6_addr) != 1) {
    return false;
  }
  into = io::socket_address::from_bytes(std::as_bytes(std::span{&made, 1}));
  return true;
}

/// "192.0.2.1" or "2001:db8::1", without the port.
std::string address_text(const io::socket_address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.family() == AF_INET) {
    const auto* raw = reinterpret_cast<const ::sockaddr_in*>(address.data());
    ::inet_ntop(AF_INET, &raw->sin_addr, text.data(), text.size());
  } else {
    const auto* raw = reinterpret_cast<const ::sockaddr_in6*>(address.data());
    ::inet_ntop(AF_INET6, &raw->sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace

const char* parse_proxy_text(std::string_view line, proxy_header& into) noexcept {
  constexpr std::string_view end = "\r\n";
  std::string_view rest = line;
  if (!rest.starts_with(proxy_text_signature) || !rest.ends_with(end)) {
    return "a PROXY line begins with PROXY and ends with CRLF";
  }
  rest.remove_prefix(proxy_text_signature.size());
  rest.remove_suffix(end.size());
  into = {};
  into.version = proxy_version::one;
  const std::string_view protocol = rest.substr(0, rest.find(' '));
  if (protocol == "UNKNOWN") return nullptr;
  const int family = protocol == "TCP4" ? AF_INET : protocol == "TCP6" ? AF_INET6 : AF_UNSPEC;
  if (family == AF_UNSPEC) return "a PROXY line names TCP4, TCP6 or UNKNOWN";
  std::string_view words[5];
  for (int i = 0; i < 5; ++i) {
    if (!take_word(rest, i == 4, words[i])) {
      return "a PROXY line has two addresses and two ports, and one space between them";
    }
  }
  if (!parse_address(family, words[1], words[3], into.source) ||
      !parse_address(family, words[2], words[4], into.destination)) {
    return "a PROXY line has an address or a port that is none";
  }
  into.transport = proxy_transport::stream;
  return nullptr;
}

bytes write_proxy_text(const proxy_header& header) {
  const int family = header.source.family();
  if (header.command != proxy_command::proxy || header.transport != proxy_transport::stream ||
      (family != AF_INET && family != AF_INET6) || header.destination.family() != family) {
    return bytes::copy_of("PROXY UNKNOWN\r\n");
  }
  std::string line = family == AF_INET ? "PROXY TCP4 " : "PROXY TCP6 ";
  line.append(address_text(header.source)).append(" ");
  line.append(address_text(header.destination)).append(" ");
  line.append(std::to_string(header.source.port())).append(" ");
  line.append(std::to_string(header.destination.port())).append("\r\n");
  return bytes::copy_of(line);
}

}  // namespace sluice::inline v0::net
