// stream_clock: the limits of time of one stream, as arithmetic: stamps in, deadlines out.
//
// No timer is touched and no clock read for a message: activity leaves a stamp, and the one timer
// of the stream asks look() when it fires, which answers with what is due or with when to ask
// again. Nothing is due before the deadline that was given last, since stamps only grow. Never
// early.
//
//                 runs from                           while
//  handshake      the start                           until it is done
//  read_idle      the last bytes that came            nobody here holds reading; while a send waits
//                                                     for the peer, from its last progress
//  write_stall    the begin or progress of a send     a send is under way
//                 (what is seen of it: on_taken)
//  keep_alive     the begin or end of the last send   none is
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace sluice::inline v0::io {

/// 0 = none.
struct stream_limits {
  base::nanoseconds_t read_idle_ns = 0;
  base::nanoseconds_t write_stall_ns = 0;
  base::nanoseconds_t handshake_ns = 0;
  base::nanoseconds_t keep_alive_ns = 0;

  [[nodiscard]] bool is_any() const noexcept {
    return (read_idle_ns | write_stall_ns | handshake_ns | keep_alive_ns) != 0;
  }
};

class stream_clock {
 public:
  enum class due : std::uint8_t { nothing, handshake, read_idle, write_stall, keep_alive };
  struct situation {
    bool may_read;    ///< the peer is to blame for silence
    bool is_sending;  ///< a send is under way
  };

  void start(const stream_limits& limits, base::nanoseconds_t now_ns) noexcept {
    limits_ = limits;
    handshake_ns_ = limits.handshake_ns == 0 ? base::no_deadline : now_ns + limits.handshake_ns;
    heard_ns_ = sent_ns_ = now_ns;
  }
  /// Whether a send under way is looked at.
  [[nodiscard]] bool watches_sends() const noexcept {
    return (limits_.write_stall_ns | limits_.read_idle_ns) != 0;
  }

  void on_heard(base::nanoseconds_t now_ns) noexcept { heard_ns_ = now_ns; }
  void on_send(base::nanoseconds_t now_ns) noexcept { sent_ns_ = now_ns; }
  /// To be told before look() while a send is under way: what its peer has taken so far. More than
  /// at the last look counts as progress now, so a stall is told between once and twice its limit.
  void on_taken(std::uint64_t bytes, base::nanoseconds_t now_ns) noexcept {
    if (bytes != taken_bytes_) sent_ns_ = now_ns;
    taken_bytes_ = bytes;
  }
  void finish_handshake() noexcept { handshake_ns_ = base::no_deadline; }

  /// What is due first; `next_ns` is when to look again if it was nothing.
  [[nodiscard]] due look(base::nanoseconds_t now_ns, const situation& there,
                         base::nanoseconds_t& next_ns) noexcept;

 private:
  stream_limits limits_;
  base::nanoseconds_t handshake_ns_ = base::no_deadline;
  base::nanoseconds_t heard_ns_ = 0;
  base::nanoseconds_t sent_ns_ = 0;
  std::uint64_t taken_bytes_ = 0;
};

}  // namespace sluice::inline v0::io
