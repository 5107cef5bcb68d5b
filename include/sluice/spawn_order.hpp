// spawn_order: what the runtime is told when a process or meta process is to be made.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <sluice/behaviour.hpp>
#include <sluice/options.hpp>
#include <sluice/pid.hpp>
#include <sluice/stash.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

struct slot;
class kept_mail;

/// Borrowed for the call only.
struct spawn_order {
  const behaviour* what = nullptr;
  /// Builds the object in `memory` and binds it to `place`; may throw.
  void (*construct)(void* memory, void* arguments, slot& place) = nullptr;
  void* arguments = nullptr;
  std::string_view name{};
  std::uint32_t mailbox_max = 0;  ///< user messages; 0 = unbounded
  overflow_policy overflow = overflow_policy::reject;
  fallback_receiver fallback{};
  std::uint32_t stash_max = stash_max_usually;
  log_severity log_level = log_severity::debug;
  const env_variables* env = nullptr;
  bool link = false;     ///< to the spawner
  bool monitor = false;  ///< by the spawner
  ref* monitored_as = nullptr;
  /// Holds what a predecessor has not read, and takes what this one does not; null = nothing, else
  /// it points to one.
  const std::shared_ptr<kept_mail>* mail = nullptr;
};

/// More of the same for a meta process.
struct meta_order : spawn_order {
  bool tie_to_spawner = false;     ///< its parent is the spawning meta, not the meta's process
  std::string_view thread_name{};  ///< blocking
  int core = -1;                   ///< blocking: the core to pin to, -1 = the next allowed one
  bool is_pinned = true;           ///< blocking
  priority send_priority = priority::main;
  int ring = -1;  ///< I/O: index of the ring to live on, -1 = chosen
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
