// meta_behaviour: the erased description of a meta process type. See behaviour.hpp.
#pragma once

#include <stop_token>

#include <sluice/behaviour.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

struct meta_state;

/// Where the two flows of a meta run.
enum class meta_flow : std::uint8_t {
  blocking,  ///< start() on a thread of its own, the handler on the schedulers
  io,        ///< both on the worker that owns the ring
};

struct meta_behaviour : behaviour {
  meta_flow flow;
  /// Blocking: start(). Its return ends the meta.
  result<void> (*run)(void* object, std::stop_token stop);
  /// I/O: begins the start flow on the ring's thread; core::leave_start ends it.
  void (*begin)(void* object, meta_state& state);
  /// I/O: the meta is asked to stop: everything in flight is to be cancelled.
  void (*stop)(void* object, const exit_reason& reason);
  /// I/O, may be null: the meta is asked to end for any reason but `killed`, perhaps for the second
  /// time. True: it will by itself, by the end of its start flow, and handles mail until then.
  /// False: it is stopped now.
  bool (*drain)(void* object, const exit_reason& reason);
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
