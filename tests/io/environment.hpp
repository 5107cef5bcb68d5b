// Where the suite of the io layer runs: which driver, under which limits.
//
// One executable, one meson test an environment; the variable SLUICE_IO_DRIVER names it. A Catch2
// listener sets the process up when the reporters have opened their files.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include <catch2/catch_test_macros.hpp>

#include "io/driver.hpp"
#include "io/uring_driver.hpp"

namespace io_test {

using namespace sluice;

enum class environment {
  uring,         ///< io_uring, as root or whoever runs the tests
  epoll,         ///< epoll by choice
  simulated,     ///< a seed decides what completes, when and how; the peers are real
  unprivileged,  ///< io_uring for uid 65534 without locked memory
  tiny,          ///< io_uring with 4 entries and 2 buffers wherever a test does not say its own
  seccomp,       ///< automatic choice inside a filter that refuses io_uring_setup
};

[[nodiscard]] environment this_environment();
/// A driver as the environment has it; not attached. Fails the test when it cannot be made.
[[nodiscard]] std::unique_ptr<io::driver> make_driver(const io::uring_options& options);

/// Whether the drivers of this environment are rings.
[[nodiscard]] inline bool has_rings() {
  const environment here = this_environment();
  return here == environment::uring || here == environment::unprivileged ||
         here == environment::tiny;
}
/// For the cases tagged [uring].
inline void needs_ring() {
  if (!has_rings()) SKIP("the driver of this environment is no io_uring");
}

/// A filter of four instructions: io_uring_setup answers `os_error`, everything else is allowed.
[[nodiscard]] bool forbid_io_uring(int os_error);

/// Runs `body` in a child process; its return value is the child's exit status.
template <class Body>
int in_child(Body body) {
  const ::pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

}  // namespace io_test
