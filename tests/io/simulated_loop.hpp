// A loop whose driver is simulated in virtual time, whatever the environment: both ends of
// everything are driven by the test's thread.
#pragma once

#include <memory>

#include "io/loop.hpp"
#include "io/simulated_driver.hpp"
#include "io/simulation.hpp"

namespace io_test {

struct simulation_holder {
  explicit simulation_holder(const io::simulation_options& options) : plan(options) {}
  io::simulation plan;
};

/// No delays beyond order, nothing that the plan does not say.
inline io::simulation_options exact_simulation(std::uint64_t seed = 1) {
  io::simulation_options options;
  options.seed = seed;
  options.odds = {0, 0, 0, 0, 0, 0};
  return options;
}

struct simulated_loop : simulation_holder, loop {
  explicit simulated_loop(const io::simulation_options& options = {},
                          const io::driver_options& sizes = {})
      : simulation_holder(options), loop(*io::simulated_driver::create(plan, sizes)) {}
  [[nodiscard]] std::uint64_t trace_hash() const {
    return static_cast<const io::simulated_driver&>(*driver).trace_hash();
  }
};

}  // namespace io_test
