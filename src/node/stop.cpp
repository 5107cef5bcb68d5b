// The stages of a node's end: stop accepting, drain, trees in order, exit, kill.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <sluice/stop_request.hpp>

#include "actor/control_send.hpp"
#include "actor/life.hpp"
#include "actor/meta_state.hpp"
#include "actor/relation_signals.hpp"
#include "actor/rundown.hpp"
#include "actor/thread_drive.hpp"
#include "base/park.hpp"
#include "node/node_state.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

constexpr base::nanoseconds_t look_first_ns = 100'000;
constexpr base::nanoseconds_t look_again_ns = 5'000'000;
constexpr unsigned quiet_looks = 15;
// Until who was spawned meanwhile is looked for; twice as long each time.
constexpr base::nanoseconds_t ask_again_first_ns = 1'000'000;
// What the last steps may take when the patience is used up.
constexpr base::nanoseconds_t grace_ns = 100'000'000;

std::uint64_t alive(const node_state& state) {
  const message_totals totals = state.core->totals();
  return totals.spawned - totals.ended;
}

// Sleeps until something ended or the deadline passed; also looks by itself, soon at first, since a
// count may be behind its signal.
class patient_look {
 public:
  void wait(node_core& core, base::nanoseconds_t deadline_ns) {
    // [NC2] acquire: what ended is counted; pairs NC1 (note_ended).
    const std::uint32_t seen = core.ended_signal.load(base::acquire);
    const base::nanoseconds_t until_ns = std::min(deadline_ns, base::now_ns() + span_ns_);
    if (!drive_this_thread(until_ns)) base::futex_wait(core.ended_signal, seen, until_ns);
    span_ns_ = std::min(2 * span_ns_, look_again_ns);
  }

 private:
  base::nanoseconds_t span_ns_ = look_first_ns;
};

// Asks tenants of slots to exit, each of them once with one reason.
class exit_round {
 public:
  exit_round(node_state& state, execution& by, exit_reason reason) noexcept
      : state_(state), by_(by), reason_(std::move(reason)) {}

  /// Those that `wanted` picks and that have not been asked yet.
  template <class Wanted>
  void ask(Wanted&& wanted) {
    // Relaxed: set before any stop.
    const slot* const root = state_.core->root.load(base::relaxed);
    state_.core->slots.for_each([&](slot& each) {
      const slot_kind kind = kind_of(each);
      if (kind <= slot_kind::alias || kind == slot_kind::ended_meta || &each == root) return;
      if (!wanted(each)) return;
      // A slot that changed hands meanwhile gets an exit for a past generation: dropped by it, and
      // the next round asks who is there then.
      // Relaxed: as just said, a wrong generation is harmless.
      const std::uint32_t generation = each.generation.load(base::relaxed);
      if (each.index >= asked_.size()) asked_.resize(std::size_t{each.index} + 1, nobody);
      if (asked_[each.index] == generation) return;
      // Refused: its mailbox is not open yet, or closed already.
      if (send_exit(by_, each.index, generation, reason_) == send_outcome::accepted) {
        asked_[each.index] = generation;
      }
    });
  }

  /// Everybody, at least once, until no more than `count` are alive or the deadline has passed. It
  /// looks again for who was spawned meanwhile, by one that had yet to be asked or by a thread of
  /// the host: rarely, since a look goes over all slots.
  void ask_until_alive_is(std::uint64_t count, base::nanoseconds_t deadline_ns) {
    patient_look look;
    base::nanoseconds_t span_ns = ask_again_first_ns;
    base::nanoseconds_t next_ns = 0;
    while (true) {
      if (base::now_ns() >= next_ns) {
        ask([](const slot&) { return true; });
        next_ns = base::now_ns() + span_ns;
        span_ns *= 2;
      }
      if (alive(state_) <= count || base::now_ns() >= deadline_ns) return;
      look.wait(*state_.core, std::min(next_ns, deadline_ns));
    }
  }

 private:
  static constexpr std::uint32_t nobody = 0;  // No tenant has this generation.

  node_state& state_;
  execution& by_;
  const exit_reason reason_;
  std::vector<std::uint32_t> asked_;  // By slot: the generation of who was asked.
};

// An I/O meta that was asked to end and is still there drains: its worker has yet to be told.
bool has_draining(const node_state& state) {
  bool found = false;
  state.core->slots.for_each(
      [&found](const slot& each) { found = found || kind_of(each) == slot_kind::io_meta; });
  return found;
}

// Nothing runs that was asked to end, and no message moves: those left wait on timers or for what
// else their handlers await.
void wait_until_quiet(node_state& state, base::nanoseconds_t deadline_ns) {
  std::uint64_t handled_before = UINT64_MAX;
  unsigned looks_without_progress = 0;
  patient_look look;
  while (base::now_ns() < deadline_ns) {
    const message_totals totals = state.core->totals();
    looks_without_progress = totals.handled == handled_before ? looks_without_progress + 1 : 0;
    // The counts are not of one moment: what fires meanwhile may hide a message once, not twice.
    // And a handler may take its time; after a while what is queued waits for nothing we know.
    const bool is_quiet =
        totals.outstanding() == 0 ||
        (totals.outstanding() == totals.at_rest() && looks_without_progress >= 1) ||
        looks_without_progress >= quiet_looks;
    if (is_quiet && !has_draining(state)) return;
    handled_before = totals.handled;
    look.wait(*state.core, deadline_ns);
  }
}

// Each root of supervision ends its children in order; the next one's turn comes when it has ended.
void stop_trees(node_state& state, execution& by, base::nanoseconds_t deadline_ns) {
  patient_look look;
  for (const pid root : state.core->stops_in_order.in_reverse()) {
    send_control(by, root.slot, root.generation, priority::urgent, stop_request{});
    const slot& place = *state.core->slots.find(root.slot);
    // Relaxed: its counts are looked at later, and the next root by its own mailbox.
    while (place.generation.load(base::relaxed) == root.generation &&
           base::now_ns() < deadline_ns) {
      look.wait(*state.core, deadline_ns);
    }
  }
}

std::string describe(const slot& each) {
  const behaviour* const what = each.what;  // May end meanwhile; descriptions live for ever.
  std::string text{what != nullptr ? what->name : "?"};
  text += is_meta(each) ? " (meta, slot " : " (process, slot ";
  return text + std::to_string(each.index) + ")";
}

}  // namespace

bool is_inside(const node_state& state) noexcept {
  const execution* const here = current_execution();
  return (here != nullptr && &here->node == state.core.get()) || state.way_in.holds_this_thread();
}

std::vector<std::string> stop_everything(node_state& state, base::nanoseconds_t deadline_ns) {
  node_core& core = *state.core;
  foreign_access access{state.way_in, core.id};
  execution& by = access.by();
  const base::nanoseconds_t begin = base::now_ns();
  const base::nanoseconds_t patience = std::max<base::nanoseconds_t>(deadline_ns - begin, 0);

  slot* const root = core.root.load(base::relaxed);  // Relaxed: set before any stop.
  // Relaxed: the root lives until the last step.
  const std::uint32_t root_generation = root->generation.load(base::relaxed);
  send_control(by, root->index, root_generation, priority::urgent, node_stops{});
  // 1. Stop accepting. 2. Drain: connections flush and close, mailboxes empty.
  exit_round{state, by, exit_reason::shutdown()}.ask(
      [](const slot& each) { return is_meta(each); });
  wait_until_quiet(state, begin + patience / 2);
  // 3. What is supervised ends in order, the youngest tree or application first.
  stop_trees(state, by, begin + patience * 3 / 4);
  // 4. Everybody exits.
  exit_round{state, by, exit_reason::shutdown()}.ask_until_alive_is(1, begin + patience * 7 / 8);
  // 5. What is left: killed, between two messages.
  if (alive(state) > 1) {
    exit_round{state, by, exit_reason::killed()}.ask_until_alive_is(1, deadline_ns);
  }
  // The root last: its sweep frees the metas that ended before it. Who was not counted as alive yet
  // when everybody else had ended is asked meanwhile.
  send_exit(by, root->index, root_generation, exit_reason::shutdown());
  exit_round{state, by, exit_reason::shutdown()}.ask_until_alive_is(
      0, std::max(deadline_ns, base::now_ns() + grace_ns));

  std::vector<std::string> left =
      state.blocking->wait_all(std::max(deadline_ns, base::now_ns() + grace_ns));
  const std::uint32_t helpers_left =
      core.helpers.stop(std::max(deadline_ns, base::now_ns() + grace_ns));
  if (helpers_left != 0) {
    left.push_back("offload (" + std::to_string(helpers_left) + " functions under way)");
  }
  if (alive(state) != 0) {
    core.slots.for_each([&](const slot& each) {
      const slot_kind kind = kind_of(each);
      if (kind == slot_kind::process || kind == slot_kind::io_meta) {
        left.push_back(describe(each));
      }
    });
  }
  return left;
}

void sweep_leftovers(node_state& state, exit_code why) noexcept {
  execution by{*state.core, nullptr, mem::this_thread_cache()};
  state.core->attach(by);
  state.core->slots.for_each([&by, why](slot& each) {
    // Born across the stop, or deaf to it; its threads are gone, so this one owns it.
    if (kind_of(each) != slot_kind::process) return;
    if (each.state == life::ending) {  // It had more to tell than time to.
      tell_rest(by, each);
    } else {
      each.running_on.store(&by, base::relaxed);  // Relaxed: the owner stamp; terminate may send.
      end_process(by, each, exit_reason{why, {}});
    }
  });
  state.core->detach(by);
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
