// Whose processor time: this process's and, by its pid, another's; and the memory of another.
#pragma once

#include <cstdint>

namespace sluice::bench {

struct cpu_seconds {
  double user = 0;
  double system = 0;
};
[[nodiscard]] cpu_seconds own_cpu_seconds();
[[nodiscard]] std::uint64_t own_cpu_ns();

// CPU time of all threads of a process that still live, from the scheduler's own nanosecond count.
// 0 when there is no such process.
[[nodiscard]] std::uint64_t cpu_ns_of(int pid);

// Resident memory of a process, counted page by page and not from the kernel's rounded counter.
// 0 when it cannot be read.
[[nodiscard]] std::uint64_t resident_bytes_of(int pid);
// Memory that the kernel keeps for objects of its own, sockets among them; of the whole machine.
[[nodiscard]] std::uint64_t kernel_object_bytes();

}  // namespace sluice::bench
