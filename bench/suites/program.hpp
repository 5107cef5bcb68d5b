// program: the programs of actor suites other than Savina.
#pragma once

#include <span>

#include "../harness/iteration.hpp"

namespace suites {

using namespace sluice::bench;

extern const program caf_creation;
extern const program caf_mailbox;
extern const program caf_mandelbrot;
extern const program caf_mixed;
extern const program ergo_local;
extern const program ergo_local_nn;
extern const program ergo_memusage;
extern const program ergo_pubsub;
extern const program pony_ubench;
extern const program proto_inprocess;
extern const program skynet;
extern const program tokio_spawn_many_local;
extern const program tokio_spawn_many_remote_idle;
extern const program tokio_spawn_many_remote_busy1;
extern const program tokio_spawn_many_remote_busy2;
extern const program tokio_yield_many;
extern const program tokio_ping_pong;
extern const program tokio_chained_spawn;
extern const program tokio_mpsc_unbounded;
extern const program tokio_mpsc_bounded;
extern const program tokio_mpsc_bounded_full;
extern const program verona_backpressure1;
extern const program verona_backpressure2;
extern const program verona_backpressure3;
extern const program verona_smallbank;
extern const program so_no_workload;
extern const program chat_app_default;
extern const program chat_app_scalability;
extern const program chat_app_mailbox;
extern const program chat_app_message;
extern const program chat_app_actorgc;

/// Suite by suite.
[[nodiscard]] std::span<const program* const> all_programs() noexcept;

}  // namespace suites
