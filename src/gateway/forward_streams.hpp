// The mode forward over TCP and unix sockets: for each accepted connection one to the target, and
// what one side says is handed on to the other.
//
//   client                          what the other side gets
//   bytes                           the same bytes object, without a copy
//   half-close                      half-close
//   end, everything sent            close after what is queued
//   reset, any failure              reset
//   the target cannot be reached    reset of the client
// Nobody's memory grows: what one side has not taken yet is charged to the side it was read from,
// which is read no further when read_bytes_max is reached. The write queues' own marks stand above
// that, so a side that does not read never keeps the gateway from reading what it writes.
// At the end of the gateway both sides are read no further; when everything read before has been
// handed on, both are closed.
#pragma once

#include <cstdint>
#include <string>

#include <sluice/actor.hpp>
#include <sluice/tcp.hpp>
#include <sluice/tcp_client.hpp>

#include "mode.hpp"
#include "pair_table.hpp"

namespace gateway {

struct forward_totals {
  std::uint64_t connections = 0;
  std::uint64_t disconnections = 0;
  std::uint64_t failures = 0;     ///< of the disconnections: not in order
  std::uint64_t not_reached = 0;  ///< connections whose target could not be reached
  std::uint64_t messages = 0;
  std::uint64_t bytes_there = 0;  ///< from clients to targets
  std::uint64_t bytes_back = 0;
  std::uint64_t sides_begun = 0;
  std::uint64_t sides_ended = 0;

  forward_totals& operator+=(const forward_totals& other) noexcept;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint64_t open_count() const noexcept { return sides_begun - sides_ended; }
};

/// To a worker: end all pairs in order, and those that still come.
struct end_pairs {};

class forward_worker : public sluice::actor<forward_worker, report_totals, end_pairs> {
 public:
  forward_worker(totals_board<forward_totals>* board, std::size_t index,
                 sluice::tcp::client_options target)
      : board_(*board), index_(index), totals_(board->own(index)), target_(std::move(target)) {}

  void on(const sluice::tcp::connected& there);
  void on(sluice::tcp::data&& message) {
    const pair_side* const from = pairs_.find(message.id);
    // Its other side has ended, and it has been told to.
    if (from == nullptr || from->is_alone) return;
    ++totals_.messages;
    (from->is_accepted ? totals_.bytes_there : totals_.bytes_back) += message.bytes.size();
    send(from->other, std::move(message));
  }
  void on(const sluice::tcp::writable&) {}
  void on(const sluice::tcp::read_closed& there);
  void on(const sluice::tcp::draining& there);
  void on(const sluice::tcp::dropped& there);
  void on(const sluice::tcp::disconnected& end);
  void on(const sluice::tcp::connect_failed& end);
  void on(report_totals) { board_.publish(index_); }
  void on(end_pairs);

 private:
  [[nodiscard]] sluice::tcp::client_options target_for(const sluice::tcp::connected& there) const;
  void reset(sluice::alias side) { exit(side, sluice::exit_reason::killed()); }
  void end_other_side_of(const pair_side& ended, bool is_in_order);

  totals_board<forward_totals>& board_;
  std::size_t index_;
  forward_totals& totals_;
  sluice::tcp::client_options target_;
  pair_table pairs_;
  bool is_ending_ = false;
};

class forward_streams : public mode_of_workers<forward_worker, forward_totals> {
 public:
  explicit forward_streams(const arguments& asked) : asked_(asked), bound_(asked.listen) {}

  [[nodiscard]] std::optional<failure> open(sluice::node& node, std::size_t worker_count) override;
  [[nodiscard]] std::string title() const override;
  void drain(std::chrono::seconds patience) override;

 private:
  const arguments& asked_;
  location bound_;
  sluice::meta_handle<sluice::tcp::server> server_;
};

}  // namespace gateway
