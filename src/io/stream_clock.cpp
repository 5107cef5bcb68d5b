#include "io/stream_clock.hpp"

#include <algorithm>

namespace sluice::inline v0::io {

stream_clock::due stream_clock::look(base::nanoseconds_t now_ns, const situation& there,
                                     base::nanoseconds_t& next_ns) noexcept {
  next_ns = base::no_deadline;
  due first = due::nothing;
  // A limit that does not run now may begin to at any moment from now on.
  const auto consider = [&](due what, base::nanoseconds_t from_ns, base::nanoseconds_t limit_ns) {
    if (limit_ns == 0) return;
    const base::nanoseconds_t at_ns = from_ns + limit_ns;
    if (at_ns <= now_ns && first == due::nothing) first = what;
    next_ns = std::min(next_ns, at_ns);
  };
  if (handshake_ns_ <= now_ns) first = due::handshake;
  next_ns = handshake_ns_;
  if (!there.may_read) heard_ns_ = now_ns;
  consider(due::write_stall, there.is_sending ? sent_ns_ : now_ns, limits_.write_stall_ns);
  consider(due::read_idle, there.is_sending ? std::max(heard_ns_, sent_ns_) : heard_ns_,
           limits_.read_idle_ns);
  consider(due::keep_alive, there.is_sending ? now_ns : sent_ns_, limits_.keep_alive_ns);
  return first;
}

}  // namespace sluice::inline v0::io
