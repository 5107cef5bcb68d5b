// exit_reason: why a process or a meta process ended.
#pragma once

#include <string>
#include <utility>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

enum class exit_code : unsigned char {
  normal,       ///< it ended itself, or start() returned
  shutdown,     ///< asked to, in order (node stop, supervisor)
  killed,       ///< ended without being asked
  exception,    ///< an exception left a handler; the text is its what()
  init_failed,  ///< init() or on_start() refused or threw
  parent_exit,  ///< a meta whose parent ended
  error,        ///< a reason of the user's; the text says which
  no_process,   ///< of links and monitors: nobody has, or had, that address
};

[[nodiscard]] const char* to_string(exit_code code) noexcept;

/// A code and, where there is more to say, a text.
struct exit_reason {
  exit_code code = exit_code::normal;
  std::string text{};

  [[nodiscard]] static exit_reason normal() { return {}; }
  [[nodiscard]] static exit_reason shutdown() { return {exit_code::shutdown, {}}; }
  [[nodiscard]] static exit_reason killed() { return {exit_code::killed, {}}; }
  [[nodiscard]] static exit_reason error(std::string text) {
    return {exit_code::error, std::move(text)};
  }

  /// "exception: connection lost".
  [[nodiscard]] std::string message() const;
  friend bool operator==(const exit_reason&, const exit_reason&) = default;
};

}  // namespace v0
}  // namespace sluice
