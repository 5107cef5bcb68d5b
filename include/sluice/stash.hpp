// stash: putting messages aside that cannot be handled now, and taking all of them back in order.
//
//   void on(query&& asked) {
//     if (!is_connected_) { stash(std::move(asked)); return; }
//     ...
//   }
//   void on(connected) { is_connected_ = true; unstash_all(); }
//
// What was put aside comes back with its sender, in its lane and order, in front of what is in the
// mailbox. Requests in it keep their deadline and their answer. A stash holds at most
// spawn_options::stash_max messages, which do not count for mailbox_max; what is in it when the
// process ends is accounted like the rest of its mailbox.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <sluice/message.hpp>
#include <sluice/request.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

struct slot;

/// Of a process whose options say nothing else.
inline constexpr std::uint32_t stash_max_usually = 1024;

[[nodiscard]] bool has_stash_room(slot& self) noexcept;
/// Moves a payload of `type` aside, in the name and lane of the message that `self` handles.
send_outcome stash_payload(slot& self, const message_type& type, void* payload) noexcept;
/// The same with the message that `self` handles.
send_outcome stash_current(slot& self) noexcept;
std::size_t unstash_all(slot& self) noexcept;
[[nodiscard]] std::size_t count_stashed(const slot& self) noexcept;

template <class Base>
class stashing : public Base {
 public:
  /// Puts `message`, the one being handled, aside. `full`: there is no room (or memory), and it has
  /// not been moved from.
  template <message M>
  send_outcome stash(M&& message) noexcept {
    return stash_payload(*this->self_, message_type_of<M>, &message);
  }
  /// A request, with the means to answer it.
  template <request_type M>
  send_outcome stash(M&& asked, reply_to<M>&& answer) noexcept {
    if (!has_stash_room(*this->self_)) return send_outcome::full;
    request_of<M> whole{std::move(answer), std::move(asked)};
    return stash_payload(*this->self_, message_type_of<request_of<M>>, &whole);
  }
  /// What a catch-all handler got.
  send_outcome stash(any_message& message) noexcept {
    envelope& carried = message.carried();
    return stash_payload(*this->self_, *carried.type, carried.payload());
  }
  /// The message being handled, as it is in its envelope: for handlers that take it by const&, or
  /// by value where copy and original are alike. A request whose handler answers by return is
  /// answered when it comes back.
  send_outcome stash() noexcept { return stash_current(*this->self_); }

  /// Takes all back; how many there were. They are handled before anything else in their lanes.
  std::size_t unstash_all() noexcept { return core::unstash_all(*this->self_); }
  [[nodiscard]] std::size_t stashed() const noexcept { return count_stashed(*this->self_); }

 protected:
  stashing() noexcept = default;
  ~stashing() = default;
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
