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
    &tokio_spawn_many_local,
    &tokio_spawn_many_remote_idle,
    &tokio_spawn_many_remote_busy1,
    &tokio_spawn_many_remote_busy2,
    &tokio_yield_many,
    &tokio_ping_pong,
    &tokio_chained_spawn,
    &tokio_mpsc_unbounded,
    &tokio_mpsc_bounded,
    &tokio_mpsc_bounded_full,
    &verona_backpressure1,
    &verona_backpressure2,
    &verona_backpressure3,
    &verona_smallbank,
    &so_no_workload,
    &chat_app_default,
    &chat_app_scalability,
    &chat_app_mailbox,
    &chat_app_message,
    &chat_app_actorgc,
};
// clang-format on

}  // namespace

std::span<const program* const> all_programs() noexcept { return table; }

}  // namespace suites
