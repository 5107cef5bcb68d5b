#include "actor/inspecting.hpp"

#include <algorithm>
#include <utility>

#include <sluice/stash.hpp>

#include "actor/attachments.hpp"
#include "actor/caller.hpp"
#include "actor/handler_states.hpp"
#include "actor/meta_children.hpp"
#include "actor/process_extension.hpp"
#include "actor/requests.hpp"
#include "base/clock.hpp"

namespace sluice {
inline namespace v0 {

const char* to_string(flow_state state) noexcept {
  switch (state) {
    case flow_state::absent: return "absent";
    case flow_state::pending: return "pending";
    case flow_state::running: return "running";
    case flow_state::stopping: return "stopping";
    case flow_state::ended: return "ended";
  }
  return "?";
}

namespace core {

namespace {

// By lane, when the oldest message came; UINT64_MAX: there is none, or nobody knows.
struct oldest_ticks {
  std::uint64_t of[lane_count] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
};

// Counts what the owner has not yet taken, but for the message that asks; it came after
// `last_look`.
void count_untaken(const execution& by, const slot& self, inspection& into, std::uint64_t& room,
                   std::uint64_t last_look, oldest_ticks& oldest) noexcept {
  for (const envelope* last = self.box.newest(); last != nullptr; last = last->older) {
    for (const envelope* each = last->next; room != 0; each = each->next) {
      if (each != by.current) {
        const unsigned lane = each->lane & lane_mask;
        ++into.queued[lane];
        --room;
        if (last_look != 0) oldest.of[lane] = std::min(oldest.of[lane], last_look);
      }
      if (each == last) break;
    }
    // A held message is at the bottom.
    if (last == by.current) break;
  }
}

std::chrono::nanoseconds age(std::uint64_t since_ticks, std::uint64_t now_ticks) noexcept {
  if (since_ticks >= now_ticks) return {};
  return std::chrono::nanoseconds{(now_ticks - since_ticks) * 1000 / base::ticks_per_us()};
}

void look_at_mail(const execution& by, const slot& self, inspection& into) noexcept {
  std::uint64_t room = inspection::queued_count_max;
  oldest_ticks oldest;
  for (unsigned lane = 0; lane < lane_count; ++lane) {
    const lane_view seen = self.mail.look_at(lane, room);
    into.queued[lane] = seen.count;
    room -= seen.count;
    // 0: taken before this thread looked at a clock.
    if (seen.oldest_mark != 0) oldest.of[lane] = seen.oldest_mark;
  }
  const std::uint64_t last_look = by.worker == nullptr ? 0 : by.worker->coarse_ticks();
  count_untaken(by, self, into, room, last_look, oldest);
  const std::uint64_t now = base::ticks();
  for (unsigned lane = 0; lane < lane_count; ++lane) {
    into.oldest_ages[lane] = age(oldest.of[lane], now);
    into.oldest_age = std::max(into.oldest_age, into.oldest_ages[lane]);
  }
}

void look_at_meta(const slot& self, inspection& into) noexcept {
  const meta_state& meta = *self.meta;
  into.parent = meta.parent_is_meta
                    ? address{alias{into.who.node, meta.parent_slot, meta.parent_generation}}
                    : address{pid{into.who.node, meta.parent_slot, meta.parent_generation}};
  // Relaxed: counts, and a hint about the other flow.
  const bool has_start_left = meta.flows.load(base::relaxed) < 2;
  into.start = !meta.has_begun    ? flow_state::pending
               : has_start_left   ? flow_state::ended
               : meta.is_stopping ? flow_state::stopping
                                  : flow_state::running;
  into.messages_in = meta.messages_in;
  into.messages_out = meta.messages_out.load(base::relaxed);
  into.up_time = std::chrono::nanoseconds{base::now_ns() - meta.spawned_ns};
}

void look_at_relations(const slot& self, inspection& into) noexcept {
  const slot_extension* const more = extension_of(self);
  if (more == nullptr || more->related == nullptr) return;
  into.links = more->related->links.count();
  into.monitors = more->related->monitors.count();
  into.watchers = more->related->watchers.count();
  const party& parent = more->related->spawned_by;
  if (parent.generation != 0) into.parent = pid{into.who.node, parent.slot, parent.generation};
}

void look_at_process(slot& self, inspection& into) {
  const process_books& books = begin_books(self);
  // Relaxed, all: counts.
  into.messages_in = books.messages_in.load(base::relaxed);
  into.messages_out = books.messages_out.load(base::relaxed);
  into.activations = books.activations.load(base::relaxed);
  into.running =
      std::chrono::nanoseconds{books.busy_ticks.load(base::relaxed) * 1000 / base::ticks_per_us()};
  into.counted_for = std::chrono::nanoseconds{base::now_ns() - books.since_ns};
  into.stashed = count_stashed(self);
  into.aliases = self.extension->seldom->aliases.size();
  if (const attachments* const own = find_attachments(self)) {
    into.events_owned = own->owned_events.size();
    into.events_heard = own->heard_events.size();
    into.groups = own->groups;
  }
}

}  // namespace

inspection inspect_tenant(execution& by, slot& self) {
  inspection into;
  const std::uint32_t generation = own_generation(self);
  if (is_meta(self)) {
    into.who = alias{by.node.id, self.index, generation};
    look_at_meta(self, into);
  } else {
    into.who = pid{by.node.id, self.index, generation};
    if (self.is_named != 0) into.name = by.node.names.name_of(into.who.as_pid());
  }
  into.behaviour = self.what->name;
  into.state = name_of_state(self);
  // Relaxed: set by the spawner.
  into.mailbox_max = self.bounded_max.load(base::relaxed) & ~bound_flags;
  into.requests = count_requests(self);
  if (!is_meta(self)) look_at_process(self, into);
  look_at_relations(self, into);
  into.metas = count_children(by, self);
  look_at_mail(by, self, into);
  if (self.what->inspect != nullptr) {
    inspect_items items;
    self.what->inspect(self.object, items);
    into.bytes_in = items.bytes_in();
    into.bytes_out = items.bytes_out();
    into.items = std::move(items.items());
  }
  return into;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
