// regular_file: opens a file of a disk, and nothing else: no pipe that would make the opener wait,
// no device, no folder.
#pragma once

#include <string>

#include <sluice/result.hpp>

#include "base/unique_fd.hpp"

namespace sluice::inline v0::net {

/// `flags` of open(2), `mode` of a file that is made. `place` names the caller in the errors.
[[nodiscard]] result<base::unique_fd> open_regular_file(const std::string& path, int flags,
                                                        unsigned mode, const char* place);

}  // namespace sluice::inline v0::net
