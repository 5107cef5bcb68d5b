#include "program.hpp"

namespace suites {

namespace {

// clang-format off
constexpr const program* table[] = {
    &ergo_local,
    &ergo_local_nn,
    &ergo_memusage,
    &ergo_pubsub,
    &caf_creation,
    &caf_mailbox,
    &caf_mixed,
    &caf_mandelbrot,
    &pony_ubench,
    &skynet,
    &proto_inprocess,
    &tokio_chained_spawn,
};
// clang-format on

}  // namespace

std::span<const program* const> all_programs() noexcept { return table; }

}  // namespace suites
