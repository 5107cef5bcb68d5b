#include "failing.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdlib>
#include <new>

namespace faults {
namespace {

constinit std::atomic<bool> is_armed{false};
constinit std::atomic<call> armed_kind{call::allocation};
constinit std::atomic<std::uint64_t> armed_nth{0};
constinit std::atomic<std::uint64_t> calls{0};
constinit std::atomic<bool> failed{false};
constinit std::atomic<std::int64_t> out{0};

bool fails(call kind) noexcept {
  if (!is_armed.load() || armed_kind.load() != kind) return false;
  if (calls.fetch_add(1) + 1 != armed_nth.load()) return false;
  failed.store(true);
  return true;
}

void* take(std::size_t bytes, std::size_t alignment) noexcept {
  if (fails(call::allocation)) return nullptr;
  void* const memory =
      alignment == 0
          ? std::malloc(bytes == 0 ? 1 : bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory != nullptr) out.fetch_add(1);
  return memory;
}

void give(void* memory) noexcept {
  if (memory != nullptr) out.fetch_sub(1);
  std::free(memory);
}

void* take_or_throw(std::size_t bytes, std::size_t alignment) {
  void* const memory = take(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}

template <class Function>
Function* real(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int refuse(int os_error) noexcept {
  errno = os_error;
  return -1;
}

}  // namespace

void arm(call kind, std::uint64_t nth) noexcept {
  armed_kind.store(kind);
  armed_nth.store(nth);
  calls.store(0);
  failed.store(false);
  is_armed.store(true);
}
void disarm() noexcept { is_armed.store(false); }
std::uint64_t counted() noexcept { return calls.load(); }
bool has_failed() noexcept { return failed.load(); }
std::int64_t allocations_out() noexcept { return out.load(); }

}  // namespace faults

void* operator new(std::size_t bytes) { return faults::take_or_throw(bytes, 0); }
void* operator new[](std::size_t bytes) { return faults::take_or_throw(bytes, 0); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return faults::take(bytes, 0);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return faults::take(bytes, 0);
}
void* operator new(std::size_t bytes, std::align_val_t to) {
  return faults::take_or_throw(bytes, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t bytes, std::align_val_t to) {
  return faults::take_or_throw(bytes, static_cast<std::size_t>(to));
}
void* operator new(std::size_t bytes, std::align_val_t to, const std::nothrow_t&) noexcept {
  return faults::take(bytes, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t bytes, std::align_val_t to, const std::nothrow_t&) noexcept {
  return faults::take(bytes, static_cast<std::size_t>(to));
}
void operator delete(void* memory) noexcept { faults::give(memory); }
void operator delete[](void* memory) noexcept { faults::give(memory); }
void operator delete(void* memory, std::size_t) noexcept { faults::give(memory); }
void operator delete[](void* memory, std::size_t) noexcept { faults::give(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { faults::give(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { faults::give(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { faults::give(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { faults::give(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { faults::give(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  faults::give(memory);
}
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  faults::give(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  faults::give(memory);
}

extern "C" {

void* mmap(void* at, size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  static auto* const next = faults::real<void*(void*, size_t, int, int, int, off_t)>("mmap");
  if (faults::fails(faults::call::mapping)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return next(at, bytes, protection, flags, fd, offset);
}

int pthread_create(pthread_t* made, const pthread_attr_t* how, void* (*body)(void*),
                   void* argument) noexcept {
  static auto* const next =
      faults::real<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>(
          "pthread_create");
  if (faults::fails(faults::call::thread)) return EAGAIN;
  return next(made, how, body, argument);
}

int eventfd(unsigned value, int flags) noexcept {
  static auto* const next = faults::real<int(unsigned, int)>("eventfd");
  if (faults::fails(faults::call::descriptor)) return faults::refuse(EMFILE);
  return next(value, flags);
}
int epoll_create1(int flags) noexcept {
  static auto* const next = faults::real<int(int)>("epoll_create1");
  if (faults::fails(faults::call::descriptor)) return faults::refuse(EMFILE);
  return next(flags);
}
int socket(int family, int type, int protocol) noexcept {
  static auto* const next = faults::real<int(int, int, int)>("socket");
  if (faults::fails(faults::call::descriptor)) return faults::refuse(EMFILE);
  return next(family, type, protocol);
}
int pipe2(int* ends, int flags) noexcept {
  static auto* const next = faults::real<int(int*, int)>("pipe2");
  if (faults::fails(faults::call::descriptor)) return faults::refuse(EMFILE);
  return next(ends, flags);
}

}  // extern "C"
