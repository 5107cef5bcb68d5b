// The signals of the program: blocked in every thread, taken one by one by the main thread.
#pragma once

#include <signal.h>

#include <chrono>

namespace gateway {

class signals {
 public:
  /// Before any thread is made, so that all inherit it.
  signals();

  /// The next one of SIGINT, SIGTERM, SIGUSR1; 0 when `time` has passed (0 = waits for ever).
  [[nodiscard]] int wait(std::chrono::seconds time);
  /// From here SIGINT and SIGTERM end the program the usual way.
  void give_up_patience();

 private:
  ::sigset_t wanted_;
};

}  // namespace gateway
