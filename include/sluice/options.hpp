// Options of spawns: aggregates with defaults; name what differs at the call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include <sluice/environment.hpp>
#include <sluice/log.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// What a bounded mailbox does when it is full. Control messages are never refused.
enum class overflow_policy : std::uint8_t {
  reject,       ///< answers `full` to who sends
  drop_oldest,  ///< drops the oldest when the owner next takes mail; `full` from twice the bound on
  fallback,     ///< hands what comes then to another mailbox; `full` when that has no room either
};

/// Who takes what a full mailbox hands over: by pid, alias or handle, or by the name that somebody
/// has at that moment. It gets the message with its sender and lane, and a request with the duty to
/// answer it. One hop: a fallback that is full as well refuses, whatever its own policy.
struct fallback_receiver {
  address who{};
  std::string_view name{};  ///< borrowed for the spawn

  fallback_receiver() noexcept = default;
  template <class Address>
  requires std::is_convertible_v<const Address&, address> fallback_receiver(const Address& who_)
  noexcept : who(static_cast<address>(who_)) {}
  fallback_receiver(std::string_view name_) noexcept : name(name_) {}
  fallback_receiver(const char* name_) noexcept : name(name_) {}

  [[nodiscard]] bool is_given() const noexcept { return who.is_valid() || !name.empty(); }
};

struct spawn_options {
  /// Registered before on_start runs; at most 255 bytes. Empty = none. Borrowed for the call.
  std::string_view name{};
  /// User messages the mailbox holds before it answers `full`; 0 = unbounded. Control is not
  /// counted.
  std::uint32_t mailbox_max = 0;
  overflow_policy overflow = overflow_policy::reject;
  /// For overflow_policy::fallback, which needs one.
  fallback_receiver fallback{};
  /// Messages that stash() may put aside, beside those of the mailbox.
  std::uint32_t stash_max = 1024;
  log_severity log_level = log_severity::debug;  ///< its log() lines below this are left out
  /// Linked to its spawner from the first moment on; besides, its spawner's end, and an exit signal
  /// of its spawner, ends it whatever the reason and even if it traps exits. A spawn by the node
  /// cannot ask for it, nor for the next.
  bool link = false;
  /// Monitored by its spawner from the first moment on; the number of the monitor goes to
  /// `monitored_as`, if there is one.
  bool monitor = false;
  ref* monitored_as = nullptr;
  /// Added to, or instead of, what the spawner sees.
  env_variables env{};
};

/// A core number, so that it is not mistaken for another int.
struct core_index {
  int number = -1;
};

/// Spawning a meta process. Built-in metas take options of their own that contain these.
struct meta_options {
  std::uint32_t mailbox_max = 0;  ///< as spawn_options
  overflow_policy overflow = overflow_policy::reject;
  fallback_receiver fallback{};  ///< as spawn_options
  bool tie_to_spawner = false;   ///< spawned by a meta: end with that meta, not with its process
  priority send_priority = priority::main;       ///< of its sends that name none
  log_severity log_level = log_severity::debug;  ///< its log() lines below this are left out
  std::string_view
      thread_name{};      ///< blocking start: the thread's name, 15 bytes; default its type
  core_index pin{};       ///< blocking start: the core; default the next allowed one
  bool is_pinned = true;  ///< blocking start: false = wherever the kernel likes
  int ring = -1;          ///< I/O start: the ring to live on; default the spawner's, else spread
};

}  // namespace v0
}  // namespace sluice
