// The life of the program, the same for every mode: node, mode, signals, drain, summary.
#pragma once

#include "arguments.hpp"

namespace gateway {

enum exit_status : int { stopped_in_order = 0, failed = 1, usage = 2 };

[[nodiscard]] exit_status serve(const arguments& asked);

}  // namespace gateway
