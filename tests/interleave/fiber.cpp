#include "fiber.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace __cxxabiv1 {
extern "C" __cxa_eh_globals* __cxa_get_globals() noexcept;
}

extern "C" void interleave_switch(void** save_stack_pointer, void* next_stack_pointer) noexcept;

// Keeps what a callee keeps by the System V ABI on the old stack, and takes it from the new one.
asm(R"(
.text
.globl interleave_switch
.type interleave_switch, @function
interleave_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size interleave_switch, .-interleave_switch
)");

namespace interleave {

namespace {

constexpr std::size_t kept_registers = 6;

// Of the program itself; libraries keep theirs, but for what is exchanged by name.
struct thread_locals {
  std::byte* place = nullptr;
  std::size_t bytes = 0;
  const std::byte* image = nullptr;
  std::size_t image_bytes = 0;
};
thread_locals own;
std::vector<std::byte*> free_stacks;

int note_thread_locals(dl_phdr_info* about, std::size_t, void*) {
  for (unsigned i = 0; i < about->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = about->dlpi_phdr[i];
    if (part.p_type != PT_TLS) continue;
    own.place = static_cast<std::byte*>(about->dlpi_tls_data);
    own.bytes = part.p_memsz;
    own.image = reinterpret_cast<const std::byte*>(about->dlpi_addr + part.p_vaddr);
    own.image_bytes = part.p_filesz;
  }
  return 1;  // The first one is the program.
}

std::unique_ptr<std::byte[]> fresh_locals() {
  auto made = std::make_unique<std::byte[]>(own.bytes);
  if (own.image_bytes != 0) std::memcpy(made.get(), own.image, own.image_bytes);
  return made;
}

}  // namespace

void adopt_this_thread(fiber& first) {
  ::dl_iterate_phdr(&note_thread_locals, nullptr);
  first.locals = fresh_locals();
}

void prepare(fiber& fresh, void (*entry)()) {
  if (free_stacks.empty()) {
    void* const made = ::mmap(nullptr, stack_bytes + 4096, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED || ::mprotect(made, 4096, PROT_NONE) != 0) {
      std::perror("interleave: stack of a fiber");
      std::abort();
    }
    free_stacks.push_back(static_cast<std::byte*>(made) + 4096);
  }
  fresh.stack = free_stacks.back();
  free_stacks.pop_back();
  fresh.locals = fresh_locals();
  // The first switch pops registers and returns into `entry`, as if that had been called.
  auto* top = reinterpret_cast<void**>(fresh.stack + stack_bytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (std::size_t i = 0; i < kept_registers; ++i) *--top = nullptr;
  fresh.stack_pointer = top;
}

void retire(fiber& finished) noexcept {
  if (finished.stack != nullptr) free_stacks.push_back(finished.stack);
  finished.stack = nullptr;
}

void exchange(fiber& from, fiber& to) noexcept {
  void** const exceptions = reinterpret_cast<void**>(__cxxabiv1::__cxa_get_globals());
  std::memcpy(from.exceptions, exceptions, sizeof(from.exceptions));
  std::memcpy(exceptions, to.exceptions, sizeof(to.exceptions));
  std::memcpy(from.locals.get(), own.place, own.bytes);
  std::memcpy(own.place, to.locals.get(), own.bytes);
  ::interleave_switch(&from.stack_pointer, to.stack_pointer);
}

}  // namespace interleave
