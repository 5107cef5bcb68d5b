// sha256: the hash that published values of long results are given by (FIPS 180-4).
#pragma once

#include <string>
#include <string_view>

namespace savina {

/// In 64 hexadecimal digits.
[[nodiscard]] std::string sha256_of(std::string_view text);

}  // namespace savina
