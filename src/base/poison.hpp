// poison: tells AddressSanitizer which memory of ours nobody may touch. Nothing in other builds.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif

namespace sluice::inline v0::base {

#ifdef ASAN_POISON_MEMORY_REGION
inline constexpr bool can_poison = true;

inline void poison(void* memory, std::size_t size) noexcept {
  ASAN_POISON_MEMORY_REGION(memory, size);
}
inline void unpoison(void* memory, std::size_t size) noexcept {
  ASAN_UNPOISON_MEMORY_REGION(memory, size);
}
#else
inline constexpr bool can_poison = false;

inline void poison(void*, std::size_t) noexcept {}
inline void unpoison(void*, std::size_t) noexcept {}
#endif

}  // namespace sluice::inline v0::base
