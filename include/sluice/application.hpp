// application: a part of a program that starts and stops as one: a supervision tree with a name.
//
//   node.load_application({.name = "store", .processes = {child<database>("db")}});
//   node.load_application({.name = "web",
//                          .mode = sluice::application_mode::permanent,
//                          .depends = {"store"},
//                          .env = {{"port", "8080"}},
//                          .processes = {child<listener>("listener")}});
//   node.start_application("web");               // starts "store" first
//   node.wait_for_stop_request();                // until a permanent application ends, or
//   node.stop();                                 // node.request_stop("...") is called
//
// An application runs while its top supervisor does; its processes see its env before the node's.
// Started in the order of dependencies; node::stop stops all, the youngest first.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <sluice/child_spec.hpp>
#include <sluice/environment.hpp>
#include <sluice/pid.hpp>
#include <sluice/supervision.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// What follows when an application ends by itself.
enum class application_mode : std::uint8_t {
  permanent,  ///< all others are stopped, the youngest first, and the node's stop is requested
  transient,  ///< the same, unless it ended with normal or shutdown
  temporary,  ///< nothing
};

struct application_spec {
  std::string name{};  ///< unique in the node
  application_mode mode = application_mode::temporary;
  /// Names of those that run as long as it does: started before, stopped after it.
  std::vector<std::string> depends{};
  env_variables env{};
  supervisor_options supervision{};  ///< of the top supervisor
  children processes{};
  /// From the request to stop until all of it is killed.
  std::chrono::nanoseconds stop_timeout = std::chrono::seconds{30};
};

enum class application_state : std::uint8_t { stopped, starting, running, stopping };

struct application_info {
  std::string name;
  application_mode mode = application_mode::temporary;
  application_state state = application_state::stopped;
  pid top;  ///< its top supervisor; names nobody unless it runs
};

[[nodiscard]] const char* to_string(application_state state) noexcept;

}  // namespace v0
}  // namespace sluice
