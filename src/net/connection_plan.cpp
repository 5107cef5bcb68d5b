#include "net/connection_plan.hpp"

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

io::stream_options stream_options_of(const tcp::connection_options& asked) noexcept {
  io::stream_options options;
  options.nodelay = asked.nodelay;
  options.write_bytes_high = asked.write_bytes_high;
  options.write_bytes_low = asked.write_bytes_low;
  options.policy = policy_of(asked.policy);
  options.receive.bytes_max = asked.read_bytes_max;
  return options;
}

}  // namespace

result<void> check(const tcp::connection_options& asked) noexcept {
  if (asked.write_bytes_high == 0) return bad("tcp: write_bytes_high");
  if (asked.write_bytes_low > asked.write_bytes_high) return bad("tcp: write_bytes_low");
  if (asked.read_bytes_max == 0) return bad("tcp: read_bytes_max");
  if (asked.flush_time_max.count() < 0) return bad("tcp: flush_time_max");
  return {};
}

connection_plan::connection_plan(const tcp::connection_options& from)
    : asked(from), stream(stream_options_of(from)) {}

}  // namespace sluice::inline v0::net
