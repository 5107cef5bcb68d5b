#include "actor/message_stash.hpp"

#include <memory>
#include <new>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "actor/delivery.hpp"
#include "actor/process_extension.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

/// To itself, from who took its stash back while the message under way is held in the mailbox: the
/// owner does not park then, and finds its lanes full.
struct look_again {};

void do_nothing(slot&, envelope&) {}

// Null when memory is out.
message_stash* make_stash(slot& self) noexcept {
  seldom_used* const more = seldom_or_made(self);
  if (more == nullptr) return nullptr;
  if (more->stash == nullptr) more->stash.reset(new (std::nothrow) message_stash);
  return more->stash.get();
}

message_stash* stash_or_null(const slot& self) noexcept {
  const seldom_used* const more = seldom_or_null(self);
  return more == nullptr ? nullptr : more->stash.get();
}

// The type with the handler that the message came for, which need not be listed.
const message_type& as_it_came(const envelope& now, const message_type& type) noexcept {
  return now.type->identity == type.identity ? *now.type : type;
}

}  // namespace

template <>
inline constexpr unhandled_function unhandled_action<look_again> = &do_nothing;

bool limit_stash(slot& self, std::uint32_t count_max) noexcept {
  if (count_max == stash_max_usually) return true;
  message_stash* const stash = make_stash(self);
  if (stash == nullptr) return false;
  stash->count_max = count_max;
  return true;
}

std::uint32_t put_back_stash(slot& self) noexcept {
  message_stash* const stash = stash_or_null(self);
  if (stash == nullptr || stash->count == 0) return 0;
  for (envelope*& last : stash->last) {
    if (last != nullptr) self.mail.prepend(std::exchange(last, nullptr));
  }
  return std::exchange(stash->count, 0);
}

bool has_stash_room(slot& self) noexcept {
  const message_stash* const stash = make_stash(self);
  return stash != nullptr && stash->count < stash->count_max;
}

send_outcome stash_payload(slot& self, const message_type& type, void* payload) noexcept {
  caller from{self};
  execution& by = from.by();
  const envelope* const now = by.current;
  SLUICE_ASSERT(now != nullptr, "stash: no message is being handled");
  if (!has_stash_room(self)) return send_outcome::full;
  envelope* const kept =
      by.make_envelope(block_class_for(type.envelope_bytes), type.envelope_bytes);
  if (kept == nullptr) return send_outcome::full;
  kept->type = &as_it_came(*now, type);
  type.move_payload(payload, kept->payload());
  kept->from_slot = now->from_slot;
  kept->from_generation = now->from_generation;
  kept->from_node = now->from_node;
  kept->block |= now->block & block_from_meta;
  kept->to_generation = now->to_generation;
  // Its credit went with the message itself.
  const std::uint8_t lane = now->lane & lane_mask;
  kept->lane = lane | lane_was_accepted;
  kept->older = nullptr;
  base::add_single_writer(by.counters.sent, std::uint64_t{1});  // From here it is under way again.
  message_stash& stash = *stash_or_null(self);
  envelope*& last = stash.last[lane];
  kept->next = last == nullptr ? kept : last->next;
  if (last != nullptr) last->next = kept;
  last = kept;
  ++stash.count;
  return send_outcome::accepted;
}

send_outcome stash_current(slot& self) noexcept {
  caller from{self};
  envelope* const now = from.by().current;
  SLUICE_ASSERT(now != nullptr, "stash: no message is being handled");
  return stash_payload(self, *now->type, now->payload());
}

std::size_t unstash_all(slot& self) noexcept {
  caller from{self};
  const std::uint32_t count = put_back_stash(self);
  if (count == 0) return 0;
  // Relaxed: the owner.
  static_cast<void>(send_control(from.by(), self.index, self.generation.load(base::relaxed),
                                 priority::urgent, look_again{}));
  from.by().flush_chain();
  return count;
}

std::size_t count_stashed(const slot& self) noexcept {
  const message_stash* const stash = stash_or_null(self);
  return stash == nullptr ? 0 : stash->count;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
