#include "actor/relation_signals.hpp"

#include <cstddef>
#include <new>
#include <utility>

#include "actor/activation.hpp"
#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/delivery.hpp"
#include "actor/life.hpp"
#include "actor/meta_flow.hpp"
#include "actor/process_extension.hpp"
#include "actor/requests.hpp"
#include "actor/suspension.hpp"
#include "actor/system_messages.hpp"
#include "base/assert.hpp"
#include "base/out_of_memory.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

party party_of(const address& who) noexcept { return {who.slot, who.generation}; }

template <class M>
M& told_in(envelope& carried) noexcept {
  return *static_cast<M*>(carried.payload());
}

// The pid or alias of one whose generation has moved on: a process that is closed.
address address_of_ended(const execution& by, const slot& self) noexcept {
  if (is_meta(self)) return own_address(by, self);
  // Relaxed: the owner.
  return pid{by.node.id, self.index, self.generation.load(base::relaxed) - 1};
}

// A handler for M, a catch-all, or what M does without.
template <class M>
void hand_over(slot& self, envelope& carried) {
  if (const invoke_function handler = find_handler(*self.what, message_type_of<M>)) {
    handler(self.object, carried);
  } else {
    unhandled_action<M>(self, carried);
  }
}

// `carried` holds an M from here on, which its handler sees now or when its turn has come (LM2).
// Nothing that was sent before waits in an empty lane. Who waits in a call hears it at once.
template <class M>
void hand_over_in_turn(execution& by, slot& self, envelope& carried) {
  carried.type = &message_type_of<M>;
  if (self.mail.is_empty(priority::main) || is_suspended(self)) {
    return hand_over<M>(self, carried);
  }
  envelope* const later = make_control(by, std::move(told_in<M>(carried)));
  later->to_generation = carried.to_generation;
  later->lane = static_cast<std::uint8_t>(priority::main);
  base::add_single_writer(by.counters.sent, std::uint64_t{1});
  self.mail.put_last(*later);
}

template <class M>
void hand_to_catch_all(slot& self, envelope& carried) {
  const bool was_accepted = (carried.lane & lane_was_accepted) != 0;
  if (!was_accepted && !accept_action<M>(self, told_in<M>(carried))) return;
  if (self.what->catch_all != nullptr) self.what->catch_all(self.object, carried);
}

void want_end(execution& by, slot& self, exit_reason&& reason) noexcept {
  by.ending = std::move(reason);
  self.wants |= wants_exit;
}

// The entry of a link that counts until now, or null.
link_entry* take_broken_link(slot& self, const exit_signal& told) noexcept {
  relations* const known = relations_or_null(self);
  if (known == nullptr) return nullptr;
  link_entry* const entry = known->links.find(party_of(told.from).key());
  if (entry == nullptr) return nullptr;
  const link_state before = std::exchange(entry->state, link_state::none);
  if (before == link_state::linked) return entry;
  if (entry->told_count == 0) known->links.remove(entry);
  return nullptr;
}

void drop_if_empty(relations& known, link_entry& entry) noexcept {
  if (entry.state == link_state::none && entry.told_count == 0) known.links.remove(&entry);
}

bool is_spawner(const relations& known, const address& from) noexcept {
  return from.is_valid() && !from.is_meta && known.spawned_by == party_of(from);
}

void take_exit(execution& by, slot& self, envelope& carried, link_entry* broken) {
  auto& request = told_in<exit_request>(carried);
  exit_signal& told = request.told;
  relations* const known = relations_or_null(self);
  const bool is_kill = request.kind == exit_kind::asked && told.reason.code == exit_code::killed;
  const bool is_order = request.kind == exit_kind::ordered || is_kill ||
                        (known != nullptr && is_spawner(*known, told.from));
  if (!is_order && known != nullptr && known->traps_exit) {
    if (broken != nullptr) {
      told.link = {++known->last_number};
      if (broken->told_count++ == 0) broken->told_from = told.link.number;
    }
    return hand_over_in_turn<exit_signal>(by, self, carried);
  }
  if (broken != nullptr) drop_if_empty(*known, *broken);
  const bool is_ignored =
      told.reason.code == exit_code::normal && told.from != own_address(by, self);
  if (is_order || !is_ignored) want_end(by, self, std::move(told.reason));
}

// Room for so many more may be told; false: the rest of `known` is left.
bool tell_some(execution& by, const address& own, relations& known, std::uint32_t room) noexcept {
  switch (known.told_tables) {
    case 0:
      if (!known.links.step(known.cursor, room, [&](const link_entry& each) {
            if (each.state != link_state::linked) return;
            send_exit(by, static_cast<std::uint32_t>(each.key),
                      static_cast<std::uint32_t>(each.key >> 32), known.ending, exit_kind::link,
                      own);
          })) {
        return false;
      }
      known.cursor = 0;
      known.told_tables = 1;
      [[fallthrough]];
    case 1:
      if (!known.watchers.step(known.cursor, room, [&](const watcher_entry& each) {
            send_control(by, each.who.slot, each.who.generation, priority::system,
                         down_signal{{{each.key}, {}, known.ending}});
          })) {
        return false;
      }
      known.cursor = 0;
      known.told_tables = 2;
      [[fallthrough]];
    default:
      return known.monitors.step(known.cursor, room, [&](const monitor_entry& each) {
        if (each.is_told) return;
        send_control(by, each.of.slot, each.of.generation, priority::urgent,
                     demonitor_request{{each.key}});
      });
  }
}

void run_farewell(sched::work* job, sched::worker& on);

void tell_in_turns(execution& by, slot& self, relations& known) noexcept {
  const address own = address_of_ended(by, self);
  if (by.worker == nullptr) {
    static_cast<void>(tell_some(by, own, known, UINT32_MAX));
  } else if (!tell_some(by, own, known, relations::tell_max)) {  // LM3
    self.job.run = &run_farewell;
    by.worker->schedule_last(&self.job);
    return;
  }
  free_slot(by, self);
}

void run_farewell(sched::work* job, sched::worker& on) {
  slot& self = slot_of(job);
  execution& by = execution_on(on);
  tell_in_turns(by, self, *relations_or_null(self));
  by.end_run_of_sends();
}

}  // namespace

relations* relations_or_null(const slot& self) noexcept {
  const slot_extension* const more = extension_of(self);
  return more == nullptr ? nullptr : more->related.get();
}

relations& make_relations(slot& self) {
  if (relations* const known = relations_or_null(self)) return *known;
  slot_extension* const more = is_meta(self) ? extension_of(self) : &make_extension(self);
  more->related = std::make_unique<relations>();
  return *more->related;
}

bool is_relation_signal(const envelope& carried) noexcept {
  const message_type* const type = carried.type;
  return type == &message_type_of<link_request> || type == &message_type_of<monitor_request> ||
         type == &message_type_of<unlink_request> || type == &message_type_of<demonitor_request>;
}

void handle_exit_request(slot& self, envelope& carried) {
  static_assert(offsetof(exit_request, told) == 0 &&
                payload_offset<exit_request>() == payload_offset<exit_signal>());
  caller from{self};
  execution& by = from.by();
  auto& request = told_in<exit_request>(carried);
  link_entry* broken = nullptr;
  if (request.kind == exit_kind::link) {
    broken = take_broken_link(self, request.told);
    if (broken == nullptr) return;
  }
  if (!is_meta(self)) return take_exit(by, self, carried, broken);
  if (broken != nullptr) return drop_if_empty(*relations_or_null(self), *broken);
  if (!ends_by_itself(self, request.told.reason))
    want_end(by, self, std::move(request.told.reason));
}

void handle_node_stops(slot& self, envelope&) {
  caller from{self};
  relations* const known = relations_or_null(self);
  if (known == nullptr) return;
  known->ending = exit_reason::shutdown();
  static_cast<void>(tell_some(from.by(), own_address(from.by(), self), *known, UINT32_MAX));
  // It lives on, and those that were told know nothing of it any more.
  known->told_tables = 0;
  known->cursor = 0;
}

void handle_link_request(slot& self, envelope& carried) {
  auto& asked = told_in<link_request>(carried);
  const bool is_noted = base::has_memory_for([&] {
    relations& known = make_relations(self);
    link_entry* const entry = known.links.find(asked.from.key());
    if (entry == nullptr) {
      known.links.add({.key = asked.from.key(), .state = link_state::linked});
    } else if (entry->state == link_state::none) {
      entry->state = link_state::linked;
    }
  });
  if (is_noted) return;
  caller from{self};  // As good as nobody there: nothing would ever be told.
  lose_link_request(from.by(), &asked, error_code::out_of_memory);
}

void handle_unlink_request(slot& self, envelope& carried) {
  const auto& asked = told_in<unlink_request>(carried);
  caller from{self};
  relations* const known = relations_or_null(self);
  link_entry* const entry = known == nullptr ? nullptr : known->links.find(asked.from.key());
  if (entry != nullptr && entry->state == link_state::linked) {
    entry->state = link_state::none;
    drop_if_empty(*known, *entry);
  }
  send_control(from.by(), asked.from.slot, asked.from.generation, priority::urgent,
               unlink_done{{self.index, carried.to_generation}, asked.number});
}

void handle_unlink_done(slot& self, envelope& carried) {
  const auto& done = told_in<unlink_done>(carried);
  relations* const known = relations_or_null(self);
  link_entry* const entry = known == nullptr ? nullptr : known->links.find(done.from.key());
  if (entry == nullptr || entry->state != link_state::unlinking) return;
  if (entry->unlink_number != done.number) return;
  entry->state = link_state::none;
  drop_if_empty(*known, *entry);
}

void handle_monitor_request(slot& self, envelope& carried) {
  auto& asked = told_in<monitor_request>(carried);
  const auto note = [&] { make_relations(self).watchers.add({asked.id.number, asked.watcher}); };
  if (base::has_memory_for(note)) return;
  caller from{self};  // As above.
  lose_monitor_request(from.by(), &asked, error_code::out_of_memory);
}

void handle_demonitor_request(slot& self, envelope& carried) {
  relations* const known = relations_or_null(self);
  if (known == nullptr) return;
  watcher_entry* const entry = known->watchers.find(told_in<demonitor_request>(carried).id.number);
  if (entry != nullptr) known->watchers.remove(entry);
}

void handle_down_signal(slot& self, envelope& carried) {
  static_assert(offsetof(down_signal, told) == 0 &&
                payload_offset<down_signal>() == payload_offset<down>());
  caller from{self};
  down& told = told_in<down_signal>(carried).told;
  relations* const known = relations_or_null(self);
  monitor_entry* const entry = known == nullptr ? nullptr : known->monitors.find(told.id.number);
  if (entry == nullptr) return;  // Taken back meanwhile.
  told.who = entry->target;
  entry->is_told = true;
  hand_over_in_turn<down>(from.by(), self, carried);
}

void lose_link_request(execution& by, void* payload, error_code) noexcept {
  const auto& asked = *static_cast<link_request*>(payload);
  address to = pid{by.node.id, asked.to.slot, asked.to.generation};
  to.is_meta = asked.to_is_meta;
  send_exit(by, asked.from.slot, asked.from.generation, {exit_code::no_process, {}},
            exit_kind::link, to);
}

// Two that unlink each other at a time: one that ends then says nothing more of the link.
void lose_unlink_request(execution& by, void* payload, error_code) noexcept {
  const auto& asked = *static_cast<unlink_request*>(payload);
  send_control(by, asked.from.slot, asked.from.generation, priority::urgent,
               unlink_done{asked.to, asked.number});
}

void lose_monitor_request(execution& by, void* payload, error_code) noexcept {
  const auto& asked = *static_cast<monitor_request*>(payload);
  send_control(by, asked.watcher.slot, asked.watcher.generation, priority::system,
               down_signal{{asked.id, {}, {exit_code::no_process, {}}}});
}

bool accept_down(slot& self, const down& told) noexcept {
  relations* const known = relations_or_null(self);
  monitor_entry* const entry = known == nullptr ? nullptr : known->monitors.find(told.id.number);
  if (entry == nullptr || !entry->is_told) return false;
  known->monitors.remove(entry);
  return true;
}

bool accept_exit_signal(slot& self, const exit_signal& told) noexcept {
  if (told.link.number == 0) return true;
  relations* const known = relations_or_null(self);
  link_entry* const entry =
      known == nullptr ? nullptr : known->links.find(party_of(told.from).key());
  if (entry == nullptr || entry->told_count == 0) return false;
  if (told.link.number < entry->told_from) return false;
  --entry->told_count;
  drop_if_empty(*known, *entry);
  return true;
}

void handle_unlisted_down(slot& self, envelope& carried) { hand_to_catch_all<down>(self, carried); }
void handle_unlisted_exit_signal(slot& self, envelope& carried) {
  hand_to_catch_all<exit_signal>(self, carried);
}

namespace {

void forget_link(slot& spawner, slot& child, party born, party parent) noexcept {
  const auto forget = [](slot& at, party other) {
    relations* const known = relations_or_null(at);
    link_entry* const entry = known == nullptr ? nullptr : known->links.find(other.key());
    if (entry != nullptr) known->links.remove(entry);
  };
  forget(spawner, born);
  forget(child, parent);
}

}  // namespace

// The child's side first: it goes with the child. The spawner's: added whole, or not at all.
ref relate_spawned(execution& by, const spawn_order& order, slot* spawner, slot& child) {
  // Relaxed: the owner of both.
  const party born{child.index, child.generation.load(base::relaxed)};
  if (order.link) {
    const party parent{spawner->index, spawner->generation.load(base::relaxed)};
    relations& own = make_relations(child);
    make_relations(*spawner).links.add({.key = born.key(), .state = link_state::linked});
    own.links.add({.key = parent.key(), .state = link_state::linked});  // Its first: has a place.
    own.spawned_by = parent;
  }
  if (!order.monitor) return {};
  const ref id = new_ref(by);
  const party parent{spawner->index,
                     spawner->generation.load(base::relaxed)};  // Relaxed: as above.
  relations& own = make_relations(child);
  base::undo_unless_kept linked{[&]() noexcept { forget_link(*spawner, child, born, parent); }};
  make_relations(*spawner).monitors.add(
      {.key = id.number, .target = pid{by.node.id, born.slot, born.generation}, .of = born});
  linked.keep();
  own.watchers.add({id.number, parent});  // Its first: has a place.
  if (order.monitored_as != nullptr) *order.monitored_as = id;
  return id;
}

void forget_spawned(slot& spawner, slot& child, ref monitored_as) noexcept {
  relations* const of_spawner = relations_or_null(spawner);
  relations* const of_child = relations_or_null(child);
  if (of_spawner == nullptr || of_child == nullptr) return;
  // Relaxed: the owner of both; the child is closed.
  const party parent{spawner.index, spawner.generation.load(base::relaxed)};
  const party born{child.index, child.generation.load(base::relaxed) - 1};
  forget_link(spawner, child, born, parent);
  if (monitor_entry* const entry = of_spawner->monitors.find(monitored_as.number)) {
    of_spawner->monitors.remove(entry);
  }
  if (watcher_entry* const entry = of_child->watchers.find(monitored_as.number)) {
    of_child->watchers.remove(entry);
  }
}

void tell_and_free(execution& by, slot& self, const exit_reason& reason) noexcept {
  relations* const known = relations_or_null(self);
  if (known == nullptr) return free_slot(by, self);
  known->ending = reason;
  tell_in_turns(by, self, *known);
}

void tell_all(execution& by, slot& self, const exit_reason& reason) noexcept {
  relations* const known = relations_or_null(self);
  if (known == nullptr) return;
  known->ending = reason;
  static_cast<void>(tell_some(by, address_of_ended(by, self), *known, UINT32_MAX));
}

void tell_rest(execution& by, slot& self) noexcept {
  tell_in_turns(by, self, *relations_or_null(self));
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
