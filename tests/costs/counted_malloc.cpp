#include "costs/counted_malloc.hpp"

#include <cerrno>
#include <cstddef>

#include "base/atomic.hpp"

namespace {

constinit sluice::base::atomic<std::uint64_t> count{0};

}  // namespace

std::uint64_t malloc_count() noexcept {
  return count.load(sluice::base::relaxed);  // Relaxed: messages order it.
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// In place of the C library's own, which operator new calls too; free() stays.
extern "C" {

void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t items, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) noexcept {
  count.fetch_add(1, sluice::base::relaxed);  // Relaxed, here and below: a count.
  return __libc_malloc(bytes);
}
void* calloc(std::size_t items, std::size_t bytes) noexcept {
  count.fetch_add(1, sluice::base::relaxed);
  return __libc_calloc(items, bytes);
}
void* realloc(void* old, std::size_t bytes) noexcept {
  count.fetch_add(1, sluice::base::relaxed);
  return __libc_realloc(old, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  count.fetch_add(1, sluice::base::relaxed);
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return memalign(alignment, bytes);
}
int posix_memalign(void** into, std::size_t alignment, std::size_t bytes) noexcept {
  *into = memalign(alignment, bytes);
  return *into == nullptr ? ENOMEM : 0;
}

}  // extern "C"

bool counts_malloc() noexcept { return true; }

#else

bool counts_malloc() noexcept { return false; }

#endif
