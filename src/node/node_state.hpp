// node_state: everything a node owns, in the order in which it must go.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sluice/node.hpp>

#include "actor/blocking_threads.hpp"
#include "actor/node_core.hpp"
#include "actor/rundown.hpp"
#include "node/stall_detector.hpp"
#include "sched/scheduler.hpp"
#include "sup/application_book.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

struct node_state {
  node_state(std::string name_, node_options options_)
      : name(std::move(name_)),
        options(std::move(options_)),
        way_in(gate::acquire()),
        core(std::make_unique<node_core>(options.processes_max)),
        blocking(std::make_unique<blocking_threads>(*core)) {}

  std::string name;
  node_options options;
  std::shared_ptr<application_book> applications = std::make_shared<application_book>();
  std::mutex phase_guard;  // start and stop, for as long as they take
  // The scheduler's coming and going. Held briefly: a handler may look at the threads while a
  // stop() waits for it.
  std::mutex threads_guard;
  std::string start_text;
  gate& way_in;
  // Left to quarantined metas on purpose when there are any (see ~node).
  std::unique_ptr<node_core> core;
  std::unique_ptr<blocking_threads> blocking;
  std::unique_ptr<sched::scheduler> scheduler;
  std::vector<std::unique_ptr<execution>> executions;  // one a worker, made on its thread
  std::unique_ptr<stall_detector> stalls;              // while the threads run, if asked for
  std::vector<scheduler_statistics> last_statistics;   // kept when the threads are gone
  std::vector<ring_statistics> last_rings;             // likewise
  bool is_stepped = false;                             // no threads: the testing layer runs it
  node_state* left_before = nullptr;                   // of those left for ever (see ~node)
};

/// What the testing layer sees of a node.
struct node_access {
  [[nodiscard]] static node_state& state_of(node& of) noexcept { return *of.state_; }
};

/// Builds the workers' plans (threads, pins, drivers); appends what was accepted to `text`.
[[nodiscard]] result<std::vector<sched::worker_plan>> plan_workers(const node_options& options,
                                                                   node_core& core,
                                                                   std::string& text);

/// Whether the calling thread runs a handler of this node, a meta's start flow, or what one of its
/// functions has called back (an on_start within a spawn): the node's end waits for those.
[[nodiscard]] bool is_inside(const node_state& state) noexcept;

/// The root process: parent of what the node itself spawns.
[[nodiscard]] result<slot*> spawn_root(execution& by) noexcept;

/// The stages of stop (DESIGN §5 rule 10). Foreign thread, all workers alive; names who is left.
[[nodiscard]] std::vector<std::string> stop_everything(node_state& state,
                                                       base::nanoseconds_t deadline_ns);

/// After the threads have ended: ends the processes that are still there, on the calling thread.
void sweep_leftovers(node_state& state, exit_code why) noexcept;

}  // namespace core
}  // namespace v0
}  // namespace sluice
