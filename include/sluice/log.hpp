// log: how grave a line of the log is. Lines go to node_options::log.
#pragma once

#include <cstdint>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

enum class log_severity : std::uint8_t { debug, info, warning, error };

}  // namespace v0
}  // namespace sluice
