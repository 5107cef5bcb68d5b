#include "net/connection_plan.hpp"

#include <variant>

namespace sluice::inline v0::net {

namespace {

error bad(const char* place) noexcept { return {error_code::bad_argument, 0, place}; }

io::write_policy policy_of(tcp::write_policy asked) noexcept {
  switch (asked) {
    case tcp::write_policy::pause_reading: return io::write_policy::pause_reading;
    case tcp::write_policy::drop: return io::write_policy::drop;
    case tcp::write_policy::close: return io::write_policy::close;
  }
  return io::write_policy::close;
}

base::nanoseconds_t ns_of(std::chrono::nanoseconds time) noexcept { return time.count(); }

io::socket_options socket_options_of(const tcp::connection_options& asked) noexcept {
  io::socket_options options;
  options.nodelay = asked.nodelay;
  if (asked.keepalive.enabled) {
    options.keepalive_idle_s = static_cast<std::uint32_t>(asked.keepalive.idle.count());
    options.keepalive_interval_s = static_cast<std::uint32_t>(asked.keepalive.interval.count());
    options.keepalive_count = asked.keepalive.count;
  }
  options.user_timeout_ms = static_cast<std::uint32_t>(asked.user_timeout.count());
  options.receive_buffer_bytes = asked.receive_buffer_bytes;
  options.send_buffer_bytes = asked.send_buffer_bytes;
  return options;
}

io::stream_options stream_options_of(const tcp::connection_options& asked) {
  io::stream_options options;
  options.socket = socket_options_of(asked);
  options.write_bytes_high = asked.write_bytes_high;
  options.write_bytes_low = asked.write_bytes_low;
  options.policy = policy_of(asked.policy);
  options.write_bytes_max = asked.write_bytes_max;
  options.receive.bytes_max = asked.read_bytes_max;
  options.limits.read_idle_ns = ns_of(asked.read_idle_max);
  options.limits.write_stall_ns = ns_of(asked.write_stall_max);
  options.limits.handshake_ns = ns_of(asked.handshake_time_max);
  options.limits.keep_alive_ns = ns_of(asked.keep_alive_after);
  if (!asked.keep_alive_bytes.empty()) options.keep_alive = bytes::copy_of(asked.keep_alive_bytes);
  options.linger_ns = ns_of(asked.linger_time_max);
  return options;
}

// Up to a year, so that no sum of two times overflows.
constexpr std::chrono::milliseconds time_max = std::chrono::hours{24 * 366};

bool is_time(std::chrono::milliseconds asked) noexcept {
  return asked.count() >= 0 && asked <= time_max;
}

// What the kernel takes: 1 to 32767 seconds, 1 to 127 probes.
result<void> check_keepalive(const tcp::keepalive_options& asked) noexcept {
  if (!asked.enabled) return {};
  const auto is_interval = [](std::chrono::seconds time) {
    return time.count() >= 1 && time.count() <= 32'767;
  };
  if (!is_interval(asked.idle)) return bad("tcp: keepalive.idle");
  if (!is_interval(asked.interval)) return bad("tcp: keepalive.interval");
  if (asked.count < 1 || asked.count > 127) return bad("tcp: keepalive.count");
  return {};
}

result<void> check_times(const tcp::connection_options& asked) noexcept {
  if (!is_time(asked.flush_time_max)) return bad("tcp: flush_time_max");
  if (!is_time(asked.user_timeout)) return bad("tcp: user_timeout");
  if (asked.user_timeout.count() > INT32_MAX) return bad("tcp: user_timeout");
  if (!is_time(asked.linger_time_max)) return bad("tcp: linger_time_max");
  if (!is_time(asked.read_idle_max)) return bad("tcp: read_idle_max");
  if (!is_time(asked.write_stall_max)) return bad("tcp: write_stall_max");
  if (!is_time(asked.handshake_time_max)) return bad("tcp: handshake_time_max");
  if (!is_time(asked.keep_alive_after)) return bad("tcp: keep_alive_after");
  if ((asked.keep_alive_after.count() == 0) != asked.keep_alive_bytes.empty()) {
    return bad("tcp: keep_alive_bytes");  // One without the other.
  }
  return {};
}

}  // namespace

result<void> check(const tcp::connection_options& asked) noexcept {
  if (asked.write_bytes_high == 0) return bad("tcp: write_bytes_high");
  if (asked.write_bytes_low > asked.write_bytes_high) return bad("tcp: write_bytes_low");
  if (asked.read_bytes_max == 0) return bad("tcp: read_bytes_max");
  if (asked.write_bytes_max < asked.write_bytes_high) return bad("tcp: write_bytes_max");
  if (asked.receive_buffer_bytes > INT32_MAX / 2) return bad("tcp: receive_buffer_bytes");
  if (asked.send_buffer_bytes > INT32_MAX / 2) return bad("tcp: send_buffer_bytes");
  if (auto checked = sluice::check(asked.framing); !checked) return checked;
  if (auto checked = check_keepalive(asked.keepalive); !checked) return checked;
  return check_times(asked);
}

connection_plan::connection_plan(const tcp::connection_options& from)
    : asked(from),
      stream(stream_options_of(from)),
      has_frames(!std::holds_alternative<frames::none>(from.framing.by)) {}

}  // namespace sluice::inline v0::net
