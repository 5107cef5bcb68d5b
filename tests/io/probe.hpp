// Operations and timeouts that write down what they are told.
#pragma once

#include <sys/eventfd.h>

#include <functional>
#include <vector>

#include "io/loop.hpp"
#include "io/timeout.hpp"

namespace io_test {

struct probe {
  std::vector<int> results;
  unsigned final_count = 0;
  void on_completion(io::completion what) noexcept {
    results.push_back(what.result);
    final_count += what.is_final() ? 1 : 0;
    if (then) then();
  }
  std::function<void()> then;
  io::bound_operation<probe, &probe::on_completion> op{*this};
};

struct timeout_probe : io::timeout::listener {
  explicit timeout_probe(io::driver& driver) : timeout(driver, *this) {}
  void on_timeout() noexcept override {
    ++expired_count;
    expired_ns = base::now_ns();
  }
  unsigned expired_count = 0;
  base::nanoseconds_t expired_ns = 0;
  io::timeout timeout;
};

/// A descriptor that is always readable.
inline base::unique_fd make_readable() { return base::unique_fd{::eventfd(1, EFD_CLOEXEC)}; }

}  // namespace io_test
