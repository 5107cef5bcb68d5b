// What kind of build this is. For checks that are too dear to stay on; never for layouts.
#pragma once

namespace sluice::inline v0::base {

#if defined(SLUICE_DEBUG)
inline constexpr bool is_debug_build = true;
#else
inline constexpr bool is_debug_build = false;
#endif

}  // namespace sluice::inline v0::base
