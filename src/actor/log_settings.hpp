// log_settings: what a process has said about its log lines. Its owner's handlers alone touch it.
#pragma once

#include <vector>

#include <sluice/log.hpp>

namespace sluice::inline v0::core {

struct log_settings {
  log_severity level = log_severity::debug;
  std::vector<log_field> fields;  ///< escaped
};

}  // namespace sluice::inline v0::core
