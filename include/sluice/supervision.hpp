// Supervision: how the children of a supervisor (supervisor.hpp) are restarted and stopped.
//
// Values only; what they mean together is in the table of src/sup/supervision.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <sluice/environment.hpp>
#include <sluice/options.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// Who is restarted with a child that ended.
enum class restart_strategy : std::uint8_t {
  one_for_one,         ///< nobody else
  all_for_one,         ///< all that run, stopped in reverse order first
  rest_for_one,        ///< those that were started after it, likewise
  simple_one_for_one,  ///< nobody; any number of alike children, added at run time
};

/// Whether a child that ended by itself is restarted.
enum class restart_policy : std::uint8_t {
  permanent,  ///< always
  transient,  ///< unless it ended with normal or shutdown
  temporary,  ///< never; it is forgotten
};

/// Whether the supervisor ends when significant children have ended for good by themselves.
enum class auto_shutdown : std::uint8_t { never, any_significant, all_significant };

/// So many restarts within any period; one more is too much. restarts_max = unlimited: any number.
struct restart_limit {
  static constexpr std::uint32_t unlimited = UINT32_MAX;
  std::uint32_t restarts_max = 3;
  std::chrono::nanoseconds period = std::chrono::seconds{5};
};

/// How long a restart waits: `first` after the first failure, then `factor` times longer each, up
/// to `max`; each wait is made shorter or longer by up to `jitter` of it. A child that has run for
/// `max` begins anew. first = 0: at once.
struct restart_backoff {
  std::chrono::nanoseconds first{0};
  std::chrono::nanoseconds max = std::chrono::seconds{30};
  double factor = 2;
  double jitter = 0.2;
};

struct child_options {
  /// Names the child within its supervisor; unique there. Empty for simple_one_for_one only.
  std::string id{};
  restart_policy restart = restart_policy::permanent;
  /// From the request to end until it is killed. 0: killed at once; max(): never killed.
  std::chrono::nanoseconds shutdown_timeout = std::chrono::seconds{5};
  /// See auto_shutdown; not for permanent children.
  bool is_significant = false;
  /// A limit of its own: its restarts do not count for the supervisor's, and when it is exceeded
  /// the child is disabled instead of the supervisor ended.
  std::optional<restart_limit> budget{};
  restart_backoff backoff{};
  /// A restarted child finds its unread mail, without the message that killed it. What is sent
  /// between its end and its restart is refused as to any process that is gone.
  bool keeps_mailbox = false;
  bool starts_disabled = false;  ///< known, but not started until it is enabled

  // As in spawn_options.
  std::string name{};
  std::uint32_t mailbox_max = 0;
  overflow_policy overflow = overflow_policy::reject;
  env_variables env{};
};

struct supervisor_options {
  restart_strategy strategy = restart_strategy::one_for_one;
  /// One restart too many: the supervisor stops its children and ends with an error.
  restart_limit limit{};
  auto_shutdown shutdown = auto_shutdown::never;
  /// Children that are stopped together go one by one, in reverse order of their start; false: all
  /// are asked at once. simple_one_for_one always asks all at once.
  bool keeps_order = true;
};

/// Where a child is in its life with its supervisor.
enum class child_state : std::uint8_t {
  down,      ///< not started, stopped by hand, or ended for good
  disabled,  ///< not started until it is enabled
  due,       ///< waits for its (re)start: for its turn or a backoff
  starting,
  up,
  leaving,  ///< will be asked to end when its turn comes
  asked,    ///< asked to end
  killed,   ///< it did not end in time
};

[[nodiscard]] const char* to_string(child_state state) noexcept;

}  // namespace v0
}  // namespace sluice
