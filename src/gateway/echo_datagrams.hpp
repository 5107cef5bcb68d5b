// The mode udp: datagrams go back to their senders.
#pragma once

#include <cstdint>
#include <string>

#include <sluice/actor.hpp>
#include <sluice/udp.hpp>

#include "mode.hpp"

namespace gateway {

struct datagram_totals {
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;
  std::uint64_t failures = 0;  ///< sends and receives that failed, ICMP errors
  std::uint64_t truncated = 0;
  std::uint64_t lost = 0;  ///< told by the sockets at their end: by the kernel, for lack of room

  datagram_totals& operator+=(const datagram_totals& other) noexcept;
  [[nodiscard]] std::string text() const;
};

class datagram_worker : public sluice::actor<datagram_worker, report_totals> {
 public:
  datagram_worker(totals_board<datagram_totals>* board, std::size_t index)
      : board_(*board), index_(index), totals_(board->own(index)) {}

  void on(sluice::udp::datagram&& message) {
    ++totals_.datagrams;
    totals_.bytes += message.bytes.size();
    if (message.truncated) {
      ++totals_.truncated;
      return;
    }
    const sluice::alias socket = message.id;
    send(socket, std::move(message));
  }
  void on(const sluice::udp::failed& what) { totals_.failures += what.count; }
  void on(const sluice::udp::closed& end);
  void on(report_totals) { board_.publish(index_); }

 private:
  totals_board<datagram_totals>& board_;
  std::size_t index_;
  datagram_totals& totals_;
};

class echo_datagrams : public mode_of_workers<datagram_worker, datagram_totals> {
 public:
  explicit echo_datagrams(const arguments& asked) : asked_(asked), bound_(asked.listen) {}

  [[nodiscard]] std::optional<failure> open(sluice::node& node, std::size_t worker_count) override;
  [[nodiscard]] std::string title() const override { return "udp echo on " + bound_.text(); }
  /// The node's own stages do it: the sockets drain.
  void drain(std::chrono::seconds) override {}

 private:
  const arguments& asked_;
  location bound_;
};

}  // namespace gateway
