// Stands for mem/cache.hpp: blocks come from Relacy's own memory, where what is given back twice,
// used afterwards or never given back is found.
#pragma once

#include <cstddef>
#include <new>

#include "mem/size_class.hpp"

namespace sluice::inline v0::mem {

class cache {
 public:
  [[nodiscard]] void* allocate(class_index) noexcept { return ::operator new(block_bytes); }
  void free(void* memory, class_index) noexcept { ::operator delete(memory); }
  [[nodiscard]] void* allocate_bytes(std::size_t size) noexcept { return ::operator new(size); }
  void free_bytes(void* memory, std::size_t) noexcept { ::operator delete(memory); }

 private:
  // A modelled atomic is larger than one of the machine's.
  static constexpr std::size_t block_bytes = 512;
};

[[nodiscard]] inline cache& this_thread_cache() noexcept {
  static constinit cache own;
  return own;
}

}  // namespace sluice::inline v0::mem
