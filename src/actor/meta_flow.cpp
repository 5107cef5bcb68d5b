#include "actor/meta_flow.hpp"

#include <memory>
#include <new>
#include <utility>

#include "actor/activation.hpp"
#include "actor/blocking_threads.hpp"
#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/delivery.hpp"
#include "actor/life.hpp"
#include "actor/meta_children.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/relation_signals.hpp"
#include "actor/requests.hpp"
#include "actor/rundown.hpp"
#include "actor/send_tap.hpp"
#include "actor/system_messages.hpp"
#include "base/assert.hpp"
#include "base/out_of_memory.hpp"
#include "sched/scheduler.hpp"

namespace sluice::inline v0::core {

namespace {

// Both flows have left: nobody else can reach the meta (F3).
void finish(execution& by, meta_state& meta) noexcept {
  slot& self = meta.self;
  self.running_on.store(&by, base::relaxed);  // Relaxed: the owner stamp; terminate may send.
  run_terminate_hook(by, self, meta.reason);
  destroy_tenant(by, self);
  by.kinds.count_ended(*self.what, meta.reason.code);
  tell_all(by, self, meta.reason);
  child_ended(by, meta);
}

void leave_flow(execution& by, meta_state& meta) noexcept {
  // [MF1] acq_rel: the first leaver's writes happen before the last one's terminate; pairs MF1.
  if (meta.flows.fetch_sub(1, base::acq_rel) == 1) finish(by, meta);
}

// Asks the handler flow to leave too.
void tell_start_is_over(execution& by, meta_state& meta, exit_reason reason) noexcept {
  send_control(by, meta.self.index, meta.generation, priority::urgent,
               start_over{std::move(reason)});
  by.flush_chain();
}

result<sched::worker*> choose_home(node_core& node, execution& by, int wanted_ring) noexcept {
  const std::uint32_t count = node.ring_worker_count;
  if (count == 0) {
    return error{error_code::not_supported, 0, "spawn_meta: this node has no ring"};
  }
  std::uint32_t ring = 0;
  if (wanted_ring >= 0) {
    if (static_cast<std::uint32_t>(wanted_ring) >= count) {
      return error{error_code::bad_argument, 0, "spawn_meta: no such ring"};
    }
    ring = static_cast<std::uint32_t>(wanted_ring);
  } else if (by.worker != nullptr && by.worker->index() >= node.ring_worker_first &&
             by.worker->index() - node.ring_worker_first < count) {
    return by.worker;  // Where the spawner is: its connections stay on its core.
  } else {
    ring = node.next_ring.fetch_add(1, base::relaxed) % count;  // Relaxed: any spread will do.
  }
  return &node.scheduler->worker_at(node.ring_worker_first + ring);
}

// Before anybody knows the alias: undoes what spawn_meta did.
void undo(execution& by, slot& self) noexcept {
  self.state = life::ending;
  close_tenant(by, self);
  destroy_tenant(by, self);
  by.kinds.count_ended(*self.what, exit_code::init_failed);
  delete self.meta;
  free_slot(by, self);
}

}  // namespace

result<alias> spawn_meta(execution& by, const meta_order& order, slot& parent,
                         std::uint32_t parent_generation, const slot* spawner) noexcept {
  by.flush_chain();  // X2
  if (spawner != nullptr && by.node.tap != nullptr) return by.node.tap->spawned_meta(order);
  const auto& what = static_cast<const meta_behaviour&>(*order.what);
  const bool is_io = what.flow == meta_flow::io;
  sched::worker* home = nullptr;
  if (is_io) {
    auto chosen = choose_home(by.node, by, order.ring);
    if (!chosen) return chosen.error();
    home = chosen.value();
  }
  auto made = make_tenant(by, order, is_io ? slot_kind::io_meta : slot_kind::blocking_meta);
  if (!made) return made.error();
  slot& self = *made.value();
  auto state = base::or_out_of_memory("spawn_meta", [&]() -> result<std::unique_ptr<meta_state>> {
    auto fresh = std::make_unique<meta_state>(self, what);
    fresh->env = environment_for(by, spawner, nullptr);
    if (!is_io) fresh->requests = std::make_unique<request_book>();  // Q2
    return fresh;
  });
  if (!state) {
    unmake_tenant(by, self);
    return state.error();
  }
  meta_state* const meta = std::move(state).value().release();
  meta->home = home;
  meta->send_priority = order.send_priority;
  meta->log_level = order.log_level;
  self.meta = meta;
  meta->parent_slot = parent.index;
  meta->parent_generation = parent_generation;
  meta->parent_is_meta = is_meta(parent);  // A hint if it has ended: then this ends too.
  self.job.run = &run_meta;
  self.running_on.store(&by, base::relaxed);  // Relaxed: the owner stamp is a check, not a lock.
  const alias who{by.node.id, self.index, meta->generation};
  base::add_single_writer(by.counters.spawned, std::uint64_t{1});
  by.kinds.count_spawned(*self.what);
  self.box.open();
  exit_reason kept = std::exchange(by.ending, exit_reason{});  // The spawner's, if it is to end.
  const auto begun = run_start_hook(by, self);
  exit_reason wanted = std::exchange(by.ending, std::move(kept));
  if (!begun) {
    undo(by, self);
    return begun.error();
  }
  if ((std::exchange(self.wants, std::uint8_t{0}) & wants_exit) !=
      0) {  // By init: after both flows began.
    static_cast<void>(send_exit(by, self.index, meta->generation, std::move(wanted)));
    by.flush_chain();
  }
  self.state = life::running;
  if (!is_io) {
    meta->has_begun = true;
    meta->stop = std::stop_source{};
    const auto started =
        base::or_out_of_memory("spawn_meta", [&] { return by.node.blocking->start(*meta, order); });
    if (!started) {
      undo(by, self);
      return started.error();
    }
  }
  if (!link_child(parent, parent_generation, *meta)) {
    // Rule 4: the parent is gone, so is this one; what has begun must leave in order.
    meta->link.store(child_link::orphan, base::relaxed);  // Relaxed: never linked, nobody looks.
    if (is_io) meta->flows.store(1, base::relaxed);       // Relaxed: start never began.
    exit_reason of_spawner = std::exchange(by.ending, exit_reason{exit_code::parent_exit, {}});
    leave_handler(by, self);
    by.ending = std::move(of_spawner);
    return error{error_code::unknown_address, 0, "spawn_meta: the parent has ended"};
  }
  self.running_on.store(nullptr, base::relaxed);  // Relaxed: the owner stamp.
  // The first activation begins an I/O meta's start flow, so it is scheduled without mail too.
  if (is_io || !self.box.try_park()) by.schedule(self);
  return who;
}

void begin_if_new(execution& by, slot& self) noexcept {
  meta_state& meta = *self.meta;
  if (meta.has_begun) return;
  meta.has_begun = true;
#if defined(__cpp_exceptions)
  try {
    meta.what.begin(self.object, meta);
  } catch (...) {
    drop_io_flow(meta);  // It may have been made before the throw.
    leave_start(by, meta, reason_of_current_exception(exit_code::exception));
  }
#else
  meta.what.begin(self.object, meta);
#endif
  by.end_run_of_sends();
}

void handle_start_over(slot& self, envelope& carried) {
  caller from{self};
  from.by().ending = std::move(static_cast<start_over*>(carried.payload())->reason);
  self.wants |= wants_exit;
}

bool ends_by_itself(slot& self, const exit_reason& reason) noexcept {
  if (reason.code == exit_code::killed || self.meta->what.drain == nullptr) return false;
  return self.meta->what.drain(self.object, reason);
}

void leave_handler(execution& by, slot& self) noexcept {
  meta_state& meta = *self.meta;
  meta.reason = std::exchange(by.ending, exit_reason{});
  meta.is_stopping = true;
  self.state = life::ending;
  if (meta.reason.code == exit_code::exception) {
    by.node.write_log(log_level::warning, "meta process " + std::string{self.what->name} +
                                              " ended: " + meta.reason.message());
  }
  close_requests(self);  // Before start knows: what it asks from then on is refused.
  if (meta.what.flow == meta_flow::blocking) {
    meta.stop.request_stop();
  } else if (meta.has_begun && meta.what.stop != nullptr) {
    meta.what.stop(self.object, meta.reason);
    by.flush_chain();
  }
  close_tenant(by, self);                         // F1
  self.running_on.store(nullptr, base::relaxed);  // Relaxed: the owner stamp.
  leave_flow(by, meta);
}

void leave_start(execution& by, meta_state& meta, exit_reason reason) noexcept {
  if (by.needs_rundown) {
    // A blocking meta's thread may be late: its node may be gone, and nobody is left to tell.
    const foreign_access access{*by.node.way_in, by.node.id};
    if (access) tell_start_is_over(by, meta, std::move(reason));
  } else {
    tell_start_is_over(by, meta, std::move(reason));
  }
  leave_flow(by, meta);  // F2
  by.flush_chain();      // What the end itself sent.
}

}  // namespace sluice::inline v0::core
