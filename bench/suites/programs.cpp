#include "program.hpp"

namespace suites {

namespace {

// clang-format off
constexpr const program* table[] = {
    &tokio_chained_spawn,
};
// clang-format on

}  // namespace

std::span<const program* const> all_programs() noexcept { return table; }

}  // namespace suites
