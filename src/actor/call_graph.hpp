// call_graph: who waits for whom in a call, to find circles. Debug builds only.
//
// A process waits for one answer at a time, so a circle is a path: from the callee along those that
// wait, back to the caller. A callee that answers later, or has yet to come to its call, is no part
// of one. Who: owners of processes; a short mutex.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include <sluice/pid.hpp>

#include "base/build.hpp"

namespace sluice::inline v0::core {

inline constexpr bool watches_calls = base::is_debug_build;

class call_graph {
 public:
  /// Empty, and noted: `from` waits for `to` from here. Else the path from `to` back to `from`, and
  /// nothing is noted.
  [[nodiscard]] std::string note(address from, address to);
  void forget(address from) noexcept;

 private:
  std::mutex guard_;
  std::unordered_map<std::uint64_t, std::uint64_t> waits_for_;
};

}  // namespace sluice::inline v0::core
