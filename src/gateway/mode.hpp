// mode: what a gateway does between its start and its end.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
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
  /// Before the node is stopped: no new work, and what is under way comes to its end.
  virtual void drain(std::chrono::seconds patience) = 0;
  /// When the node has stopped.
  [[nodiscard]] virtual std::string counted() const = 0;
};

[[nodiscard]] std::unique_ptr<mode> make_mode(const arguments& asked);

/// A mode whose work is done by processes of one type, constructed from (board, index, more…).
/// Totals also have text() and open_count().
template <class Worker, class Totals>
class mode_of_workers : public mode {
 public:
  [[nodiscard]] std::string counted_now() final { return totals_now().text(); }
  [[nodiscard]] std::string counted() const final {
    return board_ ? board_->final_sum().text() : "";
  }

 protected:
  [[nodiscard]] Totals totals_now() {
    board_->expect_reports();
    for (const sluice::handle<Worker>& each : workers_) each.send(report_totals{});
    return board_->sum_of_reports(std::chrono::seconds{1});
  }
  /// Until the workers have seen the end of everything they had seen begin.
  void wait_until_none_is_open(std::chrono::seconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (totals_now().open_count() != 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
  }
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
