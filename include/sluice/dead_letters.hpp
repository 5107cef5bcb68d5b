// Dead letters: messages that nobody will handle. They are counted (node::messages) and the first
// of each second is logged; who wants to see each of them subscribes.
#pragma once

#include <cstdint>
#include <string_view>

#include <sluice/context.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

enum class dead_letter_reason : std::uint8_t {
  unknown,         ///< no such address at the time of the send
  full,            ///< a bounded mailbox refused it
  stopping,        ///< the node stops
  stale,           ///< the receiver ended, and its place has another tenant
  receiver_ended,  ///< still queued when the receiver ended
  unhandled,       ///< the receiver has no handler for the type
  cancelled,       ///< a timer was cancelled, or fired for a dead receiver
  overflowed,      ///< the oldest of a full mailbox that takes new ones
};
[[nodiscard]] const char* to_string(dead_letter_reason why) noexcept;

/// To who has subscribed, in the lowest lane: `on(const dead_letter_report&)`. What its mailbox
/// refuses is lost. The runtime's own messages, and reports, are not reported.
struct dead_letter_report {
  dead_letter_reason reason;
  address from;  ///< nobody: sent from outside of any process
  address to;    ///< nobody where that is not known any more, as for cancelled timers
  std::string_view type_name;
};

namespace core {

void subscribe_dead_letters(slot& self);
bool unsubscribe_dead_letters(slot& self) noexcept;

template <class Base>
class hearing_dead_letters : public Base {
 public:
  /// Until it ends or takes it back.
  void subscribe_dead_letters() { core::subscribe_dead_letters(*this->self_); }
  bool unsubscribe_dead_letters() noexcept { return core::unsubscribe_dead_letters(*this->self_); }
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
