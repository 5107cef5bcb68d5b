#include <sluice/testing.hpp>

#include <random>

#include "testing/stepped_node.hpp"

namespace sluice {
inline namespace v0 {
namespace testing {

namespace {

std::uint64_t seed_or_another(std::uint64_t seed) {
  while (seed == 0) seed = std::random_device{}();
  return seed;
}

stepped_node::setup setup_of(const world_options& options, std::uint64_t seed,
                             std::vector<logged_line>& logged) {
  stepped_node::setup wanted;
  wanted.seed = seed;
  wanted.steps_max = options.steps_max;
  wanted.keeps_trace = options.keeps_trace;
  wanted.node.io = options.io;
  wanted.node.env = options.env;
  wanted.node.ring_buffers = 64;
  wanted.node.log = [&logged](log_severity level, std::string_view text) {
    logged.push_back({level, std::string{text}});
  };
  return wanted;
}

}  // namespace

world::world(world_options options)
    : seed_(seed_or_another(options.seed)),
      inner_(std::make_unique<stepped_node>(setup_of(options, seed_, logged_))) {}
world::~world() = default;

node& world::operator*() noexcept { return inner_->get(); }
bool world::step() { return inner_->step(); }
bool world::run_until_idle() { return inner_->run_until_idle(); }
bool world::advance(std::chrono::nanoseconds time) { return inner_->advance(time.count()); }
std::chrono::nanoseconds world::elapsed() const {
  return std::chrono::nanoseconds{inner_->elapsed()};
}
std::uint64_t world::seed() const noexcept { return seed_; }
std::uint64_t world::trace_hash() const noexcept { return inner_->trace_hash(); }
const std::vector<std::string>& world::trace() const noexcept { return inner_->trace(); }
const std::vector<logged_line>& world::logged() const noexcept { return logged_; }

}  // namespace testing
}  // namespace v0
}  // namespace sluice
