// Starting a thread with a name and a place to run, without changing anything of the host's.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <sluice/result.hpp>

namespace sluice::inline v0::base {

struct thread_options {
  std::string name;        ///< cut to 15 bytes by the kernel
  std::vector<int> cores;  ///< cores the thread may run on; empty = as the starter
};

/// Starts `body` on a new thread. All signals are blocked in it (they are the host's business).
/// The name and affinity are set before body runs; a refused affinity is an error before body runs.
[[nodiscard]] result<std::thread> start_thread(const thread_options& options,
                                               std::function<void()> body);

}  // namespace sluice::inline v0::base
