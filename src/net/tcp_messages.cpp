#include <sluice/tcp_messages.hpp>

namespace sluice {
inline namespace v0 {
namespace tcp {

const char* to_string(disconnect_reason reason) noexcept {
  switch (reason) {
    case disconnect_reason::closed_by_peer: return "closed_by_peer";
    case disconnect_reason::closed_here: return "closed_here";
    case disconnect_reason::peer_reset: return "peer_reset";
    case disconnect_reason::timed_out: return "timed_out";
    case disconnect_reason::flush_timed_out: return "flush_timed_out";
    case disconnect_reason::write_overflow: return "write_overflow";
    case disconnect_reason::idle: return "idle";
    case disconnect_reason::write_stalled: return "write_stalled";
    case disconnect_reason::handshake_timed_out: return "handshake_timed_out";
    case disconnect_reason::malformed: return "malformed";
    case disconnect_reason::aborted: return "aborted";
    case disconnect_reason::stopping: return "stopping";
    case disconnect_reason::failed: return "failed";
  }
  return "?";
}

}  // namespace tcp
}  // namespace v0
}  // namespace sluice
