#include "actor/room.hpp"

#include <utility>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/process_alias.hpp"
#include "actor/requests.hpp"
#include "actor/suspension.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

std::uint32_t room_table::add(slot& full, const room_waiter& who) {
  const std::lock_guard held{guard_};
  waiting_[full.index].push_back(who);
  // [RO1] acq_rel: sees the end of a tenant that did not see the mark; pairs RO3
  //       (tell_all_waiting).
  return full.bounded_count.fetch_or(room_mark, base::acq_rel) & ~room_mark;
}

bool room_table::remove(slot& full, ref id) noexcept {
  const std::lock_guard held{guard_};
  const auto line = waiting_.find(full.index);
  if (line == waiting_.end()) return false;
  return std::erase_if(line->second, [id](const room_waiter& each) { return each.id == id; }) != 0;
}

bool room_table::take(slot& full, room_waiter& first) noexcept {
  const std::lock_guard held{guard_};
  const auto line = waiting_.find(full.index);
  if (line != waiting_.end() && !line->second.empty()) {
    first = line->second.front();
    line->second.pop_front();
    return true;
  }
  if (line != waiting_.end()) waiting_.erase(line);
  // Relaxed: who adds does it under the lock (RO2).
  full.bounded_count.fetch_and(~room_mark, base::relaxed);
  return false;
}

void tell_waiting(execution& by, slot& full, std::uint32_t count) noexcept {
  room_waiter next{};
  for (; count != 0 && by.node.rooms.take(full, next); --count) {
    send_control(by, next.slot, next.generation, priority::system, room_there{next.id});
  }
  by.flush_chain();  // One that lined up again is told twice; its teller may be about to park.
}

namespace {

enum class attempt : std::uint8_t { over, full };

// Sends it where there is room; what is refused for another reason is over too.
attempt try_send(execution& by, room_wait& what, slot& to) noexcept {
  sign(*what.carried, *what.process);
  send_outcome sent = send_outcome::unknown;
  if (!by.deliver_if_room(to, what.carried, what.to.generation, sent)) return attempt::full;
  what.carried = nullptr;
  if (sent != send_outcome::accepted) {
    what.failure = {error_code::unknown_address, 0, "send_wait"};
  }
  return attempt::over;
}

// Until it is sent, refused, or surely told of the next room.
attempt try_or_line_up(execution& by, room_wait& what) noexcept {
  const slot& self = *what.process;
  const bool is_near = what.to.node == by.node.id;
  while (true) {
    slot* const to = is_near ? by.find_tenant(what.to.slot, what.to.generation) : nullptr;
    if (to == nullptr) {
      what.failure = {error_code::unknown_address, 0, "send_wait"};
      return attempt::over;
    }
    if (try_send(by, what, *to) == attempt::over) return attempt::over;
    const std::uint32_t taken = by.node.rooms.add(*to, {self.index, own_generation(self), what.id});
    const bool is_there = by.find_tenant(what.to.slot, what.to.generation) != nullptr;  // RO3
    if (is_there && taken >= by.credits_max(*to)) return attempt::full;
    if (!by.node.rooms.remove(*to, what.id)) return attempt::full;  // It has been told.
  }
}

}  // namespace

bool begin_room_wait(room_wait& what, process_promise_base& awaiter) noexcept {
  slot& self = *what.process;
  execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  if (what.carried == nullptr) {
    what.failure = {error_code::out_of_memory, 0, "send_wait"};
    return false;
  }
  by.flush_chain();  // What was sent before is counted before.
  what.to = resolve_alias(by.node, what.to);
  what.id = new_ref(by);
  if (!begin_wait(what, awaiter)) return false;
  if (try_or_line_up(by, what) == attempt::full) return true;
  end_wait(self);
  return false;
}

void try_again(slot& self, envelope& carried) {
  const ref id = payload_of<room_there>(carried).id;
  wait* const open = open_wait(self);
  if (open == nullptr || open->id != id) return;  // It passed its turn on when it was over.
  auto& what = static_cast<room_wait&>(*open);
  caller from{self};
  if (try_or_line_up(from.by(), what) == attempt::full) return;
  static_cast<void>(settle_wait(self, id, &what));
}

void drop_room_wait(room_wait& what) noexcept {
  if (what.carried == nullptr) return;
  slot& self = *what.process;
  execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  by.free_envelope(std::exchange(what.carried, nullptr));
  slot* const full = what.to.node == by.node.id ? by.node.slots.find(what.to.slot) : nullptr;
  if (full == nullptr || what.id.number == 0) return;
  if (!by.node.rooms.remove(*full, what.id)) tell_waiting(by, *full, 1);
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
