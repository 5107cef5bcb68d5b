// The modes echo and unix: what a connection sends goes back to it.
#pragma once

#include <cstdint>
#include <string>

#include <sluice/actor.hpp>
#include <sluice/tcp.hpp>

#include "mode.hpp"

namespace gateway {

struct echo_totals {
  std::uint64_t connections = 0;
  std::uint64_t disconnections = 0;
  std::uint64_t failures = 0;  ///< of the disconnections: reset, timed out, aborted, …
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;

  echo_totals& operator+=(const echo_totals& other) noexcept;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint64_t open_count() const noexcept { return connections - disconnections; }
};

class echo_worker : public sluice::actor<echo_worker, report_totals> {
 public:
  echo_worker(totals_board<echo_totals>* board, std::size_t index)
      : board_(*board), index_(index), totals_(board->own(index)) {}

  void on(const sluice::tcp::connected&) { ++totals_.connections; }
  void on(sluice::tcp::data&& message) {
    ++totals_.messages;
    totals_.bytes += message.bytes.size();
    const sluice::alias peer = message.id;
    send(peer, std::move(message));
  }
  void on(const sluice::tcp::writable&) {}
  void on(const sluice::tcp::disconnected& end);
  void on(report_totals) { board_.publish(index_); }

 private:
  totals_board<echo_totals>& board_;
  std::size_t index_;
  echo_totals& totals_;
};

class echo_streams : public mode_of_workers<echo_worker, echo_totals> {
 public:
  explicit echo_streams(const arguments& asked) : asked_(asked), bound_(asked.listen) {}

  [[nodiscard]] std::optional<failure> open(sluice::node& node, std::size_t worker_count) override;
  [[nodiscard]] std::string title() const override;
  void drain(std::chrono::seconds patience) override;

 private:
  const arguments& asked_;
  location bound_;
  sluice::meta_handle<sluice::tcp::server> server_;
};

/// Whether a connection ended as its users wanted.
[[nodiscard]] bool is_in_order(sluice::tcp::disconnect_reason reason) noexcept;

}  // namespace gateway
