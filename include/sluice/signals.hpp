// Signals as messages: a meta that reads a signalfd(2).
//
// The host's signal dispositions and masks are its own: nothing here changes them. A signal reaches
// a watcher if every thread of the program blocks it. A host blocks what it wants to watch in
// main(), before it starts any thread (all threads inherit it; those of a node block all signals):
//
//   sigset_t set; sigemptyset(&set); sigaddset(&set, SIGTERM);
//   pthread_sigmask(SIG_BLOCK, &set, nullptr);
//   node.start(); node.spawn_meta<signals::watcher>({.numbers = {SIGTERM}, .worker = …});
//
// Several watchers (of one node or of more) of one signal: each that comes goes to one of them, no
// matter which. A watcher that ends leaves the signals blocked, and pending if they come.
#pragma once

#include <memory>
#include <vector>

#include <sluice/meta.hpp>
#include <sluice/signals_messages.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace signals {

struct watcher_options {
  std::vector<int> numbers{};
  /// Who is told; default the process that spawned the watcher (the node itself is none).
  pid worker{};
  meta_options meta{};
};

/// Tells signals::caught, and ends with its worker. Errors of its spawn: bad_argument (no number,
/// or one that cannot be caught; a signal that the spawning thread or the main thread does not
/// block: the place names it; worker), limit_reached, not_supported (a node without rings).
class watcher : public meta_base {
 public:
  using options = watcher_options;
  using listed_messages = messages<>;

  explicit watcher(watcher_options asked);
  ~watcher();

  struct implementation;  ///< src/net/signals_watcher.hpp
  [[nodiscard]] implementation& inner() noexcept { return *inner_; }

 private:
  std::unique_ptr<implementation> inner_;
};

}  // namespace signals

template <>
struct behaviour_of<signals::watcher> {
  static const core::meta_behaviour value;
};

}  // namespace v0
}  // namespace sluice
