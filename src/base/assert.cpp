#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace sluice::inline v0::base {

void assertion_failed(const char* condition, const char* sentence, const char* file, int line,
                      unsigned long long word) noexcept {
  std::fprintf(stderr, "sluice: bug: %s [%s] word=0x%llx at %s:%d\n", sentence, condition, word,
               file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace sluice::inline v0::base
