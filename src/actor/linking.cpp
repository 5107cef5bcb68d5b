// What a process calls to link and monitor (sluice/linking.hpp).
#include <sluice/linking.hpp>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/life.hpp"
#include "actor/process_alias.hpp"
#include "actor/relation_signals.hpp"
#include "actor/requests.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

bool is_of(const execution& by, const address& who) noexcept {
  return who.is_valid() && who.node == by.node.id;
}

}  // namespace

address node_address(slot& self) noexcept {
  caller from{self};
  const node_core& node = from.by().node;
  // Relaxed: set once, before most; the root lives as long as all others.
  const slot* const root = node.root.load(base::relaxed);
  if (root == nullptr) return {};
  return pid{node.id, root->index, root->generation.load(base::relaxed)};
}

void link_to(slot& self, address who) {
  caller from{self};
  execution& by = from.by();
  const address own = own_address(by, self);
  who = resolve_alias(by.node, who);
  if (self.state == life::ending || who == own) return;
  if (!is_of(by, who)) {
    static_cast<void>(send_exit(by, self.index, own.generation, {exit_code::no_process, {}},
                                exit_kind::asked, who));
    return;
  }
  relations& known = make_relations(self);
  const party to{who.slot, who.generation};
  link_entry* entry = known.links.find(to.key());
  if (entry != nullptr && entry->state == link_state::linked) return;
  if (entry == nullptr) entry = &known.links.add({.key = to.key()});
  entry->state = link_state::linked;
  send_control(by, to.slot, to.generation, priority::urgent,
               link_request{{self.index, own.generation}, to, who.is_meta});
}

void unlink_from(slot& self, address who) noexcept {
  caller from{self};
  who = resolve_alias(from.by().node, who);
  relations* const known = relations_or_null(self);
  const party to{who.slot, who.generation};
  link_entry* const entry =
      known == nullptr || !is_of(from.by(), who) ? nullptr : known->links.find(to.key());
  if (entry == nullptr) return;
  entry->told_count = 0;
  if (entry->state == link_state::none) return known->links.remove(entry);
  if (entry->state == link_state::unlinking) return;
  entry->state = link_state::unlinking;
  entry->unlink_number = ++known->last_number;
  send_control(from.by(), to.slot, to.generation, priority::urgent,
               unlink_request{{self.index, own_generation(self)}, to, entry->unlink_number});
}

ref monitor_from(slot& self, address who) {
  caller from{self};
  execution& by = from.by();
  const ref id = new_ref(by);
  const address own = own_address(by, self);
  const address whom = resolve_alias(by.node, who);
  if (self.state == life::ending || whom == own) return id;
  const party of{whom.slot, whom.generation};
  const party watcher{self.index, own.generation};
  make_relations(self).monitors.add({.key = id.number, .target = who, .of = of});
  if (is_of(by, who)) {
    send_control(by, of.slot, of.generation, priority::urgent, monitor_request{id, watcher});
  } else {
    send_control(by, watcher.slot, watcher.generation, priority::system,
                 down_signal{{id, {}, {exit_code::no_process, {}}}});
  }
  return id;
}

bool demonitor_from(slot& self, ref id, queued_down what) noexcept {
  caller from{self};
  relations* const known = relations_or_null(self);
  monitor_entry* const entry = known == nullptr ? nullptr : known->monitors.find(id.number);
  if (entry == nullptr) return false;
  const bool is_told = entry->is_told;
  if (is_told && what == queued_down::keep) return false;
  const party of = entry->of;
  known->monitors.remove(entry);
  if (!is_told) {
    send_control(from.by(), of.slot, of.generation, priority::urgent, demonitor_request{id});
  }
  return true;
}

void set_trap_exit(slot& self, bool traps) {
  if (traps || relations_or_null(self) != nullptr) make_relations(self).traps_exit = traps;
}

bool traps_exit(const slot& self) noexcept {
  const relations* const known = relations_or_null(self);
  return known != nullptr && known->traps_exit;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
