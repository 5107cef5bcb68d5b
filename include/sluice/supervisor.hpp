// supervisor: a process that starts, restarts and stops others: its children.
//
//   auto top = node.spawn<sluice::supervisor>(
//       {.name = "top"}, sluice::supervisor_options{.strategy = restart_strategy::rest_for_one},
//       sluice::children{sluice::child<database>("db", "host=..."),
//                        sluice::child<web>("web", 8080)});
//   node.call(top.value(), sluice::restart_child{"web"});
//
// Children start within the spawn of the supervisor, in order; the first that does not start fails
// it with that error, and those before it are told to end (they may still be there for a moment).
// They are linked to the supervisor: if it is killed they end as well. A stop_request, and an exit
// that is no kill, stop the children in reverse order first; each has its shutdown_timeout. A
// supervisor that gives up (restart_limit) ends with exit_code::error. A child may be a supervisor,
// a type derived from it, or a pool; its shutdown_timeout should leave its own children time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/actor.hpp>
#include <sluice/child_spec.hpp>
#include <sluice/stop_request.hpp>
#include <sluice/supervision.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// Which child is meant: by its id, or by its pid (of simple children that is the only way).
struct child_name {
  std::string id{};
  pid who{};

  child_name() = default;
  child_name(std::string_view id_) : id(id_) {}
  child_name(const char* id_) : id(id_) {}
  child_name(pid who_) noexcept : who(who_) {}
};

// Requests. Errors: unknown_address (no such child), bad_argument (it is disabled; options that
// contradict each other), already_started, name_taken (the id), stopping, cancelled (stopped again
// meanwhile), and those of its start. Answered when it has been done.

/// Adds a child and starts it; one that does not start is forgotten.
struct add_child {
  using reply = pid;
  child_spec spec;
};
/// Starts a child that is down; of one that waits for its restart the wait is cut short.
struct start_child {
  using reply = pid;
  child_name which;
};
/// Ends it; it stays down until it is started. A temporary or simple child is forgotten.
struct stop_child {
  using reply = void;
  child_name which;
};
/// Ends it and starts it again, which counts as no failure.
struct restart_child {
  using reply = pid;
  child_name which;
};
/// Allows starts again, and starts it.
struct enable_child {
  using reply = pid;
  child_name which;
};
/// Ends it; no start of it succeeds until it is enabled.
struct disable_child {
  using reply = void;
  child_name which;
};
/// Ends and forgets it.
struct delete_child {
  using reply = void;
  child_name which;
};

struct child_info {
  std::string id;
  pid who;  ///< names nobody unless it runs
  child_state state = child_state::down;
  std::uint32_t restarts = 0;
  bool is_supervisor = false;
};
/// In the order of their start.
struct list_children {
  using reply = std::vector<child_info>;
};
struct child_counts {
  std::uint32_t known = 0;
  std::uint32_t running = 0;
  std::uint32_t supervisors = 0;  ///< of known
};
struct count_children {
  using reply = child_counts;
};

namespace core {

/// From the library's timers to itself.
struct child_timer {
  std::uint32_t child;
  std::uint64_t attempt;
};

class child_keeper;
struct free_child_keeper {
  void operator()(child_keeper* keeper) const noexcept;
};
using child_keeper_ptr = std::unique_ptr<child_keeper, free_child_keeper>;

}  // namespace core

class supervisor : public actor<supervisor, add_child, start_child, stop_child, restart_child,
                                enable_child, disable_child, delete_child, list_children,
                                count_children, stop_request, core::child_timer> {
 public:
  using keeps_children = supervisor;

  explicit supervisor(children first);
  supervisor(const supervisor_options& options, children first);
  ~supervisor();

  result<void> on_start();
  void on(const exit_signal& told);
  void on(const stop_request& asked);
  void on(const core::child_timer& fired);
  void on(add_child asked, reply_to<add_child> answer);
  void on(start_child asked, reply_to<start_child> answer);
  void on(stop_child asked, reply_to<stop_child> answer);
  void on(restart_child asked, reply_to<restart_child> answer);
  void on(enable_child asked, reply_to<enable_child> answer);
  void on(disable_child asked, reply_to<disable_child> answer);
  void on(delete_child asked, reply_to<delete_child> answer);
  std::vector<child_info> on(const list_children& asked);
  child_counts on(const count_children& asked);
  void on_inspect(inspect_items& items) const;

 private:
  core::child_keeper_ptr keeper_;
};

}  // namespace v0
}  // namespace sluice
