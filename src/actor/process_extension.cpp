#include "actor/process_extension.hpp"

#include "base/assert.hpp"
#include "mem/cache.hpp"

namespace sluice::inline v0::core {

namespace {

template <class T>
T& or_out_of_memory(T* made) {
  if (made != nullptr) return *made;
#if defined(__cpp_exceptions)
  throw std::bad_alloc{};
#else
  SLUICE_ASSERT(false, "no memory left for what a process has beside its slot");
  return *made;
#endif
}

}  // namespace

void* process_extension::operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return mem::this_thread_cache().allocate_bytes(bytes);
}

void process_extension::operator delete(void* memory, std::size_t bytes) noexcept {
  mem::this_thread_cache().free_bytes(memory, bytes);
}

process_extension* extension_or_made(slot& process) noexcept {
  if (process.extension == nullptr) process.extension = new (std::nothrow) process_extension;
  return process.extension;
}

seldom_used* seldom_or_made(slot& process) noexcept {
  process_extension* const more = extension_or_made(process);
  if (more == nullptr) return nullptr;
  if (more->seldom == nullptr) more->seldom.reset(new (std::nothrow) seldom_used);
  return more->seldom.get();
}

slot_extension* any_extension_or_made(slot& self) noexcept {
  return is_meta(self) ? extension_of(self) : extension_or_made(self);
}

process_extension& make_extension(slot& process) {
  return or_out_of_memory(extension_or_made(process));
}

seldom_used& make_seldom(slot& process) { return or_out_of_memory(seldom_or_made(process)); }

}  // namespace sluice::inline v0::core
