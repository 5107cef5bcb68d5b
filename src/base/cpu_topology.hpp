// Which cores this process may use, and how many schedulers that suggests.
#pragma once

#include <vector>

namespace sluice::inline v0::base {

/// Cores in the calling process's affinity mask, ascending. Never empty.
[[nodiscard]] std::vector<int> allowed_cores();

/// Cores' worth of CPU time granted by the cgroup (v2 cpu.max, v1 quota), rounded up; 0 = no limit.
[[nodiscard]] int cgroup_cpu_limit();

/// The default number of schedulers: allowed cores, cut by the cgroup's limit; at least 1.
[[nodiscard]] int default_scheduler_count();

/// The next core for a thread that pins itself: walks `allowed` round robin with a counter of the
/// whole process, so that two nodes do not stack their threads on one core. Any thread.
[[nodiscard]] int next_pin_core(const std::vector<int>& allowed);

}  // namespace sluice::inline v0::base
