#include "actor/call_graph.hpp"

namespace sluice::inline v0::core {

namespace {

std::uint64_t key_of(address who) noexcept {
  return std::uint64_t{who.generation} << 32 | who.slot;
}

std::string text_of(std::uint64_t key) {
  return std::to_string(static_cast<std::uint32_t>(key)) + '.' + std::to_string(key >> 32);
}

}  // namespace

std::string call_graph::note(address from, address to) {
  const std::lock_guard held{guard_};
  const std::uint64_t begin = key_of(from);
  std::string path;
  std::uint64_t at = key_of(to);
  // Ends: a path without a circle is no longer than those that wait.
  for (std::size_t steps = 0; steps <= waits_for_.size(); ++steps) {
    path += (path.empty() ? "" : " -> ") + text_of(at);
    if (at == begin) return path;
    const auto next = waits_for_.find(at);
    if (next == waits_for_.end()) break;
    at = next->second;
  }
  waits_for_[begin] = key_of(to);
  return {};
}

void call_graph::forget(address from) noexcept {
  const std::lock_guard held{guard_};
  waits_for_.erase(key_of(from));
}

}  // namespace sluice::inline v0::core
