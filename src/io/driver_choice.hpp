// driver_choice: which driver a worker gets, and the words that say why.
//
// automatic takes io_uring; where the kernel refuses it (seccomp, sysctl, memory limit, too old)
// epoll, and describe() says so. A choice by name takes that driver or fails.
#pragma once

#include <cstdint>
#include <memory>

#include <sluice/result.hpp>

#include "io/driver.hpp"
#include "io/uring_driver.hpp"

namespace sluice::inline v0::io {

class simulation;

enum class driver_kind : std::uint8_t { automatic, io_uring, epoll, simulated };

struct driver_plan {
  driver_kind kind = driver_kind::automatic;
  uring_options options{};          ///< its common part is for every kind
  simulation* simulated = nullptr;  ///< for simulated: outlives the driver
};

struct chosen_driver {
  std::unique_ptr<driver> made;
  driver_kind kind;  ///< never automatic
};

/// Any thread. Errors: io_unavailable (io_uring by name; see explain_unavailable), bad_argument,
/// limit_reached.
[[nodiscard]] result<chosen_driver> create_driver(const driver_plan& plan);

}  // namespace sluice::inline v0::io
