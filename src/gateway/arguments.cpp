#include "arguments.hpp"

#include <charconv>
#include <string_view>

namespace gateway {

namespace {

constexpr std::uint32_t threads_max = 1024;
constexpr std::uint32_t workers_max = 1u << 20;

std::optional<std::uint32_t> number(std::string_view text, std::uint32_t largest) {
  std::uint32_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value > largest) return {};
  return value;
}

// "127.0.0.1:7000", "[::1]:7000", "unix:/path".
bool take_address(std::string_view text, arguments& into) {
  if (text.substr(0, 5) == "unix:") {
    into.host = text;
    into.port = 0;
    return text.size() > 5;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  if (!is_bracketed && host.find_first_of(":[]") != host.npos) return false;
  const auto port = number(text.substr(colon + 1), UINT16_MAX);
  if (!port) return false;
  into.host = is_bracketed ? host.substr(1, host.size() - 2) : host;
  into.port = static_cast<std::uint16_t>(*port);
  return true;
}

bool take_pin(std::string_view text, arguments& into) {
  if (text == "none" || text == "cores") {
    into.pin = text == "none" ? sluice::pinning::never : sluice::pinning::cores;
    return true;
  }
  into.pin = sluice::pinning::list;
  into.pin_list.clear();
  while (true) {
    const std::size_t comma = text.find(',');
    const auto core = number(text.substr(0, comma), 1u << 16);
    if (!core) return false;
    into.pin_list.push_back(static_cast<int>(*core));
    if (comma == text.npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool take_number(std::string_view text, std::uint32_t smallest, std::uint32_t largest,
                 std::uint32_t& into) {
  const auto value = number(text, largest);
  if (!value || *value < smallest) return false;
  into = *value;
  return true;
}

bool take(std::string_view name, std::string_view value, arguments& into) {
  if (name == "--tcp") return take_address(value, into);
  if (name == "--workers") return take_number(value, 1, workers_max, into.workers);
  if (name == "--schedulers") return take_number(value, 1, threads_max, into.schedulers);
  if (name == "--io-threads") return take_number(value, 0, threads_max, into.io_threads);
  return take_pin(value, into);
}

bool is_known(std::string_view name) {
  return name == "--tcp" || name == "--workers" || name == "--schedulers" ||
         name == "--io-threads" || name == "--pin";
}

}  // namespace

std::optional<arguments> parse(int count, const char* const* words, std::string& complaint) {
  arguments into;
  for (int i = 1; i < count; ++i) {
    std::string_view name = words[i];
    if (name == "--help" || name == "-h") {
      into.wants_help = true;
      return into;
    }
    if (name == "--version") {
      into.wants_version = true;
      return into;
    }
    std::optional<std::string_view> value;
    if (const std::size_t equals = name.find('='); equals != name.npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    if (!is_known(name)) {
      complaint = "unknown argument: " + std::string{words[i]};
      return {};
    }
    if (!value && i + 1 < count) value = words[++i];
    if (!value) {
      complaint = std::string{name} + " needs a value";
      return {};
    }
    if (!take(name, *value, into)) {
      complaint = std::string{name} + ": not understood: " + std::string{*value};
      return {};
    }
  }
  return into;
}

const char* help_text() noexcept {
  return "sluice-gateway: a TCP echo service whose bytes go through worker processes\n"
         "\n"
         "  --tcp HOST:PORT      where to listen (127.0.0.1:7000); [::1]:7000 for IPv6,\n"
         "                       unix:/path for a unix socket, port 0 for any free one\n"
         "  --workers N          worker processes; connection i goes to worker i mod N\n"
         "                       (one a scheduler)\n"
         "  --schedulers N       threads that run processes (one a core)\n"
         "  --io-threads N       threads that own a ring each; 0 = every scheduler has one (0)\n"
         "  --pin none|cores|LIST  pin no thread, each to a core of its own, or to the listed\n"
         "                       cores: schedulers first, then io threads (cores)\n"
         "  --help, --version\n"
         "\n"
         "SIGINT or SIGTERM: stop accepting, answer what was read, close, print a summary.\n"
         "Exit status: 0 stopped in order, 1 could not start or stop, 2 arguments not "
         "understood.\n";
}

}  // namespace gateway
