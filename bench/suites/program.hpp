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
extern const program tokio_chained_spawn;

/// Suite by suite.
[[nodiscard]] std::span<const program* const> all_programs() noexcept;

}  // namespace suites
