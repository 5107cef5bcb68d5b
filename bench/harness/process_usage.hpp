// What the process holds of the machine's memory and time, as the kernel counts it.
#pragma once

#include <cstdint>

namespace sluice::bench {

/// Bytes resident now.
[[nodiscard]] std::uint64_t resident_bytes();

/// The most that was ever resident.
[[nodiscard]] std::uint64_t resident_bytes_peak();

/// Processor time used by all threads so far, in nanoseconds.
[[nodiscard]] std::uint64_t processor_time_ns();

}  // namespace sluice::bench
