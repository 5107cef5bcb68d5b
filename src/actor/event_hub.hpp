// event_hub: the process behind an event. It takes what is published and brings it to subscribers.
//
// What: orders come as messages, so their order is the order of the mailbox; each is carried out
//   whole before the next. Bringing a value to many takes several slices, with the other processes
//   of the scheduler in between; orders that come meanwhile wait in a queue.
// Who: its own handlers only. Publishers count in the event's record (unsent_max).
//
//            publish, membership    go_on              producer gone       exit
//   idle     carried out, or →busy  -                  →ending, or ends    ends
//   busy     queued                 a slice; →idle     queued              ends
//   ending   dropped                a slice; ends      dropped             ends
//
// Rules:
//   EH-1 A value is in the buffer from before its first delivery: a subscriber's first message is
//        the oldest of the buffer or the next value, none twice, none left out.
//   EH-2 A subscriber that has ended is found out by its generation and forgotten where it stands;
//        those that end tell so, too, so that nobody is kept for want of values.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include <sluice/actor.hpp>
#include <sluice/event.hpp>

#include "actor/event_directory.hpp"
#include "actor/event_share.hpp"
#include "actor/execution.hpp"
#include "actor/subscriber_set.hpp"

namespace sluice::inline v0::core {

/// To the hub: a value, counted in the record until all subscribers have it.
class publish_order {
 public:
  publish_order() noexcept = default;
  publish_order(event_value* value, event_record& record) noexcept
      : value_(value), record_(&record) {}
  publish_order(publish_order&& other) noexcept
      : value_(std::exchange(other.value_, nullptr)),
        record_(std::exchange(other.record_, nullptr)) {}
  publish_order& operator=(publish_order&& other) noexcept {
    std::swap(value_, other.value_);
    std::swap(record_, other.record_);
    return *this;
  }
  ~publish_order() {
    if (value_ != nullptr) value_->destroy(value_);
    // Relaxed: a count.
    if (record_ != nullptr) record_->unsent.fetch_sub(1, base::relaxed);
  }
  [[nodiscard]] event_value* take_value() noexcept { return std::exchange(value_, nullptr); }

 private:
  event_value* value_ = nullptr;
  event_record* record_ = nullptr;
};

/// To the hub: somebody subscribes or, without a `how`, does so no more. Who comes too late hears
/// of the end like all others.
struct membership_order {
  subscriber who;
  pid event{};
};
void lose_membership(execution& by, void* payload, error_code why) noexcept;
template <>
inline constexpr lose_function lose_action<membership_order> = &lose_membership;

/// To the hub: its producer ended, or lets go of it.
struct producer_gone {
  exit_reason reason;
};

/// From the hub to itself: the next slice.
struct go_on {};

class event_hub final
    : public actor<event_hub, publish_order, membership_order, producer_gone, go_on> {
 public:
  /// Deliveries between two turns of others: half of a run queue.
  static constexpr std::uint32_t slice_max = 128;

  event_hub(std::string_view name, pid producer, std::uint32_t buffer, event_directory& directory,
            event_record& record)
      : name_(name),
        producer_(producer),
        buffer_max_(buffer),
        directory_(directory),
        record_(record) {}
  ~event_hub();

  void on(publish_order order);
  void on(membership_order order);
  void on(producer_gone gone);
  void on(go_on);
  void terminate(const exit_reason& reason);
  void on_inspect(inspect_items& items);

 private:
  struct step {
    enum class kind : std::uint8_t { value, membership, end } what;
    publish_order order{};
    membership_order member{};
    exit_reason reason{};
  };

  void take(step&& next);
  void advance();
  void begin(step& next);
  void apply(const membership_order& order);
  void replay(const subscriber& to);
  /// Tells some of those that have not been told. True: all have been.
  bool tell_some();
  void deliver_value(const subscriber& who, event_share& share) noexcept;
  void deliver_end(const subscriber& who) noexcept;
  void forget(std::uint32_t position);
  void finish_value() noexcept;
  void go_on_later();
  [[nodiscard]] execution& by() noexcept;
  void remember(event_share& value);
  [[nodiscard]] bool is_telling() const noexcept { return value_ != nullptr || is_ending_; }
  template <class M>
  void tell_producer(M notice);

  std::string name_;
  pid producer_;
  std::uint32_t buffer_max_;
  event_directory& directory_;
  event_record& record_;
  subscriber_set subscribers_;
  std::deque<event_share*> buffer_;
  std::deque<step> waiting_;
  bool is_busy_ = false;    ///< a go_on is on its way
  std::uint32_t room_ = 0;  ///< deliveries left in this slice
  // What is being told, to whom from where on; neither = nothing is.
  event_share* value_ = nullptr;
  publish_order counted_;
  bool is_ending_ = false;
  exit_reason end_reason_;
  std::uint32_t position_ = 0;
  std::uint64_t published_ = 0;
  std::uint64_t missed_ = 0;  ///< deliveries for which there was no memory or no room
};

}  // namespace sluice::inline v0::core
