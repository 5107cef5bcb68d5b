#include <sluice/node.hpp>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <utility>

#include "actor/activation.hpp"
#include "actor/delayed_send.hpp"
#include "actor/life.hpp"
#include "actor/meta_flow.hpp"
#include "base/assert.hpp"
#include "base/out_of_memory.hpp"
#include "io/driver.hpp"
#include "mem/block_pool.hpp"
#include "node/node_state.hpp"

namespace sluice {
inline namespace v0 {

namespace {

using core::node_phase;
using core::node_state;

// Longer patience is as good as any, and sums of it stay in range.
constexpr base::nanoseconds_t patience_max_ns = 10 * 365 * 24 * 3'600'000'000'000;

// The nodes that had to be left to a start() or a handler that would not end.
constinit base::atomic<node_state*> left_for_ever{nullptr};

// The report has all of them, the log no more than one reads.
void write_left(const core::node_core& core, const std::vector<std::string>& left) {
  constexpr std::size_t lines_max = 20;
  for (std::size_t i = 0; i < std::min(left.size(), lines_max); ++i) {
    core.write_log(core::log_level::error, "node stop: did not end in time: " + left[i]);
  }
  if (left.size() <= lines_max) return;
  core.write_log(core::log_level::error, "node stop: did not end in time: " +
                                             std::to_string(left.size() - lines_max) + " more");
}

void log_to_stderr(log_severity severity, std::string_view text) {
  if (severity < log_severity::warning) return;
  std::fprintf(stderr, "sluice: %.*s\n", static_cast<int>(text.size()), text.data());
}

sched::scheduler_hooks hooks_for(core::node_state& state) {
  sched::scheduler_hooks hooks;
  hooks.on_thread_start = [&state](sched::worker& on) {
    auto& own = state.executions[on.index()];
    own = std::make_unique<core::execution>(*state.core, &on, mem::this_thread_cache());
    state.core->attach(*own);
    on.context = own.get();
    on.settle = &core::settle_lingering;
    on.work_done = &own->counters.handled;
    core::set_current_execution(own.get());
  };
  hooks.on_thread_end = [&state](sched::worker& on) {
    auto& own = state.executions[on.index()];
    core::bury_delayed(*own);
    core::set_current_execution(nullptr);
    state.core->detach(*own);
  };
  hooks.on_idle = [](sched::worker&) {
    mem::this_thread_cache().flush();
    return mem::pool().trim(64) == mem::trim_outcome::more;
  };
  return hooks;
}

std::vector<scheduler_statistics> statistics_of(core::node_state& state) {
  sched::scheduler& scheduler = *state.scheduler;
  std::vector<scheduler_statistics> all;
  for (std::size_t i = 0; i < scheduler.worker_count(); ++i) {
    const sched::worker_statistics& own = scheduler.worker_at(i).statistics();
    // Relaxed: counters.
    all.push_back({own.activations.load(base::relaxed), own.steals.load(base::relaxed),
                   own.parks.load(base::relaxed), own.sentinel_ticks.load(base::relaxed),
                   own.rescued_by_timeout.load(base::relaxed),
                   state.executions[i]->counters.handled.load(base::relaxed),
                   own.wakes.load(base::relaxed), own.polls.load(base::relaxed),
                   std::chrono::nanoseconds{scheduler.worker_at(i).busy_ticks() * 1000 /
                                            base::ticks_per_us()}});
  }
  return all;
}

std::vector<ring_statistics> rings_of(const core::node_core& core, sched::scheduler& scheduler) {
  std::vector<ring_statistics> all;
  for (std::size_t i = 0; i < core.ring_worker_count; ++i) {
    // These workers own drivers of the io layer (plan.cpp), and no others do.
    const auto& own =
        static_cast<const io::driver&>(scheduler.worker_at(core.ring_worker_first + i).parking());
    const io::driver_counters& sums = own.counters();
    // Relaxed: counters.
    all.push_back({sums.submissions.load(base::relaxed), sums.completions.load(base::relaxed),
                   sums.enters.load(base::relaxed), sums.rearms.load(base::relaxed),
                   sums.enobufs.load(base::relaxed), sums.short_sends.load(base::relaxed),
                   sums.overflows.load(base::relaxed), sums.buffers_out.load(base::relaxed)});
  }
  return all;
}

void end_threads(core::node_state& state) noexcept {
  state.stalls.reset();
  if (state.scheduler) static_cast<void>(state.scheduler->stop(base::no_deadline));
  const std::lock_guard threads_lock{state.threads_guard};
  state.scheduler.reset();
  state.core->scheduler = nullptr;
}

result<void> start_threads(core::node_state& state, std::vector<sched::worker_plan>&& plans) {
  core::node_core& core = *state.core;
  const std::lock_guard threads_lock{state.threads_guard};
  state.executions.resize(plans.size());
  state.scheduler = std::make_unique<sched::scheduler>(std::move(plans), hooks_for(state));
  core.scheduler = state.scheduler.get();
  auto started = state.is_stepped ? state.scheduler->start_stepped() : state.scheduler->start();
  if (state.is_stepped) {
    core.budget.ticks_max = UINT64_MAX;    // No real time decides anything.
    core::set_current_execution(nullptr);  // Only while it steps.
  }
  return started;
}

// All of it, or nothing.
result<void> begin(core::node_state& state) {
  core::node_core& core = *state.core;
  auto plans = core::plan_workers(state.options, core, state.start_text);
  if (!plans) return plans.error();
  core.budget.messages_max = std::max(1u, state.options.activation_messages_max);
  core.budget.ticks_max = static_cast<std::uint64_t>(std::max<std::int64_t>(
                              1, state.options.activation_time_max.count())) *
                          base::ticks_per_us();
  base::undo_unless_kept outputs{
      [&core] { static_cast<void>(core.outputs.stop(base::no_deadline)); }};
  if (auto started = core.outputs.start(); !started) return started;
  base::undo_unless_kept threads{[&state]() noexcept { end_threads(state); }};
  if (auto started = start_threads(state, std::move(plans).value()); !started) {
    state.start_text = started.error().message();
    return started;
  }
  if (state.options.stall_min.count() > 0) {
    state.stalls = std::make_unique<core::stall_detector>(
        state, std::chrono::nanoseconds{state.options.stall_min}.count());
    if (!state.stalls->start()) state.stalls.reset();  // A convenience; the node runs without.
  }
  core::foreign_access access{state.way_in, core.id};
  if (!access) return error{error_code::out_of_memory, 0, "node start"};
  auto root = core::spawn_root(access.by());
  if (!root) return root.error();
  core.set_phase(node_phase::running);
  // [ND1] release: the root is there; pairs ND2 (spawn_meta_erased).
  core.root.store(root.value(), base::release);
  threads.keep();
  outputs.keep();
  return {};
}

}  // namespace

node::node(std::string name, node_options options)
    : state_(std::make_unique<core::node_state>(std::move(name), std::move(options))) {
  core::node_core& core = *state_->core;
  core.id = core::gate::next_node_id();
  core.way_in = &state_->way_in;
  core.env = core::environment{{}, state_->options.env};
  core.blocking = state_->blocking.get();
  for (log_output& each : state_->options.log_outputs) core.outputs.add(std::move(each));
  if (state_->options.log || core.outputs.is_empty()) {
    auto log = state_->options.log ? state_->options.log : &log_to_stderr;
    core.log = [log = std::move(log)](core::log_level level, std::string_view text) {
      log(static_cast<log_severity>(level), text);
    };
  }
  state_->way_in.open(core);
}

node::~node() {
  SLUICE_ASSERT(state_->core->phase() == node_phase::stopped || !core::is_inside(*state_),
                "a node is destroyed from inside a handler of its own");
  static_cast<void>(stop(std::chrono::seconds{1}));
  state_->way_in.give_back();
  // Relaxed: stop() has joined whoever counts.
  if (state_->core->quarantined.load(base::relaxed) != 0) {
    // On purpose: a start() or a handler that would not end may still return into these one day.
    node_state* const left = state_.release();
    // [ND3] acq_rel: chains them up, so that a leak checker sees that they are kept; pairs ND3.
    left->left_before = left_for_ever.exchange(left, base::acq_rel);
  }
}

result<void> node::start() {
  core::node_core& core = *state_->core;
  const error too_late{error_code::already_started, 0, "node start"};
  // Also before the lock, which a stop() may hold that waits for this very handler.
  if (core.phase() != node_phase::built) return too_late;
  const std::lock_guard lock{state_->phase_guard};
  if (core.phase() != node_phase::built) return too_late;
  return base::or_out_of_memory("node start", [this] { return begin(*state_); });
}

stop_report node::stop(std::chrono::nanoseconds patience) {
  core::node_core& core = *state_->core;
  stop_report report;
  // Before the lock, which another stop() may hold that waits for this very handler.
  if (core.phase() != node_phase::stopped && core::is_inside(*state_)) {
    request_stop("stop() was called from inside a handler");
    report.not_stopped.push_back("node " + state_->name +
                                 ": stop() from inside a handler cannot wait for it; it was taken "
                                 "as request_stop()");
    core.write_log(core::log_level::error, report.not_stopped.front());
    return report;
  }
  const std::lock_guard lock{state_->phase_guard};
  if (core.phase() == node_phase::stopped) return report;
  const base::nanoseconds_t deadline_ns =
      base::now_ns() + std::clamp<base::nanoseconds_t>(patience.count(), 0, patience_max_ns);
  if (core.phase() == node_phase::running) {
    state_->applications->note_node_stops();
    core.set_phase(node_phase::stopping);
    report.not_stopped = core::stop_everything(*state_, deadline_ns);
  }
  state_->way_in.close();
  core.detach_foreign();
  write_left(core, report.not_stopped);
  state_->stalls.reset();
  if (state_->scheduler) {
    const auto stuck =
        state_->scheduler->stop(std::max(deadline_ns, base::now_ns() + 1'000'000'000));
    {
      const std::lock_guard threads_lock{state_->threads_guard};
      state_->last_statistics = statistics_of(*state_);
      state_->last_rings = rings_of(*state_->core, *state_->scheduler);
      if (stuck.empty()) state_->scheduler.reset();
    }
    if (stuck.empty()) {
      core.scheduler = nullptr;
      // With nobody left before, who is there now was born since, and has not been asked.
      core::sweep_leftovers(*state_, report.is_clean() ? exit_code::shutdown : exit_code::killed);
    }
    for (const std::size_t index : stuck) {  // Left to its handler for ever, with all it may touch.
      core.quarantined.fetch_add(1, base::relaxed);  // Relaxed: a count.
      report.not_stopped.push_back("scheduler " + std::to_string(index) +
                                   ": its handler does not return");
    }
  }
  core.set_phase(node_phase::stopped);
  const std::size_t mute = core.outputs.stop(std::max(deadline_ns, base::now_ns() + 1'000'000'000));
  if (mute != 0) {
    report.not_stopped.push_back(std::to_string(mute) + " log outputs: their sinks do not return");
  }
  return report;
}

result<pid> node::spawn_erased(const core::spawn_order& order) noexcept {
  core::foreign_access access{state_->way_in, state_->core->id};
  if (!access) return error{error_code::stopping, 0, "node spawn"};
  if (state_->core->phase() == node_phase::built) {
    return error{error_code::not_started, 0, "node spawn"};
  }
  return core::spawn_process(access.by(), order);
}

result<alias> node::spawn_meta_erased(const core::meta_order& order) noexcept {
  core::foreign_access access{state_->way_in, state_->core->id};
  if (!access) return error{error_code::stopping, 0, "node spawn_meta"};
  core::node_core& core = *state_->core;
  if (core.phase() == node_phase::built) {
    return error{error_code::not_started, 0, "node spawn_meta"};
  }
  // [ND2] acquire: the root's place; pairs ND1 (start).
  core::slot* const root = core.root.load(base::acquire);
  if (root == nullptr) return error{error_code::not_started, 0, "node spawn_meta"};
  // Relaxed: a root that has ended meanwhile refuses the child.
  const std::uint32_t root_generation = root->generation.load(base::relaxed);
  return core::spawn_meta(access.by(), order, *root, root_generation, nullptr);
}

core::gate* node::way_in() const noexcept { return &state_->way_in; }

pid node::find(std::string_view name) const noexcept { return state_->core->names.find(name); }
std::vector<process_info> node::processes() const {
  const core::node_core& core = *state_->core;
  const core::slot* const root = core.root.load(base::relaxed);  // Relaxed: only compared.
  std::vector<process_info> all;
  core.slots.for_each([&](const core::slot& each) {
    // [ND4] acquire: what the tenant was made with; looked at again below; pairs LF1 (end).
    const std::uint32_t generation = each.generation.load(base::acquire);
    const core::slot_kind kind = core::kind_of(each);
    const core::behaviour* const what = base::load_relaxed(each.what);
    const bool is_process = kind == core::slot_kind::process;
    const bool is_living_meta =
        kind == core::slot_kind::io_meta || kind == core::slot_kind::blocking_meta;
    if ((!is_process && !is_living_meta) || what == nullptr || &each == root) return;
    const pid who{core.id, each.index, generation};
    process_info seen{who, {}, what->name};
    if (is_process) {
      seen.name = core.names.name_of(who);
    } else {
      seen.who = alias{who.node, who.slot, who.generation};
    }
    // Relaxed: a tenant that ended meanwhile is left out.
    if (each.generation.load(base::relaxed) == generation) all.push_back(std::move(seen));
  });
  return all;
}
std::vector<pid> node::group_members(std::string_view name) const {
  return state_->core->groups.members(name);
}
const std::string& node::name() const noexcept { return state_->name; }
std::string node::start_text() const { return state_->start_text; }

message_statistics node::messages() const {
  const core::message_totals totals = state_->core->totals();
  message_statistics sums;
  sums.sent = totals.sent;
  sums.handled = totals.handled;
  sums.rejected = totals.rejected();
  sums.dropped = totals.dropped();
  sums.queued = totals.outstanding();
  sums.timed = totals.timed;
  sums.suspended = totals.suspended;
  sums.unknown = totals.dead[0];
  sums.full = totals.dead[1];
  sums.stopping = totals.dead[2];
  sums.stale = totals.dead[3];
  sums.receiver_ended = totals.dead[4];
  sums.unhandled = totals.dead[5];
  sums.cancelled = totals.dead[6];
  sums.overflowed = totals.dead[7];
  sums.handed_over = totals.handed_over;
  sums.late_completions = totals.late_completions;
  const std::uint64_t alive = totals.spawned - totals.ended;
  const bool has_root =
      state_->core->phase() == node_phase::running || state_->core->phase() == node_phase::stopping;
  sums.alive = has_root && alive != 0 ? alive - 1 : alive;
  return sums;
}

std::vector<scheduler_statistics> node::schedulers() const {
  const std::lock_guard lock{state_->threads_guard};
  return state_->scheduler ? statistics_of(*state_) : state_->last_statistics;
}

std::vector<ring_statistics> node::rings() const {
  const std::lock_guard lock{state_->threads_guard};
  return state_->scheduler ? rings_of(*state_->core, *state_->scheduler) : state_->last_rings;
}

namespace core {

namespace {

// Its links mean the node (monitor_node, link_node): no end of another ends it.
struct root_process : actor<root_process> {
  void on_start() { trap_exit(true); }
};

}  // namespace

result<slot*> spawn_root(execution& by) noexcept {
  auto made = order_and_spawn<root_process>(
      spawn_order{}, [&by](const spawn_order& order) { return spawn_process(by, order); });
  if (!made) return made.error();
  return by.node.slots.find(made.value().slot);
}

}  // namespace core

std::vector<behaviour_statistics> node::behaviours() const {
  const auto ended = [](const core::kind_totals& of, exit_code why) {
    return of.ended[static_cast<unsigned>(why)];
  };
  std::vector<behaviour_statistics> all;
  for (const core::kind_totals& each : state_->core->kinds()) {
    if (each.what == nullptr || each.what == &behaviour_of<core::root_process>::value) continue;
    behaviour_statistics& one = all.emplace_back();
    one.name = each.what->name;
    one.spawned = each.spawned;
    one.normal = ended(each, exit_code::normal);
    one.shutdown = ended(each, exit_code::shutdown);
    one.killed = ended(each, exit_code::killed);
    one.exception = ended(each, exit_code::exception);
    one.init_failed = ended(each, exit_code::init_failed);
    one.parent_exit = ended(each, exit_code::parent_exit);
    one.error = ended(each, exit_code::error) + ended(each, exit_code::no_process);
    one.alive = one.spawned - one.ended();
  }
  std::sort(all.begin(), all.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  return all;
}

}  // namespace v0
}  // namespace sluice
