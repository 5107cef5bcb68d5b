// connection_plan: the options of connections, checked, and as the layers below want them.
//
// Made once by who spawns connections and shared by all of them; immutable.
#pragma once

#include <sluice/result.hpp>
#include <sluice/tcp_options.hpp>

#include "io/stream.hpp"

namespace sluice::inline v0::net {

/// bad_argument, and the place names the option.
[[nodiscard]] result<void> check(const tcp::connection_options& asked) noexcept;

struct connection_plan {
  explicit connection_plan(const tcp::connection_options& from);

  tcp::connection_options asked;
  io::stream_options stream;
  bool has_frames;
};

}  // namespace sluice::inline v0::net
