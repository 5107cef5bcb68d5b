// What event.hpp calls: events of a process, and publishing from anywhere.
#include <sluice/event.hpp>

#include <algorithm>
#include <string>

#include "actor/attachments.hpp"
#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/event_directory.hpp"
#include "actor/event_hub.hpp"
#include "actor/life.hpp"
#include "actor/process_extension.hpp"
#include "base/out_of_memory.hpp"

namespace sluice::inline v0::core {

event_record& event_directory::take() {
  const std::lock_guard lock{guard_};
  if (free_.capacity() <= records_.size()) free_.reserve(2 * records_.size() + 1);  // ED1
  if (free_.empty()) return records_.emplace_back();
  event_record* const record = free_.back();
  free_.pop_back();
  return *record;
}

void event_directory::give_back(event_record& record) noexcept {
  const std::lock_guard lock{guard_};  // ED1: there is room for each of them.
  free_.push_back(&record);
}

namespace {

// Takes the value over. `record` is the node's, so the caller is inside of the node.
send_outcome publish_from(execution& by, const event_place& event, event_value* value) noexcept {
  event_record& record = *event.record;
  // Relaxed: a count, and options that are set before the event has a name.
  if (record.unsent.fetch_add(1, base::relaxed) >= record.unsent_max.load(base::relaxed)) {
    record.unsent.fetch_sub(1, base::relaxed);
    value->destroy(value);
    return send_outcome::full;
  }
  publish_order order{value, record};
  constexpr std::size_t bytes = payload_offset<publish_order>() + sizeof(publish_order);
  envelope* const carried = by.make_envelope(block_class_for(bytes), bytes);
  if (carried == nullptr) return send_outcome::full;
  carried->type = &message_type_of<publish_order>;
  leave_unsigned(*carried);
  new (carried->payload()) publish_order(std::move(order));
  return by.deliver(carried, event.who.slot, event.who.generation, priority::main);
}

void tell_hub(execution& by, pid event, const slot& self, const event_kind* how) noexcept {
  // Relaxed: the owner reads its own generation.
  const membership_order order{{self.index, self.generation.load(base::relaxed), how}, event};
  static_cast<void>(send_control(by, event.slot, event.generation, priority::main, order));
}

void end_event(execution& by, pid event, const exit_reason& reason) noexcept {
  by.node.events.names.remove(event);
  static_cast<void>(
      send_control(by, event.slot, event.generation, priority::main, producer_gone{reason}));
}

bool has_ended(const node_core& node, pid event) noexcept {
  const slot* const place = node.slots.find(event.slot);
  // Relaxed: a hint, to forget what is over.
  return place == nullptr || place->generation.load(base::relaxed) != event.generation;
}

bool take_out(std::vector<pid>& from, pid which) noexcept {
  const auto found = std::find(from.begin(), from.end(), which);
  if (found == from.end()) return false;
  *found = from.back();
  from.pop_back();
  return true;
}

// Before it would grow: what has ended needs no place.
void make_room_in(std::vector<pid>& events, const node_core& node) {
  if (events.size() < events.capacity()) return;
  std::erase_if(events, [&node](pid each) { return has_ended(node, each); });
  if (events.size() == events.capacity()) events.reserve(2 * events.size() + 1);
}

result<event_place> make_event(slot& self, execution& by, std::string_view name,
                               const message_type& type, const event_options& options) {
  std::vector<pid>& owned = attachments_of(self).owned_events;
  make_room_in(owned, by.node);
  event_directory& events = by.node.events;
  constexpr error taken{error_code::name_taken, 0, "register_event"};
  if (events.names.find(name).is_valid()) return taken;
  event_record& record = events.take();
  // Relaxed, all three: published with the name.
  record.type.store(&type, base::relaxed);
  record.is_open.store(options.is_open, base::relaxed);
  record.unsent_max.store(std::max(1u, options.unsent_max), base::relaxed);
  auto hub = order_and_spawn<event_hub>(
      spawn_order{}, [&by](const spawn_order& order) { return spawn_process(by, order); }, name,
      pid_of(self), options.buffer, events, record);
  if (!hub) {
    events.give_back(record);
    return hub.error();
  }
  const pid who = hub.value();
  base::undo_unless_kept made{[&]() noexcept {
    static_cast<void>(send_exit(by, who.slot, who.generation, exit_reason::normal()));
  }};
  if (!events.names.add(name, who, reinterpret_cast<std::uintptr_t>(&record))) return taken;
  made.keep();
  owned.push_back(who);
  return event_place{by.node.way_in, who, &record};
}

}  // namespace

result<event_place> register_event(slot& self, std::string_view name, const message_type& type,
                                   const event_options& options) noexcept {
  if (name.empty() || name.size() > name_registry::name_bytes_max) {
    return error{error_code::bad_argument, 0, "register_event"};
  }
  caller from{self};
  return base::or_out_of_memory("register_event",
                                [&] { return make_event(self, from.by(), name, type, options); });
}

bool unregister_event(slot& self, pid event) noexcept {
  attachments* const own = find_attachments(self);
  if (own == nullptr || !take_out(own->owned_events, event)) return false;
  caller from{self};
  end_event(from.by(), event, exit_reason::normal());
  return true;
}

result<pid> subscribe_to(slot& self, const event_place& event, const event_kind& how) noexcept {
  caller from{self};
  execution& by = from.by();
  constexpr error unknown{error_code::unknown_address, 0, "subscribe"};
  if (event.who.node != by.node.id || has_ended(by.node, event.who)) return unknown;
  return base::or_out_of_memory("subscribe", [&]() -> result<pid> {
    std::vector<pid>& heard = attachments_of(self).heard_events;
    if (std::find(heard.begin(), heard.end(), event.who) != heard.end()) return event.who;
    make_room_in(heard, by.node);
    heard.push_back(event.who);
    tell_hub(by, event.who, self, &how);
    return event.who;
  });
}

result<pid> subscribe_by_name(slot& self, std::string_view name, const message_type& type,
                              const event_kind& how) noexcept {
  caller from{self};
  const node_core& node = from.by().node;
  const named found = node.events.names.find_tagged(name);
  if (!found.who.is_valid()) return error{error_code::unknown_address, 0, "subscribe"};
  auto* const record = reinterpret_cast<event_record*>(found.tag);
  // Relaxed: published with the name.
  if (record->type.load(base::relaxed) != &type) {
    return error{error_code::bad_argument, 0, "subscribe: an event of another type"};
  }
  return subscribe_to(self, {node.way_in, found.who, record}, how);
}

bool unsubscribe_from(slot& self, pid event) noexcept {
  attachments* const own = find_attachments(self);
  if (own == nullptr || !take_out(own->heard_events, event)) return false;
  caller from{self};
  tell_hub(from.by(), event, self, nullptr);
  return true;
}

send_outcome publish_value(const event_place& event, event_value* value) noexcept {
  if (value == nullptr) return send_outcome::full;
  if (execution* const here = own_thread_of(event.who.node)) {
    return publish_from(*here, event, value);
  }
  if (event.node == nullptr) {
    value->destroy(value);
    return send_outcome::unknown;
  }
  foreign_access access{*event.node, event.who.node};
  // A stopping node drains, so it takes nothing more from outside.
  const bool is_outside = access && current_execution() != &access.by();
  if (!access || (is_outside && access.by().node.phase() == node_phase::stopping)) {
    value->destroy(value);
    return send_outcome::stopping;
  }
  return publish_from(access.by(), event, value);
}

send_outcome publish_by_name(slot& self, std::string_view name, const message_type& type,
                             event_value* value) noexcept {
  if (value == nullptr) return send_outcome::full;
  caller from{self};
  if (!from) {
    value->destroy(value);
    return send_outcome::stopping;
  }
  const named found = from.by().node.events.names.find_tagged(name);
  auto* const record = reinterpret_cast<event_record*>(found.tag);
  // Relaxed: published with the name.
  if (!found.who.is_valid() || !record->is_open.load(base::relaxed) ||
      record->type.load(base::relaxed) != &type) {
    value->destroy(value);
    return send_outcome::unknown;
  }
  return publish_from(from.by(), {nullptr, found.who, record}, value);
}

void ignore_event_notice(slot&, envelope&) {}

attachments& attachments_of(slot& self) {
  auto& own = make_seldom(self).attached;
  if (own == nullptr) own = std::make_unique<attachments>();
  return *own;
}

attachments* find_attachments(const slot& self) noexcept {
  const seldom_used* const more = seldom_or_null(self);
  return more == nullptr ? nullptr : more->attached.get();
}

void leave_attachments(execution& by, slot& self, const exit_reason& reason) noexcept {
  if (find_attachments(self) == nullptr) return;
  const auto own = std::move(self.extension->seldom->attached);
  for (const pid event : own->owned_events) end_event(by, event, reason);
  for (const pid event : own->heard_events) tell_hub(by, event, self, nullptr);
  // Relaxed: the owner reads its own generation.
  const pid who{by.node.id, self.index, self.generation.load(base::relaxed)};
  for (const std::string& group : own->groups) by.node.groups.leave(group, who);
}

}  // namespace sluice::inline v0::core
