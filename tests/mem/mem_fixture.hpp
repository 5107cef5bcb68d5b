// What the tests of mem share.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <fstream>

#include "base/poison.hpp"
#include "mem/block_pool.hpp"

/// Fails the test case that leaves more or fewer blocks outstanding than it found. Declare it
/// first: it looks when the caches of the test case are gone.
class leak_check {
 public:
  leak_check() : before_(sluice::mem::pool().statistics()) {}
  leak_check(const leak_check&) = delete;
  leak_check& operator=(const leak_check&) = delete;
  ~leak_check() {
    const auto after = sluice::mem::pool().statistics();
    for (sluice::mem::class_index index = 0; index < sluice::mem::class_count; ++index) {
      CHECK(after.classes[index].outstanding == before_.classes[index].outstanding);
    }
    CHECK(after.outstanding_large == before_.outstanding_large);
  }

 private:
  sluice::mem::pool_statistics before_;
};

/// Sanitizers keep memory of their own for every page that was touched.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool has_shadow_memory = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool has_shadow_memory = true;
#else
inline constexpr bool has_shadow_memory = sluice::base::can_poison;
#endif
#else
inline constexpr bool has_shadow_memory = sluice::base::can_poison;
#endif

/// Resident bytes of this process.
inline std::size_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t total_pages = 0;
  std::size_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * 4096;
}
