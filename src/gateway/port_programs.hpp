// The mode port: a program for each connection. The connection's bytes are its input, its output
// the answer; its end closes the connection after what it wrote, and the connection's end asks it
// to end. Standard error and the environment are the gateway's.
//
// Backpressure is the credit of either side: a program that does not read stops its connection, a
// client that does not read stops its program.
#pragma once

#include <cstdint>
#include <string>

#include <sluice/actor.hpp>
#include <sluice/port.hpp>
#include <sluice/tcp.hpp>

#include "mode.hpp"
#include "pair_table.hpp"

namespace gateway {

struct program_totals {
  std::uint64_t connections = 0;
  std::uint64_t disconnections = 0;
  std::uint64_t failures = 0;     ///< of the disconnections: not in order
  std::uint64_t not_started = 0;  ///< connections whose program could not be started
  std::uint64_t programs = 0;
  std::uint64_t exited = 0;
  std::uint64_t killed = 0;  ///< of these: ended by a signal
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;

  program_totals& operator+=(const program_totals& other) noexcept;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint64_t open_count() const noexcept {
    return connections - disconnections + programs - exited;
  }
};

class program_worker : public sluice::actor<program_worker, report_totals> {
 public:
  program_worker(totals_board<program_totals>* board, std::size_t index,
                 std::vector<std::string> argv)
      : board_(*board), index_(index), totals_(board->own(index)), argv_(std::move(argv)) {}

  void on(const sluice::tcp::connected& there);
  void on(sluice::tcp::data&& message);
  void on(const sluice::tcp::writable&) {}
  void on(const sluice::tcp::read_closed& there) { close_input_of(there.id); }
  /// The program's end closes the connection.
  void on(const sluice::tcp::draining& there) { close_input_of(there.id); }
  void on(const sluice::tcp::disconnected& end);
  void on(const sluice::port::started&) {}
  void on(sluice::port::output&& message);
  void on(const sluice::port::writable&) {}
  void on(const sluice::port::input_lost&) {}
  void on(const sluice::port::exited& end);
  void on(report_totals) { board_.publish(index_); }

 private:
  void close_input_of(sluice::alias connection);

  totals_board<program_totals>& board_;
  std::size_t index_;
  program_totals& totals_;
  std::vector<std::string> argv_;
  pair_table pairs_;  // a connection and its program
};

class port_programs : public mode_of_workers<program_worker, program_totals> {
 public:
  explicit port_programs(const arguments& asked) : asked_(asked), bound_(asked.listen) {}

  [[nodiscard]] std::optional<failure> open(sluice::node& node, std::size_t worker_count) override;
  [[nodiscard]] std::string title() const override;
  void drain(std::chrono::seconds patience) override;

 private:
  const arguments& asked_;
  location bound_;
  sluice::meta_handle<sluice::tcp::server> server_;
};

}  // namespace gateway
