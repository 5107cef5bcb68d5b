// How often this program has asked the C library for memory, on all its threads.
#pragma once

#include <cstdint>

/// False under sanitizers, which have an allocator of their own.
[[nodiscard]] bool counts_malloc() noexcept;
[[nodiscard]] std::uint64_t malloc_count() noexcept;
