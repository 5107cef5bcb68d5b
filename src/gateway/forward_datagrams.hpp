// The mode forward over UDP: a session for each peer, with a socket of its own that is connected to
// the target, so that answers find their way back.
//
// A session begins with a peer's first datagram and ends when nothing has passed for the idle time,
// measured in ticks of the worker: up to a second late, never early.
// A peer above sessions_max gets no session until another one has ended; its datagrams are counted
// as lost. One peer's datagrams always reach the same worker.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include <sluice/actor.hpp>
#include <sluice/udp.hpp>

#include "mode.hpp"

namespace gateway {

struct session_totals {
  std::uint64_t sessions = 0;
  std::uint64_t ended = 0;
  std::uint64_t refused = 0;  ///< datagrams of peers that got no session
  std::uint64_t there = 0;    ///< datagrams to the target
  std::uint64_t back = 0;
  std::uint64_t failures = 0;
  std::uint64_t truncated = 0;
  std::uint64_t lost = 0;

  session_totals& operator+=(const session_totals& other) noexcept;
  [[nodiscard]] std::string text() const;
};

struct session_plan {
  sluice::endpoint target;
  std::uint32_t idle_ticks = 60;
  std::uint32_t sessions_max = 0;  ///< of one worker
};

/// A worker to itself, once a second.
struct session_tick {};

class session_worker : public sluice::actor<session_worker, report_totals, session_tick> {
 public:
  session_worker(totals_board<session_totals>* board, std::size_t index, session_plan plan)
      : board_(*board), index_(index), totals_(board->own(index)), plan_(plan) {}

  void on_start() { tick_later(); }
  void on(sluice::udp::datagram&& message);
  void on(const sluice::udp::failed& what) { totals_.failures += what.count; }
  void on(const sluice::udp::closed& end);
  void on(session_tick);
  void on(report_totals) { board_.publish(index_); }

 private:
  struct session {
    sluice::endpoint peer;
    sluice::alias listener;     ///< the socket the peer came to
    std::uint32_t used_at = 0;  ///< a tick
    bool is_ending = false;
  };

  void tick_later();
  void forget_peer_of(const std::pair<const sluice::alias, session>& which);
  [[nodiscard]] sluice::alias find_or_begin(const sluice::udp::datagram& first);

  totals_board<session_totals>& board_;
  std::size_t index_;
  session_totals& totals_;
  session_plan plan_;
  std::uint32_t now_ = 0;
  std::unordered_map<sluice::alias, session> sessions_;          // by the socket to the target
  std::unordered_map<sluice::endpoint, sluice::alias> by_peer_;  // the socket to the target
};

class forward_datagrams : public mode_of_workers<session_worker, session_totals> {
 public:
  explicit forward_datagrams(const arguments& asked) : asked_(asked), bound_(asked.listen) {}

  [[nodiscard]] std::optional<failure> open(sluice::node& node, std::size_t worker_count) override;
  [[nodiscard]] std::string title() const override {
    return "udp forward on " + bound_.text() + " to " + asked_.target.text();
  }
  /// The node's own stages do it: the sockets drain.
  void drain(std::chrono::seconds) override {}

 private:
  const arguments& asked_;
  location bound_;
};

}  // namespace gateway
