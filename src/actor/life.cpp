#include "actor/life.hpp"

#include <sluice/logging.hpp>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "actor/activation.hpp"
#include "actor/attachments.hpp"
#include "actor/control_send.hpp"
#include "actor/delivery.hpp"
#include "actor/handler_states.hpp"
#include "actor/kept_mail.hpp"
#include "actor/message_stash.hpp"
#include "actor/meta_children.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/process_alias.hpp"
#include "actor/process_extension.hpp"
#include "actor/relation_signals.hpp"
#include "actor/requests.hpp"
#include "actor/room.hpp"
#include "actor/send_tap.hpp"
#include "actor/suspension.hpp"
#include "actor/system_messages.hpp"
#include "base/assert.hpp"
#include "base/out_of_memory.hpp"

namespace sluice::inline v0::core {

namespace {

error limit(const char* place) noexcept { return {error_code::limit_reached, 0, place}; }

void* take_object_memory(execution& by, const behaviour& what) noexcept {
  const std::uint8_t block = block_class_for(what.object_bytes);
  if (block == block_on_heap || what.object_align > payload_align_max) {
    return ::operator new (what.object_bytes, std::align_val_t{what.object_align}, std::nothrow);
  }
  return by.blocks.allocate(block);
}

void give_object_memory(execution& by, const behaviour& what, void* memory) noexcept {
  const std::uint8_t block = block_class_for(what.object_bytes);
  if (block == block_on_heap || what.object_align > payload_align_max) {
    ::operator delete (memory, std::align_val_t{what.object_align});
  } else {
    by.blocks.free(memory, block);
  }
}

// What runs inside another flow (a spawn in a handler) must leave that flow as it was.
class running_scope {
 public:
  running_scope(execution& by, slot& now) noexcept
      : by_(by), before_(by.running), message_before_(by.current) {
    by.running = &now;
    by.current = nullptr;
  }
  running_scope(const running_scope&) = delete;
  running_scope& operator=(const running_scope&) = delete;
  ~running_scope() {
    by_.flush_chain();
    by_.running = before_;
    by_.current = message_before_;
  }

 private:
  execution& by_;
  slot* before_;
  envelope* message_before_;
};

void set_bound(execution& by, slot& self, const spawn_order& order) noexcept {
  std::uint32_t word = std::min(order.mailbox_max, ~bound_flags);
  if (word != 0 && order.overflow == overflow_policy::drop_oldest) word |= bound_drops_oldest;
  if (word != 0 && order.overflow == overflow_policy::fallback) {
    // Relaxed: the owner.
    by.node.fallbacks.set(self.index, self.generation.load(base::relaxed), order.fallback);
    word |= bound_hands_over;
  }
  self.bounded_max.store(word, base::relaxed);  // Relaxed: published with the mailbox.
}

void forget_fallback(execution& by, slot& self) noexcept {
  // Relaxed: the owner set it.
  if ((self.bounded_max.load(base::relaxed) & bound_hands_over) == 0) return;
  by.node.fallbacks.remove(self.index);
}

}  // namespace

exit_reason reason_of_current_exception(exit_code code) noexcept {
#if defined(__cpp_exceptions)
  try {
    throw;
  } catch (const std::exception& why) {
    return {code, why.what()};
  } catch (...) {
    return {code, "an exception of unknown type"};
  }
#else
  return {code, {}};
#endif
}

result<slot*> make_tenant(execution& by, const spawn_order& order, slot_kind kind) noexcept {
  if (!by.node.may_spawn()) return error{error_code::stopping, 0, "spawn"};
  if (order.overflow == overflow_policy::fallback && !order.fallback.is_given()) {
    return error{error_code::bad_argument, 0, "spawn: overflow_policy::fallback needs a fallback"};
  }
  slot* const place = by.node.slots.take(by.free_slots);
  if (place == nullptr) return limit("spawn: processes_max");
  void* const memory = take_object_memory(by, *order.what);
  if (memory == nullptr) {
    by.node.slots.give(by.free_slots, place);
    return error{error_code::out_of_memory, 0, "spawn: object"};
  }
  slot& self = *place;
  self.kind.store(kind, base::relaxed);  // Relaxed: published with the mailbox.
  self.state = life::starting;
  base::store_relaxed(self.what, order.what);  // Relaxed: others look at it for a list.
  self.object = nullptr;
  set_bound(by, self, order);
  self.wants = 0;
  self.is_named = 0;
  begin_children(self);
#if defined(__cpp_exceptions)
  try {
    order.construct(memory, order.arguments, self);
  } catch (...) {
    by.node.write_log(log_level::warning,
                      reason_of_current_exception(exit_code::init_failed).message());
    forget_fallback(by, self);
    give_object_memory(by, *order.what, memory);
    self.kind.store(slot_kind::free, base::relaxed);  // Relaxed: as in make_tenant.
    self.state = life::free;
    by.node.slots.give(by.free_slots, place);
    return error{error_code::init_failed, 0, "constructor"};
  }
#else
  order.construct(memory, order.arguments, self);
#endif
  self.object = memory;
  return place;
}

result<void> run_start_hook(execution& by, slot& self) noexcept {
  if (self.what->start == nullptr) return {};
  const running_scope scope{by, self};
#if defined(__cpp_exceptions)
  try {
    return self.what->start(self.object);
  } catch (...) {
    by.node.write_log(log_level::warning,
                      reason_of_current_exception(exit_code::init_failed).message());
    return error{error_code::init_failed, 0, "on_start threw"};
  }
#else
  return self.what->start(self.object);
#endif
}

// What the hook leaves in by.ending goes to `wanted`: a spawner that has asked for its own end
// keeps its reason.
result<void> start_within_spawn(execution& by, slot& self, exit_reason& wanted) noexcept {
  exit_reason of_spawner = std::exchange(by.ending, exit_reason{});
  result<void> begun = run_start_hook(by, self);
  wanted = std::exchange(by.ending, std::move(of_spawner));
  return begun;
}

shared_environment environment_for(execution& by, const slot* spawner,
                                   const env_variables* changes) {
  const slot_extension* const more = spawner == nullptr ? nullptr : extension_of(*spawner);
  const bool is_of_node = more == nullptr || more->env == nullptr;
  if (is_of_node && (changes == nullptr || changes->empty())) return {};
  return inherit(by.node.env, more == nullptr ? nullptr : more->env, changes);
}

// What a spawn asks for and that needs memory: an environment, relations, a name.
result<void> equip(execution& by, slot& self, const spawn_order& order, slot* spawner,
                   shared_environment&& env, pid who, ref& monitored_as) {
  if (env != nullptr) make_extension(self).env = std::move(env);
  if (order.link || order.monitor) monitored_as = relate_spawned(by, order, spawner, self);
  if (order.name.empty()) return {};
  if (order.name.size() > name_registry::name_bytes_max) {
    return error{error_code::bad_argument, 0, "spawn: name too long"};
  }
  if (!by.node.names.add(order.name, who)) return error{error_code::name_taken, 0, "spawn: name"};
  self.is_named = 1;
  return {};
}

result<pid> spawn_process(execution& by, const spawn_order& order, slot* spawner) noexcept {
  by.flush_chain();  // X2
  if ((order.link || order.monitor) && (spawner == nullptr || is_meta(*spawner))) {
    return error{error_code::bad_argument, 0, "spawn: only a process can link or monitor"};
  }
  if (spawner != nullptr && by.node.tap != nullptr) {
    return by.node.tap->spawned(by, *spawner, order);
  }
  auto env = base::or_out_of_memory("spawn: environment", [&]() -> result<shared_environment> {
    return environment_for(by, spawner, order.env);
  });
  if (!env) return env.error();
  auto made = make_tenant(by, order, slot_kind::process);
  if (!made) return made.error();
  slot& self = *made.value();
  const pid who{by.node.id, self.index, self.generation.load(base::relaxed)};  // Relaxed: owner.
  self.job.run = &run_process;
  if (order.stash_max != stash_max_usually) static_cast<void>(limit_stash(self, order.stash_max));
  if (order.log_level != log_severity::debug) set_log_level(self, order.log_level);
  self.running_on.store(&by, base::relaxed);  // Relaxed: the owner stamp is a check, not a lock.
  base::add_single_writer(by.counters.spawned, std::uint64_t{1});
  by.kinds.count_spawned(*self.what);
  self.box.open();
  ref monitored_as;
  result<void> begun = base::or_out_of_memory("spawn", [&] {
    return equip(by, self, order, spawner, std::move(env).value(), who, monitored_as);
  });
  exit_reason wanted;  // by its on_start
  if (begun && self.what->start != nullptr) begun = start_within_spawn(by, self, wanted);
  if (!begun) {
    if (self.is_named != 0) by.node.names.remove(who);
    self.state = life::ending;
    leave_attachments(by, self, {exit_code::init_failed, {}});
    end_aliases(by, self);
    close_tenant(by, self);
    destroy_tenant(by, self);
    by.kinds.count_ended(*self.what, exit_code::init_failed);
    if (spawner != nullptr) forget_spawned(*spawner, self, monitored_as);
    tell_and_free(by, self, {exit_code::init_failed, begun.error().message()});
    return begun.error();
  }
  if (has_exit_wanted(self)) {  // on_start asked for its own end: it lived, and ends now.
    end_process(by, self, wanted);
    return who;
  }
  self.state = life::running;
  if (order.mail != nullptr) inherit_mail(self, *order.mail);
  const bool has_mail = !self.mail.is_empty();
  self.running_on.store(nullptr, base::relaxed);  // Relaxed: as above.
  if (has_mail || !self.box.try_park()) by.schedule(self);
  return who;
}

void run_terminate_hook(execution& by, slot& self, const exit_reason& reason) noexcept {
  if (self.what->terminate == nullptr) return;
  const running_scope scope{by, self};
#if defined(__cpp_exceptions)
  try {
    self.what->terminate(self.object, reason);
  } catch (...) {
    by.node.write_log(log_level::error,
                      "terminate threw: " + reason_of_current_exception(exit_code::exception).text);
  }
#else
  self.what->terminate(self.object, reason);
#endif
}

void end_process(execution& by, slot& self, const exit_reason& reason) noexcept {
  self.state = life::ending;
  if (by.node.tap != nullptr) by.node.tap->ended(self, reason);
  if (reason.code == exit_code::exception) {
    by.node.write_log(log_level::warning,
                      "process " + std::string{self.what->name} + " ended: " + reason.message());
  }
  if (self.extension != nullptr) {
    close_requests(self);
    close_suspension(by, self);
  }
  if (self.what->terminate != nullptr) run_terminate_hook(by, self, reason);
  if (self.is_named != 0) {
    by.node.names.remove({by.node.id, self.index, self.generation.load(base::relaxed)});
  }
  if (self.extension != nullptr) {  // The hook may have made it.
    leave_attachments(by, self, reason);
    end_aliases(by, self);
  }
  close_tenant(by, self);
  destroy_tenant(by, self);
  by.kinds.count_ended(*self.what, reason.code);
  if (self.extension != nullptr) {  // So may a link or monitor that came at the last moment (LM1).
    tell_and_free(by, self, reason);
  } else {
    free_slot(by, self);
  }
}

void close_tenant(execution& by, slot& self) noexcept {
  const bool has_extension = extension_of(self) != nullptr;
  if (has_extension) {
    close_requests(self);
    if (!is_meta(self)) put_back_stash(self);
  }
  const std::uint32_t generation = self.generation.load(base::relaxed);  // Relaxed: the owner.
  forget_fallback(by, self);
  // [LF1] release: from here a sender finds the old generation gone; pairs EX1
  // (deliver), ND4 (processes).
  self.generation.store(generation + 1, base::release);
  if (is_bounded(self)) tell_all_waiting(by, self);  // RO3
  const std::uint32_t last_children = end_children(self);
  if (envelope* const rest = self.box.close()) self.mail.absorb(rest);
  kept_mail* const heir = has_extension ? heir_of(self) : nullptr;
  while (envelope* const left = self.mail.pop()) {
    const bool is_stale = left->to_generation != generation;
    // Relaxed: a count.
    if ((left->lane & lane_has_credit) != 0) self.bounded_count.fetch_sub(1, base::relaxed);
    if (!is_stale && heir != nullptr && heir->take(*left)) continue;
    if (!is_stale && is_relation_signal(*left)) {  // LM1
      left->type->when_unhandled(self, *left);
      base::add_single_writer(by.counters.handled, std::uint64_t{1});
      by.free_envelope(left);
    } else {
      by.bury(left, is_stale ? dead_letter::stale : dead_letter::receiver_ended);
    }
  }
  tell_children(by, last_children);
}

void destroy_tenant(execution& by, slot& self) noexcept {
  // A destructor is nobody: the slot's generation has moved on, so its members must not act for it.
  slot* const running_before = std::exchange(by.running, nullptr);
  envelope* const message_before = std::exchange(by.current, nullptr);
  self.running_on.store(nullptr, base::relaxed);  // Relaxed: the owner stamp.
  if (extension_of(self) != nullptr) drop_states(self);
  self.what->destroy(self.object);
  give_object_memory(by, *self.what, self.object);
  self.object = nullptr;
  by.running = running_before;
  by.current = message_before;
}

void unmake_tenant(execution& by, slot& self) noexcept {
  forget_fallback(by, self);
  destroy_tenant(by, self);
  release_slot(by, self);
}

void release_slot(execution& by, slot& self) noexcept {
  self.running_on.store(nullptr, base::relaxed);  // Relaxed: the owner stamp.
  self.state = life::free;
  if (!is_meta(self)) delete self.extension;
  self.kind.store(slot_kind::free, base::relaxed);  // Relaxed: as in make_tenant.
  self.meta = nullptr;
  base::store_relaxed<const behaviour*>(self.what, nullptr);  // Relaxed: as in make_tenant.
  // S3: a slot about to wrap is never used again. 0 would name nobody, so it counts as the wrap.
  if (self.generation.load(base::relaxed) != 0) by.node.slots.give(by.free_slots, &self);
}

void free_slot(execution& by, slot& self) noexcept {
  base::add_single_writer(by.counters.ended, std::uint64_t{1});
  release_slot(by, self);
  by.node.note_ended();
}

send_outcome send_exit(execution& by, std::uint32_t to_slot, std::uint32_t to_generation,
                       exit_reason reason, exit_kind kind, address from) noexcept {
  return send_control(by, to_slot, to_generation, priority::urgent,
                      exit_request{{from, std::move(reason)}, kind});
}

}  // namespace sluice::inline v0::core
