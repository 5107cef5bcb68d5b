// failing: the n-th call of a kind that the program makes to its host fails.
//
// Counts from arm() on, on all threads. The definitions in failing.cpp come before those of the C
// and C++ libraries.
#pragma once

#include <cstdint>

namespace faults {

enum class call : unsigned char { allocation, mapping, thread, descriptor, count };
inline constexpr const char* call_names[] = {"allocation", "mapping", "thread", "descriptor"};

/// The `nth` call of this kind fails, from 1; 0: none, they are counted.
void arm(call kind, std::uint64_t nth) noexcept;
void disarm() noexcept;
/// Calls of the kind since arm().
[[nodiscard]] std::uint64_t counted() noexcept;
[[nodiscard]] bool has_failed() noexcept;
/// Allocations by operator new that have not been given back.
[[nodiscard]] std::int64_t allocations_out() noexcept;

}  // namespace faults
