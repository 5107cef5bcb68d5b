// What the public headers call: finds the execution of the caller and does the work through it.
#include <sluice/context.hpp>

#include <string>

#include "actor/activation.hpp"
#include "actor/caller.hpp"
#include "actor/delivery.hpp"
#include "actor/life.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/process_extension.hpp"
#include "actor/rundown.hpp"
#include "base/assert.hpp"
#include "base/out_of_memory.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

outgoing opened(execution& by, std::uint8_t block, std::size_t bytes) noexcept {
  return {by.make_envelope(block, bytes), send_outcome::full};
}

// An address of another node, or of none: nothing here can reach it.
send_outcome refuse_foreign(execution& by, envelope* carried) noexcept {
  refuse(by, carried, dead_letter::unknown);
  return send_outcome::unknown;
}

[[gnu::always_inline]] inline send_outcome deliver_to(execution& by, envelope* carried, address to,
                                                      priority lane) noexcept {
  if (to.node != by.node.id) [[unlikely]]
    return refuse_foreign(by, carried);
  return by.deliver(carried, to.slot, to.generation, lane);
}

}  // namespace

slot& unbound_slot() noexcept {
  static constinit slot nowhere;
  return nowhere;
}

namespace {

// For whom, and where, an envelope is not at hand.
[[gnu::noinline]] outgoing open_slowly(slot& self, std::uint8_t block, std::size_t bytes) noexcept {
  if (kind_of(self) != slot_kind::blocking_meta) {
    execution* const by = self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
    SLUICE_ASSERT(by != nullptr, "an actor's member was called from outside of its handlers");
    return opened(*by, block, bytes);
  }
  // A start's thread allocates from what is its own, whatever became of the node: post() asks.
  execution* const by = execution_of(self);
  SLUICE_ASSERT(by != nullptr, "a meta's member was called from a thread that is not its own");
  return opened(*by, block, bytes);
}

[[gnu::noinline]] send_outcome post_of_meta(slot& self, envelope* carried, address to,
                                            priority lane) noexcept {
  if (kind_of(self) != slot_kind::blocking_meta) {
    sign(*carried, self);
    execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
    return deliver_to(by, carried, to, lane);
  }
  caller from{self};
  execution& by = from ? from.by() : *execution_of(self);
  sign(*carried, self);
  if (!from) {  // The node went between the two calls.
    refuse(by, carried, dead_letter::stopping);
    return send_outcome::stopping;
  }
  return deliver_to(by, carried, to, lane);
}

}  // namespace

// The common ways of the two have no frame: what is rare is called last.

outgoing open_envelope(slot& self, std::uint8_t block, std::size_t bytes) noexcept {
  // Relaxed: the caller is the owner; of a blocking meta nobody runs the handler flow here.
  execution* const by = self.running_on.load(base::relaxed);
  if (kind_of(self) == slot_kind::process && by != nullptr && block != block_on_heap) [[likely]] {
    if (envelope* const made = by->make_quickly(block)) [[likely]]
      return {made, send_outcome::full};
  }
  return open_slowly(self, block, bytes);
}

send_outcome post(slot& self, envelope* carried, address to, priority lane) noexcept {
  if (kind_of(self) != slot_kind::process) [[unlikely]]
    return post_of_meta(self, carried, to, lane);
  sign_as_process(*carried, self);
  execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  return deliver_to(by, carried, to, lane);
}

send_outcome post_named(slot& self, envelope* carried, std::string_view name,
                        priority lane) noexcept {
  return post(self, carried, find_name(self, name), lane);
}

result<pid> spawn_from(slot& self, const spawn_order& order) noexcept {
  caller from{self};
  if (!from) return error{error_code::stopping, 0, "spawn"};
  return spawn_process(from.by(), order, &self);
}

result<alias> spawn_meta_from(slot& self, const meta_order& order) noexcept {
  caller from{self};
  if (!from) return error{error_code::stopping, 0, "spawn_meta"};
  execution& by = from.by();
  if (!is_meta(self) || order.tie_to_spawner) {
    return spawn_meta(by, order, self, own_generation(self), &self);
  }
  return spawn_meta(by, order, *by.node.slots.find(self.meta->parent_slot),
                    self.meta->parent_generation, &self);
}

result<void> register_name(slot& self, std::string_view name) noexcept {
  caller from{self};
  node_core& node = from.by().node;
  if (name.empty() || name.size() > name_registry::name_bytes_max || self.is_named != 0) {
    return error{error_code::bad_argument, 0, "register_name"};
  }
  from.by().flush_chain();  // X2
  return base::or_out_of_memory("register_name", [&]() -> result<void> {
    if (!node.names.add(name, pid_of(self))) {
      return error{error_code::name_taken, 0, "register_name"};
    }
    self.is_named = 1;
    return {};
  });
}

bool unregister_name(slot& self) noexcept {
  if (self.is_named == 0) return false;
  caller from{self};
  from.by().flush_chain();  // X2
  self.is_named = 0;
  return from.by().node.names.remove(pid_of(self));
}

void want_exit(slot& self, exit_reason reason) noexcept {
  caller from{self};
  if (!from) return;
  execution& by = from.by();
  const bool is_in_handler = by.running == &self && !by.needs_rundown &&
                             (by.current != nullptr || self.state == life::starting);
  if (!is_in_handler) {  // In a start flow: the handler flow ends it, told by mail.
    static_cast<void>(send_exit(by, self.index, own_generation(self), std::move(reason)));
    return;
  }
  by.ending = std::move(reason);
  self.wants |= wants_exit;
}

send_outcome exit_from(slot& self, address to, exit_reason reason) noexcept {
  caller from{self};
  if (!from) return send_outcome::stopping;
  if (to.node != from.by().node.id) return send_outcome::unknown;
  execution& by = from.by();
  return send_exit(by, to.slot, to.generation, std::move(reason), exit_kind::asked,
                   own_address(by, self));
}

namespace {

// Who sent what `by` is handling for `self`.
[[gnu::always_inline]] inline address sender_at(const execution* by, const slot& self) noexcept {
  if (by == nullptr || by->running != &self || by->current == nullptr) return {};
  const envelope& now = *by->current;
  if (now.from_generation == 0) return {};
  if ((now.block & block_from_meta) != 0) {
    return alias{by->node.id, now.from_slot, now.from_generation};
  }
  return pid{by->node.id, now.from_slot, now.from_generation};
}

[[gnu::noinline]] address sender_of_start(const slot& self) noexcept {
  return sender_at(execution_of(self), self);
}

}  // namespace

address sender_of(const slot& self) noexcept {
  if (kind_of(self) == slot_kind::blocking_meta) [[unlikely]]
    return sender_of_start(self);
  return sender_at(self.running_on.load(base::relaxed), self);  // Relaxed: the owner.
}

pid pid_of(const slot& self) noexcept {
  const execution* by = self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  if (by == nullptr) return {};
  return {by->node.id, self.index, self.generation.load(base::relaxed)};
}

alias alias_of(const slot& self) noexcept {
  const execution* const by = execution_of(self);
  if (by == nullptr) return {};
  return {by->node.id, self.index, own_generation(self)};
}

pid parent_of(const slot& self) noexcept {
  const alias own = alias_of(self);
  return {own.node, self.meta->parent_slot, self.meta->parent_generation};
}

pid find_name(slot& self, std::string_view name) noexcept {
  caller from{self};
  return from ? from.by().node.names.find(name) : pid{};
}

gate* gate_of(const slot& self) noexcept {
  const execution* const by = execution_of(self);
  return by == nullptr ? nullptr : by->node.way_in;
}

priority usual_lane_of(const slot& self) noexcept {
  return is_meta(self) ? self.meta->send_priority : priority::main;
}

std::optional<std::string_view> find_variable(const slot& self, std::string_view name) noexcept {
  const slot_extension* const more = extension_of(self);
  if (more != nullptr && more->env != nullptr) return more->env->find(name);
  // A start that its node has left behind has its node's memory left to it.
  const execution* const by = execution_of(self);
  return by == nullptr ? std::nullopt : by->node.env.find(name);
}

// -- through a gate

namespace {

void count_made(execution& by, std::uint64_t amount) noexcept {
  base::add_single_writer(by.counters.envelopes_made, amount);
}

send_outcome post_signed(execution& by, envelope* carried, address to, priority lane) noexcept {
  sign_by_flow(by, *carried);
  return deliver_to(by, carried, to, lane);
}

}  // namespace

outgoing open_envelope(gate* node, std::uint32_t node_id, std::uint8_t block,
                       std::size_t bytes) noexcept {
  if (node == nullptr) return {nullptr, send_outcome::unknown};
  if (execution* const here = own_thread_of(node_id)) return opened(*here, block, bytes);
  foreign_access access{*node, node_id};
  if (!access) return {nullptr, send_outcome::stopping};
  // A stopping node drains, so it takes nothing more from outside.
  const bool is_outside = current_execution() != &access.by();
  if (is_outside && access.by().node.phase() == node_phase::stopping) {
    return {nullptr, send_outcome::stopping};
  }
  const outgoing out = opened(access.by(), block, bytes);
  // Counted as made by post(): the node may go between the two calls, and its books are closed
  // then.
  if (out.carried != nullptr) count_made(access.by(), std::uint64_t{0} - 1);
  return out;
}

send_outcome post(gate* node, envelope* carried, address to, priority lane) noexcept {
  if (execution* const here = own_thread_of(to.node)) return post_signed(*here, carried, to, lane);
  foreign_access access{*node, to.node};
  if (!access) {
    // The node went between the two calls: only the block is left to give back.
    if (carried->type->destroy != nullptr) carried->type->destroy(carried->payload());
    if (carried->block == block_on_heap) {
      ::operator delete (carried, std::align_val_t{64});
    } else {
      mem::this_thread_cache().free(carried, carried->block);
    }
    return send_outcome::stopping;
  }
  count_made(access.by(), 1);
  return post_signed(access.by(), carried, to, lane);
}

send_outcome exit_through(gate* node, address to, exit_reason reason) noexcept {
  if (node == nullptr) return send_outcome::unknown;
  foreign_access access{*node, to.node};
  if (!access) return send_outcome::stopping;
  execution& by = access.by();
  const address from = by.running == nullptr ? address{} : own_address(by, *by.running);
  return send_exit(by, to.slot, to.generation, std::move(reason), exit_kind::asked, from);
}

}  // namespace core

const char* to_string(exit_code code) noexcept {
  switch (code) {
    case exit_code::normal: return "normal";
    case exit_code::shutdown: return "shutdown";
    case exit_code::killed: return "killed";
    case exit_code::exception: return "exception";
    case exit_code::init_failed: return "init_failed";
    case exit_code::parent_exit: return "parent_exit";
    case exit_code::error: return "error";
    case exit_code::no_process: return "no_process";
  }
  return "?";
}

std::string exit_reason::message() const {
  return text.empty() ? std::string{to_string(code)} : std::string{to_string(code)} + ": " + text;
}

}  // namespace v0
}  // namespace sluice
