// program: the programs of actor suites other than Savina.
#pragma once

#include <span>

#include "../harness/iteration.hpp"

namespace suites {

using namespace sluice::bench;

extern const program tokio_chained_spawn;

/// Suite by suite.
[[nodiscard]] std::span<const program* const> all_programs() noexcept;

}  // namespace suites
