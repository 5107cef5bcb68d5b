// mode: what a gateway does between its start and its end.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sluice/node.hpp>

#include "arguments.hpp"
#include "totals.hpp"

namespace gateway {

/// What could not be done, and why.
struct failure {
  std::string what;
  std::string why;
};

/// Used by the main thread alone.
class mode {
 public:
  mode() = default;
  mode(const mode&) = delete;
  mode& operator=(const mode&) = delete;
  virtual ~mode() = default;

  /// Spawns workers and listeners on a started node.
  [[nodiscard]] virtual std::optional<failure> open(sluice::node& node,
                                                    std::size_t worker_count) = 0;
  /// For the start line: "tcp echo on 127.0.0.1:7000".
  [[nodiscard]] virtual std::string title() const = 0;
  /// What was counted so far: asks the workers, for a bounded time.
  [[nodiscard]] virtual std::string counted_now() = 0;
  /// Before the node is stopped: lets what is under way come to its end.
  virtual void drain(sluice::node&) {}
  /// When the node has stopped.
  [[nodiscard]] virtual std::string counted() const = 0;
};

[[nodiscard]] std::unique_ptr<mode> make_mode(const arguments& asked);

/// A mode whose work is done by processes of one type, constructed from (board, index, more…).
/// Totals also have text().
template <class Worker, class Totals>
class mode_of_workers : public mode {
 public:
  [[nodiscard]] std::string counted_now() final {
    board_->expect_reports();
    for (const sluice::handle<Worker>& each : workers_) each.send(report_totals{});
    return board_->sum_of_reports(std::chrono::seconds{1}).text();
  }
  [[nodiscard]] std::string counted() const final {
    return board_ ? board_->final_sum().text() : "";
  }

 protected:
  template <class... Arguments>
  [[nodiscard]] std::optional<failure> spawn_workers(sluice::node& node, std::size_t count,
                                                     const Arguments&... arguments) {
    board_ = std::make_unique<totals_board<Totals>>(count);
    for (std::size_t index = 0; index < count; ++index) {
      auto made = node.spawn<Worker>({}, board_.get(), index, arguments...);
      if (!made) return failure{"cannot spawn a worker", made.error().message()};
      workers_.push_back(made.value());
    }
    return {};
  }
  [[nodiscard]] const std::vector<sluice::handle<Worker>>& workers() const noexcept {
    return workers_;
  }

 private:
  std::unique_ptr<totals_board<Totals>> board_;
  std::vector<sluice::handle<Worker>> workers_;
};

}  // namespace gateway
