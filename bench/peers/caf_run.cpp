#include "caf_run.hpp"

#include <algorithm>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <iterator>
#include <string>
#include <thread>

namespace peers {

namespace {

using namespace std::chrono_literals;
constexpr auto ending_patience = 60s;

// CAF's work stealing walks the victim's whole queue, both of its locks held, for each job it
// steals: a thief beside a million queued jobs stops both workers. So a workload that queues that
// many has a parameter that chooses the shared queue.
bool is_sharing_wanted(const request& asked) {
  const auto& all = asked.what.parameters;
  const bool has_choice = std::any_of(std::begin(all), std::end(all),
                                      [](const auto& one) { return one.name == "sharing"; });
  return has_choice && asked.parameter("sharing") != 0;
}

caf::actor_system_config& configure(caf::actor_system_config& config, const request& asked) {
  config.set("scheduler.max-threads", static_cast<std::size_t>(asked.given.threads));
  if (is_sharing_wanted(asked)) config.set("scheduler.policy", caf::atom("sharing"));
  return config;
}

}  // namespace

caf_run::caf_run(const request& asked)
    : asked_(asked),
      system_(configure(config_, asked)),
      living_before_(system_.registry().running()) {
  if (system_.scheduler().num_workers() != asked.given.threads) {
    give_up(asked, "CAF did not take the number of threads");
  }
}

double caf_run::wait_from(actor_bench::bench_clock::time_point started_at) {
  if (!line_.wait_until(started_at + asked_.given.patience)) throw void_run{"not done in time"};
  if (const std::string failure = line_.failure(); !failure.empty()) throw void_run{failure};
  return std::chrono::duration<double>(line_.ended_at() - started_at).count();
}

// CAF's own wait has no end.
void caf_run::await_living(std::size_t wanted, const char* promise) {
  const auto deadline = actor_bench::bench_clock::now() + ending_patience;
  while (system_.registry().running() != wanted) {
    if (actor_bench::bench_clock::now() > deadline) throw void_run{promise};
    std::this_thread::sleep_for(1ms);
  }
}

void caf_run::await_alive(std::uint64_t alive) {
  await_living(living_before_ + alive, "another number of actors lives than should");
}

void caf_run::finish(std::uint64_t messages, std::uint64_t alive) {
  await_alive(alive);
  for (const auto& each : spawned_) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  spawned_.clear();
  await_living(living_before_, "an actor does not end");
  if (const std::string failure = line_.failure(); !failure.empty()) throw void_run{failure};
  const std::uint64_t sent = sent_.load() + sent_from_outside_;
  if (sent != messages || handled_.load() != messages) {
    throw void_run{std::to_string(sent) + " messages were sent and " +
                   std::to_string(handled_.load()) + " handled instead of " +
                   std::to_string(messages)};
  }
}

// A system whose actors live waits for them when it is destroyed, so a failed run never gets there.
std::vector<figure> run_on_caf(const request& asked, caf_protocol protocol) {
  caf_run run{asked};
  try {
    return protocol(run);
  } catch (const std::exception& why) {
    give_up(asked, why.what());
  }
}

}  // namespace peers
