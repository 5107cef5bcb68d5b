// Links and monitors: how processes hear of each other's end. Erlang's rules.
//
//   link(who);                      // the end of one ends the other, unless the reason is normal
//   trap_exit(true);                // ... or says so instead:
//   void on(exit_signal told);
//   const ref id = monitor(who);    // one way, and always a message:
//   void on(down told);             // once for each monitor, also if nobody is there
//
// Exit signals. exit(who, reason): killed ends it whatever it traps, and its links hear `killed`;
// else one that traps is told; else normal is ignored, unless it comes from itself, and any other
// reason ends it. A link that breaks says the same with the reason of the end, but killed can be
// trapped then. What comes from the spawner of one that was spawned with `link` ends it whatever
// the reason is; so do the stages of node::stop.
// Order. A handler sees `down` and a trapped exit signal after all that their sender sent before in
// the lanes down to main. An exit signal that ends its receiver overtakes the mail that waits, as
// both do when it waits in a call. What is sent after exit(who, reason) may overtake a trapped one.
// When `down` or an exit signal of a link arrives, the name of the one that ended is free, its mail
// has been answered and its object is gone.
// monitor_node() and link_node() tell of the node's stop before anybody is asked to end.
// Metas cannot link or monitor. One can be monitored, and linked to: it is not ended by the link.
#pragma once

#include <string_view>
#include <utility>

#include <sluice/exit_reason.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// The one monitored has ended, or was not there: then the reason is no_process.
struct down {
  ref id;
  address who;  ///< as it was named to monitor()
  exit_reason reason;
};

/// For a process that traps exits: what would have ended it, or been ignored.
struct exit_signal {
  address from;  ///< nobody, when the node or a thread outside of it sent it
  exit_reason reason;
  ref link{};  ///< of the link that broke; 0 = sent by exit(who, reason)
};

/// What demonitor() does about a `down` that waits in the mailbox already.
enum class queued_down : bool { keep, remove };

namespace core {

/// What stands for the node itself.
[[nodiscard]] address node_address(slot& self) noexcept;
void link_to(slot& self, address who);
void unlink_from(slot& self, address who) noexcept;
[[nodiscard]] ref monitor_from(slot& self, address who);
bool demonitor_from(slot& self, ref id, queued_down what) noexcept;
void set_trap_exit(slot& self, bool traps);
[[nodiscard]] bool traps_exit(const slot& self) noexcept;

/// Whether the message has not been taken back, by demonitor() or unlink().
[[nodiscard]] bool accept_down(slot& self, const down& told) noexcept;
[[nodiscard]] bool accept_exit_signal(slot& self, const exit_signal& told) noexcept;
void handle_unlisted_down(slot& self, envelope& carried);
void handle_unlisted_exit_signal(slot& self, envelope& carried);

template <>
inline constexpr bool (*accept_action<down>)(slot&, const down&) noexcept = &accept_down;
template <>
inline constexpr bool has_accept_action<down> = true;
template <>
inline constexpr bool (*accept_action<exit_signal>)(slot&, const exit_signal&) noexcept =
    &accept_exit_signal;
template <>
inline constexpr bool has_accept_action<exit_signal> = true;
template <>
inline constexpr unhandled_function unhandled_action<down> = &handle_unlisted_down;
template <>
inline constexpr unhandled_function unhandled_action<exit_signal> = &handle_unlisted_exit_signal;

/// The part of a process that knows others' ends. Out of memory link(), monitor() and trap_exit()
/// throw std::bad_alloc, and nothing has changed; the other side without memory is no_process.
template <class Base>
class linking : public Base {
 public:
  /// Links this process with a pid, alias or handle; once is as good as often. If nobody is there
  /// an exit signal says no_process. A link with itself is none.
  void link(address who) { link_to(*this->self_, who); }
  void link(std::string_view name) { link_to(*this->self_, this->find(name)); }
  /// From here on no exit signal of a link with it is seen, not even one that is under way.
  void unlink(address who) noexcept { unlink_from(*this->self_, who); }

  /// One `down` will come for the number returned. Of itself none comes.
  ref monitor(address who) { return monitor_from(*this->self_, who); }
  ref monitor(std::string_view name) { return monitor_from(*this->self_, this->find(name)); }
  /// `down` and the exit signal of these say shutdown when the node begins to stop.
  ref monitor_node() { return monitor(node_address(*this->self_)); }
  void link_node() { link(node_address(*this->self_)); }
  /// No `down` comes for `id` from here on; with queued_down::keep one that is in the mailbox
  /// already does. False: it has been handled, or there was no such monitor.
  bool demonitor(ref id, queued_down what = queued_down::remove) noexcept {
    return demonitor_from(*this->self_, id, what);
  }

  /// Whether exit signals come as messages. Of one spawned with `link`: but for its spawner's.
  void trap_exit(bool traps) { set_trap_exit(*this->self_, traps); }
  [[nodiscard]] bool traps_exit() const noexcept { return core::traps_exit(*this->self_); }

 protected:
  linking() noexcept = default;
  ~linking() = default;
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
