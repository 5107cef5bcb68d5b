#include "io/stream_options.hpp"

namespace sluice::inline v0::io {

const char* to_string(close_reason reason) noexcept {
  switch (reason) {
    case close_reason::none: return "none";
    case close_reason::closed_by_peer: return "closed_by_peer";
    case close_reason::closed_here: return "closed_here";
    case close_reason::peer_reset: return "peer_reset";
    case close_reason::timed_out: return "timed_out";
    case close_reason::flush_timed_out: return "flush_timed_out";
    case close_reason::write_overflow: return "write_overflow";
    case close_reason::idle: return "idle";
    case close_reason::write_stalled: return "write_stalled";
    case close_reason::handshake_timed_out: return "handshake_timed_out";
    case close_reason::malformed: return "malformed";
    case close_reason::aborted: return "aborted";
    case close_reason::stopping: return "stopping";
    case close_reason::failed: return "failed";
  }
  return "?";
}

}  // namespace sluice::inline v0::io
