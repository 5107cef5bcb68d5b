#include "trial.hpp"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "../harness/process_usage.hpp"

namespace actor_bench {

namespace {

using namespace std::chrono_literals;
using sluice::bench::describe;
using sluice::bench::is_conserved;

constexpr auto quiescence_patience = 10s;
constexpr auto stop_patience = 30s;

// Before the first run of this process: pools outlive nodes.
std::uint64_t resident_bytes_at_first() {
  static const std::uint64_t bytes = sluice::bench::resident_bytes();
  return bytes;
}

sluice::node_options options_for(const settings& given) {
  sluice::node_options options;
  options.schedulers = given.threads;
  options.io = false;
  options.pin = given.pin;
  return options;
}

}  // namespace

trial::trial(const workload& what, const settings& given)
    : what_(what),
      given_(given),
      resident_bytes_before_(resident_bytes_at_first()),
      node_("actor-bench", options_for(given)) {
  if (auto started = node_.start(); !started) {
    throw void_run{"the node does not start: " + started.error().message()};
  }
}

std::uint64_t trial::parameter(std::string_view name) const {
  if (const auto found = given_.parameters.find(name); found != given_.parameters.end()) {
    return found->second;
  }
  for (const auto& each : what_.parameters) {
    if (each.name == name) return given_.is_tiny ? each.tiny : each.value;
  }
  throw void_run{"the workload has no parameter " + std::string{name}};
}

trial::work_done trial::done_so_far() const {
  work_done sums;
  for (const auto& each : node_.schedulers()) {
    sums.activations += each.activations;
    sums.steals += each.steals;
    sums.wakes += each.wakes;
    sums.busy_seconds += std::chrono::duration<double>(each.busy).count();
  }
  sums.messages = crossed.total();
  return sums;
}

void trial::note_timed(const work_done& before, double seconds) {
  const work_done after = done_so_far();
  timed_.activations += after.activations - before.activations;
  timed_.steals += after.steals - before.steals;
  timed_.wakes += after.wakes - before.wakes;
  timed_.busy_seconds += after.busy_seconds - before.busy_seconds;
  timed_.messages.received += after.messages.received - before.messages.received;
  timed_.messages.crossed += after.messages.crossed - before.messages.crossed;
  timed_.messages.moved += after.messages.moved - before.messages.moved;
  timed_seconds_ += seconds;
}

std::vector<figure> trial::costs() const {
  if (timed_seconds_ <= 0) return {};
  const std::uint64_t peak = std::max(sluice::bench::resident_bytes_peak(), resident_bytes_before_);
  return {{"-wakes", static_cast<double>(timed_.wakes) / timed_seconds_, "wakes/s"},
          {"-steals", static_cast<double>(timed_.steals) / timed_seconds_, "steals/s"},
          {"-grown", static_cast<double>(peak - resident_bytes_before_) / (1 << 20), "MiB"}};
}

double trial::wait_from(bench_clock::time_point begin) {
  const auto deadline = begin + given_.patience;
  sluice::bench::stall_watch watch{node_};
  while (!line_.wait_until(bench_clock::now() + watch.interval)) {
    watch.look();
    if (bench_clock::now() > deadline) {
      throw void_run{"not done in time" + describe(node_.messages())};
    }
  }
  if (const std::string failure = line_.failure(); !failure.empty()) throw void_run{failure};
  return std::chrono::duration<double>(line_.ended_at() - begin).count();
}

std::vector<figure> trial::traffic() const {
  const auto messages = static_cast<double>(timed_.messages.received);
  if (messages == 0) throw void_run{"nothing was counted"};
  const auto share = [messages](std::uint64_t part, double of) {
    return of * static_cast<double>(part) / messages;
  };
  return {{"-crossed", share(timed_.messages.crossed, 100), "%"},
          {"-moved", share(timed_.messages.moved, 100), "%"},
          {"-activations", share(timed_.activations, 1e6), "/M"},
          {"-steals", share(timed_.steals, 1e6), "/M"},
          {"-wakes", share(timed_.wakes, 1e6), "/M"},
          {"-busy", timed_.busy_seconds / timed_seconds_, "workers"}};
}

void trial::verify(std::uint64_t sent, std::uint64_t alive, std::uint64_t cancelled) {
  verify_handled(alive, cancelled);
  const sluice::message_statistics sums = node_.messages();
  require(sums.sent == sent, ("exactly " + std::to_string(sent) + " messages are sent").c_str());
}

void trial::settle() {
  const auto deadline = bench_clock::now() + given_.patience;
  while (node_.messages().queued != 0) {
    if (bench_clock::now() > deadline) throw void_run{"it does not settle"};
    std::this_thread::sleep_for(1ms);
  }
}

void trial::verify_handled(std::uint64_t alive, std::uint64_t cancelled) {
  const auto deadline = bench_clock::now() + quiescence_patience;
  sluice::message_statistics sums = node_.messages();
  // The last handler may still be returning, the last process ending.
  while ((sums.queued != 0 || sums.alive != alive) && bench_clock::now() < deadline) {
    std::this_thread::sleep_for(1ms);
    sums = node_.messages();
  }
  if (const std::string failure = line_.failure(); !failure.empty()) throw void_run{failure};
  require(is_conserved(sums), "messages are conserved");
  require(sums.queued == 0, "nothing stays queued");
  require(sums.cancelled == cancelled, "exactly those that are cancelled are accounted as such");
  require(sums.handled + cancelled == sums.sent, "each message is handled");
  require(sums.alive == alive, ("exactly " + std::to_string(alive) + " processes live").c_str());
}

void trial::finish() {
  const sluice::stop_report report = node_.stop(stop_patience);
  require(report.is_clean(), "the node stops in time");
  const sluice::message_statistics sums = node_.messages();
  require(is_conserved(sums), "messages are conserved after the stop");
  require(sums.queued == 0, "nothing is queued after the stop");
  require(sums.alive == 0, "nobody is alive after the stop");
  for (const auto& scheduler : node_.schedulers()) {
    if (scheduler.rescued_by_timeout == 0) continue;  // Else the figure holds, but look at it.
    std::fprintf(stderr, "actor-bench: %s: %llu wakes were found by a time-out\n",
                 std::string{what_.name}.c_str(),
                 static_cast<unsigned long long>(scheduler.rescued_by_timeout));
  }
  if (const std::string failure = line_.failure(); !failure.empty()) throw void_run{failure};
}

void trial::require(bool holds, const char* promise) const {
  if (!holds) throw void_run{std::string{promise} + ": no" + describe(node_.messages())};
}

}  // namespace actor_bench
