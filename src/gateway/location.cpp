#include "location.hpp"

#include <charconv>

namespace gateway {

namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view udp_prefix = "udp:";

bool has_prefix(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

}  // namespace

std::string location::library_host() const {
  return over == transport::unix_stream ? std::string{unix_prefix} + host : host;
}

std::string location::text() const {
  if (over == transport::unix_stream) return library_host();
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (over == transport::udp ? std::string{udp_prefix} : std::string{}) +
         (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<location> parse_location(std::string_view text) {
  location made;
  if (has_prefix(text, unix_prefix)) {
    made.over = transport::unix_stream;
    made.host = text.substr(unix_prefix.size());
    if (made.host.empty()) return {};
    return made;
  }
  if (has_prefix(text, udp_prefix)) {
    made.over = transport::udp;
    text.remove_prefix(udp_prefix.size());
  }
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return {};
  const std::string_view host = text.substr(0, colon);
  // Brackets stand around an IPv6 address and nowhere else.
  const bool is_bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  const std::string_view name = is_bracketed ? host.substr(1, host.size() - 2) : host;
  if (name.find_first_of("[]") != name.npos) return {};
  if ((name.find(':') != name.npos) != is_bracketed) return {};
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return {};
  made.host = name;
  made.port = *port;
  return made;
}

}  // namespace gateway
