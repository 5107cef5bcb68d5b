#include "option_table.hpp"

#include <charconv>

namespace gateway {

namespace {

using enum mode_name;

constexpr std::uint32_t threads_max = 1024;
constexpr std::uint32_t count_max = 1u << 20;
constexpr std::uint32_t buffers_max = 32768;
constexpr std::uint32_t buffer_bytes_max = 1u << 20;
constexpr std::uint32_t seconds_max = 86400;

std::optional<std::uint32_t> number(std::string_view text, std::uint32_t smallest,
                                    std::uint32_t largest) {
  std::uint32_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return {};
  if (value < smallest || value > largest) return {};
  return value;
}

bool take_number(std::string_view text, std::uint32_t smallest, std::uint32_t largest,
                 std::uint32_t& into) {
  const auto value = number(text, smallest, largest);
  if (value) into = *value;
  return value.has_value();
}

bool take_seconds(std::string_view text, std::chrono::seconds& into) {
  const auto value = number(text, 1, seconds_max);
  if (value) into = std::chrono::seconds{*value};
  return value.has_value();
}

bool take_stream_location(std::string_view text, location& into) {
  auto parsed = parse_location(text);
  if (!parsed || parsed->over == transport::udp) return false;
  into = std::move(*parsed);
  return true;
}

// Each mode says "--listen"; what may follow depends on it.
bool take_listen(std::string_view text, arguments& into) {
  const std::string_view unix_prefix = "unix:";
  const std::string_view udp_prefix = "udp:";
  std::string whole{text};
  if (into.mode == unix_echo && text.substr(0, unix_prefix.size()) != unix_prefix) {
    whole.insert(0, unix_prefix);
  }
  if (into.mode == udp_echo && text.substr(0, udp_prefix.size()) != udp_prefix) {
    whole.insert(0, udp_prefix);
  }
  auto parsed = parse_location(whole);
  if (!parsed) return false;
  if (into.mode == udp_echo && parsed->over != transport::udp) return false;
  if (into.mode == port_program && parsed->over == transport::udp) return false;
  into.listen = std::move(*parsed);
  return true;
}

bool take_target(std::string_view text, arguments& into) {
  auto parsed = parse_location(text);
  if (!parsed || (parsed->over != transport::unix_stream && parsed->port == 0)) return false;
  into.target = std::move(*parsed);
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
    const auto core = number(text.substr(0, comma), 0, 1u << 16);
    if (!core) return false;
    into.pin_list.push_back(static_cast<int>(*core));
    if (comma == text.npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool take_driver(std::string_view text, arguments& into) {
  using sluice::driver_choice;
  if (text == "auto") {
    into.driver = driver_choice::automatic;
  } else if (text == "io_uring") {
    into.driver = driver_choice::io_uring;
  } else if (text == "epoll") {
    into.driver = driver_choice::epoll;
  } else {
    return false;
  }
  return true;
}

bool take_proxy_version(std::string_view text, arguments& into) {
  using sluice::tcp::proxy_version;
  if (text != "v1" && text != "v2") return false;
  into.proxy_send = text == "v1" ? proxy_version::one : proxy_version::two;
  return true;
}

constexpr mode_set everywhere{echo, unix_echo, udp_echo, forward, port_program};
constexpr mode_set with_connections{echo, unix_echo, forward, port_program};

constexpr option options[] = {
    {"--tcp",
     "HOST:PORT",
     {echo},
     false,
     [](std::string_view text, arguments& into) { return take_stream_location(text, into.listen); },
     "where to listen (127.0.0.1:7000); [::1]:7000 for IPv6,\n"
     "unix:/path for a unix socket, port 0 for any free one"},
    {"--listen",
     "WHERE",
     {unix_echo, udp_echo, forward, port_program},
     true,
     take_listen,
     "where to listen: HOST:PORT, [IPv6]:PORT, unix:/path or\n"
     "udp:HOST:PORT, as far as the mode has it; port 0 for any\n"
     "free one"},
    {"--to",
     "WHERE",
     {forward},
     true,
     take_target,
     "the target; names are resolved at each connection"},
    {"--connect-seconds",
     "N",
     {forward},
     false,
     [](std::string_view text, arguments& into) {
       return take_seconds(text, into.connect_time_max);
     },
     "a target that has not answered by then is refused (5)"},
    {"--stall-seconds",
     "N",
     {forward},
     false,
     [](std::string_view text, arguments& into) { return take_seconds(text, into.stall_time_max); },
     "tcp: a side that takes none of the bytes that wait for it for\n"
     "so long is given up, and the other one reset (300)"},
    {"--idle-seconds",
     "N",
     {forward},
     false,
     [](std::string_view text, arguments& into) { return take_seconds(text, into.idle_time_max); },
     "udp: a session without a datagram for so long ends (60)"},
    {"--sockets",
     "N",
     {udp_echo, forward},
     false,
     [](std::string_view text, arguments& into) {
       return take_number(text, 1, threads_max, into.sockets);
     },
     "udp: so many sockets share the port; the kernel spreads the\n"
     "peers over them (1)"},
    {"--sessions-max",
     "N",
     {forward},
     false,
     [](std::string_view text, arguments& into) {
       return take_number(text, 1, count_max, into.sessions_max);
     },
     "udp: peers at a time; above it new ones are dropped (65536)"},
    {"--proxy-accept", "FROM", with_connections, false,
     [](std::string_view text, arguments& into) {
       into.proxy_from.emplace_back(text);
       return !text.empty();
     },
     "peers that speak for others: 10.0.0.0/8, ::1, unix; may be\n"
     "given again. Their connections begin with a PROXY header"},
    {"--proxy-send",
     "v1|v2",
     {forward},
     false,
     take_proxy_version,
     "begin each connection to the target with a PROXY header that\n"
     "names the client"},
    {"--connections-max", "N", with_connections, false,
     [](std::string_view text, arguments& into) {
       return take_number(text, 1, count_max, into.connections_max);
     },
     "accepting pauses at this many"},
    {"--workers", "N", everywhere, false,
     [](std::string_view text, arguments& into) {
       return take_number(text, 1, count_max, into.workers);
     },
     "worker processes; connection i goes to worker i mod N\n"
     "(one a scheduler)"},
    {"--schedulers", "N", everywhere, false,
     [](std::string_view text, arguments& into) {
       return take_number(text, 1, threads_max, into.schedulers);
     },
     "threads that run processes (one a core)"},
    {"--io-threads", "N", everywhere, false,
     [](std::string_view text, arguments& into) {
       return take_number(text, 0, threads_max, into.io_threads);
     },
     "threads that own a ring each; 0 = every scheduler has one (0)"},
    {"--pin", "none|cores|LIST", everywhere, false, take_pin,
     "pin no thread, each to a core of its own, or to the listed\n"
     "cores: schedulers first, then io threads (cores)"},
    {"--driver", "auto|io_uring|epoll", everywhere, false, take_driver,
     "what does the I/O; auto takes io_uring where it is allowed, else\n"
     "epoll, and the start line says why (auto)"},
    {"--ring-buffers", "N", everywhere, false,
     [](std::string_view text, arguments& into) {
       return take_number(text, 1, buffers_max, into.ring_buffers) &&
              (into.ring_buffers & (into.ring_buffers - 1)) == 0;
     },
     "receive buffers of each ring, a power of two (256)"},
    {"--ring-buffer-bytes", "N", everywhere, false,
     [](std::string_view text, arguments& into) {
       return take_number(text, 64, buffer_bytes_max, into.ring_buffer_bytes) &&
              into.ring_buffer_bytes % 64 == 0;
     },
     "the size of each, a multiple of 64 (16384)"},
    {"--status-every", "SECONDS", everywhere, false,
     [](std::string_view text, arguments& into) { return take_seconds(text, into.status_every); },
     "print a status line so often; SIGUSR1 prints one at once"},
};

constexpr mode_entry modes[] = {
    {echo, "echo", "[--tcp HOST:PORT]",
     "a TCP echo service whose bytes go through worker processes"},
    {unix_echo, "unix", "--listen PATH", "the same on a unix stream socket"},
    {udp_echo, "udp", "--listen HOST:PORT", "datagrams go back to their senders"},
    {forward, "forward", "--listen WHERE --to WHERE",
     "hands each connection on to a target; udp: on both sides hands on\n"
     "datagrams, a session for each peer"},
    {port_program, "port", "--listen WHERE -- PROGRAM [ARGUMENT]...",
     "runs a program for each connection: its input and output are the\n"
     "connection's bytes, its end is the connection's"},
};

}  // namespace

std::span<const option> all_options() noexcept { return options; }
std::span<const mode_entry> all_modes() noexcept { return modes; }

const option* find_option(std::string_view name) noexcept {
  for (const option& each : options) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

}  // namespace gateway
