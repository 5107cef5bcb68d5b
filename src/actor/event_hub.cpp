#include "actor/event_hub.hpp"

#include <algorithm>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"
#include "base/out_of_memory.hpp"

namespace sluice::inline v0::core {

namespace {

constexpr std::uint32_t look_ahead = 12;  // Subscribers whose places are fetched early.

}  // namespace

event_hub::~event_hub() {
  for (event_share* each : buffer_) drop_share(each);
  if (value_ != nullptr) drop_share(value_);
  counted_ = {};
  waiting_.clear();
  directory_.give_back(record_);
}

execution& event_hub::by() noexcept {
  return *self_->running_on.load(base::relaxed);  // Relaxed: in a handler, the owner.
}

void event_hub::on(publish_order order) {
  take({.what = step::kind::value, .order = std::move(order)});
}
void event_hub::on(membership_order order) {
  take({.what = step::kind::membership, .member = order});
}
void event_hub::on(producer_gone gone) {
  take({.what = step::kind::end, .reason = std::move(gone.reason)});
}
void event_hub::on(go_on) {
  is_busy_ = false;
  advance();
}

void event_hub::take(step&& next) {
  if (is_busy_) {
    waiting_.push_back(std::move(next));
    return;
  }
  begin(next);
  advance();
}

// Until a slice is used up or nothing waits.
void event_hub::advance() {
  room_ = slice_max;
  while (true) {
    if (is_telling()) {
      if (!tell_some()) return go_on_later();
      finish_value();
      if (is_ending_) return exit();
    }
    if (waiting_.empty()) return;
    if (room_ == 0) return go_on_later();
    step next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(next);
  }
}

void event_hub::begin(step& next) {
  position_ = 0;
  switch (next.what) {
    case step::kind::value: {
      event_value* const value = next.order.take_value();
      value_ = make_root_share(value, self());
      if (value_ == nullptr) {
        value->destroy(value);
        ++missed_;
        return;
      }
      ++published_;
      counted_ = std::move(next.order);
      if (buffer_max_ != 0) remember(*value_);  // EH-1
      return;
    }
    case step::kind::membership: return apply(next.member);
    case step::kind::end:
      is_ending_ = true;
      end_reason_ = std::move(next.reason);
      return;
  }
}

void event_hub::apply(const membership_order& order) {
  if (order.who.how == nullptr) {
    const std::uint32_t position = subscribers_.find(order.who.slot, order.who.generation);
    if (position != subscriber_set::nowhere) forget(position);
    return;
  }
  if (!subscribers_.add(order.who)) return;
  replay(order.who);
  if (subscribers_.size() == 1) tell_producer(event_wanted{self()});
}

void event_hub::replay(const subscriber& to) {
  for (event_share* each : buffer_) {
    hold_share(each);
    deliver_value(to, *each);
  }
  room_ -= std::min(room_, static_cast<std::uint32_t>(buffer_.size()));
}

bool event_hub::tell_some() {
  const slot_table& slots = by().node.slots;
  const std::uint32_t granted = room_ + 1;  // One of them is this function's own.
  event_share* const share = value_ == nullptr ? nullptr : &make_share(*value_, granted);
  std::uint32_t used = 0;
  for (; position_ < subscribers_.size() && room_ != 0; --room_) {
    if (position_ + look_ahead < subscribers_.size()) {
      const slot* const soon = slots.find(subscribers_[position_ + look_ahead].slot);
      __builtin_prefetch(soon, 1);
      __builtin_prefetch(&soon->running_on, 1);
    }
    const subscriber who = subscribers_[position_];
    // Relaxed: a hint, to forget (EH-2); the delivery looks again.
    if (slots.find(who.slot)->generation.load(base::relaxed) != who.generation) {
      forget(position_);
      continue;
    }
    if (share == nullptr) {
      deliver_end(who);
    } else {
      deliver_value(who, *share);
      ++used;
    }
    ++position_;
  }
  if (share != nullptr) drop_share(share, granted - used);
  return position_ == subscribers_.size();
}

// One of the share's holders is the message.
void event_hub::deliver_value(const subscriber& who, event_share& share) noexcept {
  execution& here = by();
  envelope* const carried = here.make_envelope(0, block_class_bytes[0]);
  if (carried == nullptr) {
    ++missed_;
    return drop_share(&share);
  }
  carried->type = who.how->type;
  sign(*carried, *self_);
  who.how->build(carried->payload(), &share, share.value);
  if (here.deliver_behind(carried, who.slot, who.generation) != send_outcome::accepted) {
    ++missed_;
  }
}

void event_hub::deliver_end(const subscriber& who) noexcept {
  const auto tell = [&](event_ended end) {
    static_cast<void>(send_control(by(), who.slot, who.generation, priority::main, std::move(end)));
  };
  if (base::has_memory_for([&] { tell({self(), name_, end_reason_}); })) return;
  tell({self(), {}, {end_reason_.code, {}}});  // The end counts, not its words.
}

void event_hub::forget(std::uint32_t position) {
  subscribers_.remove_at(position);
  if (subscribers_.size() == 0 && !is_ending_) tell_producer(event_unwanted{self()});
}

void event_hub::finish_value() noexcept {
  if (value_ != nullptr) drop_share(std::exchange(value_, nullptr));
  counted_ = {};
}

void event_hub::remember(event_share& value) {
  if (buffer_.size() == buffer_max_) {
    drop_share(buffer_.front());
    buffer_.pop_front();
  }
  hold_share(&value);
  buffer_.push_back(&value);
}

void event_hub::go_on_later() {
  is_busy_ = true;
  static_cast<void>(
      send_control(by(), self_->index, own_generation(*self_), priority::system, go_on{}));
  self_->wants |= wants_yield;
}

template <class M>
void event_hub::tell_producer(M notice) {
  static_cast<void>(
      send_control(by(), producer_.slot, producer_.generation, priority::main, notice));
}

void event_hub::terminate(const exit_reason& reason) {
  directory_.names.remove(self());
  if (by().node.phase() != node_phase::running) return;
  if (!is_ending_) {  // Ended from outside: no further slice will come.
    finish_value();
    end_reason_ = reason;
    for (position_ = 0; position_ < subscribers_.size(); ++position_) {
      deliver_end(subscribers_[position_]);
    }
  }
  for (const step& each : waiting_) {  // They came too late.
    if (each.what == step::kind::membership && each.member.who.how != nullptr) {
      deliver_end(each.member.who);
    }
  }
}

void lose_membership(execution& by, void* payload, error_code) noexcept {
  const auto& order = *static_cast<membership_order*>(payload);
  if (order.who.how == nullptr) return;
  static_cast<void>(send_control(by, order.who.slot, order.who.generation, priority::main,
                                 event_ended{order.event, {}, {exit_code::no_process, {}}}));
}

void event_hub::on_inspect(inspect_items& items) {
  items.add("event", name_);
  items.add("subscribers", subscribers_.size());
  items.add("published", published_);
  items.add("missed", missed_);
  items.add("buffered", buffer_.size());
  items.add("waiting", waiting_.size());
}

}  // namespace sluice::inline v0::core
