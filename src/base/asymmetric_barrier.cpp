#include "base/asymmetric_barrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.hpp"

namespace sluice::inline v0::base {

namespace {

long membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

bool register_for_barriers() noexcept {
  const long offered = membarrier(MEMBARRIER_CMD_QUERY);
  return offered > 0 && (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 &&
         membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

}  // namespace

bool has_asymmetric_barrier() noexcept {
  static const bool is_registered = register_for_barriers();
  return is_registered;
}

void heavy_barrier() noexcept {
  const long failed = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  SLUICE_ASSERT(failed == 0, "the kernel takes back its memory barrier");
}

}  // namespace sluice::inline v0::base
