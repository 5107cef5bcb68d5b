// Constants of io_uring that are newer than the oldest liburing this project builds with (2.3).
//
// Values are the kernel's ABI. Whether the running kernel knows them is found out at run time: a
// refused flag is dropped by create(), a refused operation falls back where it is used.
#pragma once

#include <liburing.h>

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif

namespace sluice::inline v0::io {

/// Since kernel 5.17: no completion for a request that succeeded. In liburing 2.3 as an enumerator.
inline constexpr unsigned sqe_skip_success = 1U << 6;

}  // namespace sluice::inline v0::io
