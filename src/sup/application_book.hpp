// application_book: which applications a node knows, which of them run, and what their ends mean.
//
// Who: any thread; a mutex, held briefly. It starts nothing itself: node::start_application does,
// step by step, and the top supervisor (application_root) says when it has ended. Outlives the node
// with whoever holds it.
//
//            begin_start   started    start_failed   begin_stop   ended
//  stopped   starting      -          -              (refused)    -
//  starting  (refused)     running    stopped        (refused)    starting, then stopped!by mode
//  running   (refused)     -          -              stopping     stopped!by mode
//  stopping  (refused)     -          -              stopping     stopped
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/application.hpp>
#include <sluice/exit_reason.hpp>
#include <sluice/result.hpp>

#include "base/clock.hpp"

namespace sluice::inline v0::core {

class application_book {
 public:
  /// Errors: bad_argument (no name, a dependency on itself), name_taken.
  [[nodiscard]] result<void> load(application_spec spec);
  /// Those to be started, in order, so that `name` runs; without those that do. Errors:
  /// unknown_address (it, or a dependency, is not loaded), already_started, bad_argument (a
  /// circle).
  [[nodiscard]] result<std::vector<std::string>> plan_start(std::string_view name) const;
  /// Those to be stopped, in order, so that `name` stops: who depends on it first. Errors:
  /// unknown_address (it does not run).
  [[nodiscard]] result<std::vector<std::string>> plan_stop(std::string_view name) const;

  [[nodiscard]] result<application_spec> begin_start(std::string_view name);
  /// What follows when its top supervisor has started, and may have ended since.
  struct start_outcome {
    bool goes_on = true;  ///< false: all are to stop, so this one, too
    pid next{};           ///< who is to be told to end; names nobody: no one
  };
  [[nodiscard]] start_outcome started(std::string_view name, pid top);
  void start_failed(std::string_view name);
  /// Its top supervisor, and its stop_timeout; a pid that names nobody if it does not run.
  struct stopping_one {
    pid top;
    std::chrono::nanoseconds timeout{};
  };
  [[nodiscard]] stopping_one begin_stop(std::string_view name);
  /// False: the deadline came first.
  [[nodiscard]] bool wait_until_stopped(std::string_view name, base::nanoseconds_t deadline_ns);

  /// Its top supervisor has ended. Who is to be told to end next; names nobody: no one.
  [[nodiscard]] pid ended(std::string_view name, const exit_reason& why);

  /// The first reason stays. Who is to be told to end first.
  pid request_stop(std::string_view why);
  /// The node stops: ends have no consequences from here on.
  void note_node_stops();
  [[nodiscard]] std::optional<std::string> wait_for_stop_request(base::nanoseconds_t deadline_ns);

  [[nodiscard]] std::vector<application_info> list() const;

 private:
  struct record {
    application_spec spec;
    application_state state = application_state::stopped;
    pid top{};
    std::optional<exit_reason> early_end{};  // before started()
  };

  [[nodiscard]] record* find(std::string_view name) noexcept;
  [[nodiscard]] const record* find(std::string_view name) const noexcept;
  [[nodiscard]] result<void> plan(std::string_view name, std::vector<std::string>& path,
                                  std::vector<std::string>& order) const;
  void wait(std::unique_lock<std::mutex>& lock, base::nanoseconds_t deadline_ns);
  void note_end(const record& known, const exit_reason& why);
  [[nodiscard]] pid stop_youngest();

  mutable std::mutex guard_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<record>> records_;  // as they were loaded
  std::vector<record*> running_;                  // in the order of their start
  std::optional<std::string> stop_reason_;
  bool stops_all_ = false;
  bool node_stops_ = false;
};

}  // namespace sluice::inline v0::core
