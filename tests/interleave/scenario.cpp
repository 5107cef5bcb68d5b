#include "scenario.hpp"

#include "mem/block_pool.hpp"

namespace interleave {

const kind kinds[] = {
    {"mail", &make_mail, 400},   {"calls", &make_calls, 300}, {"timers", &make_timers, 300},
    {"lives", &make_lives, 200}, {"metas", &make_metas, 100}, {"names", &make_names, 200},
    {"stop", &make_stop, 4},
};
const unsigned kind_count = sizeof(kinds) / sizeof(kinds[0]);

judged_node::judged_node() : blocks_before_(sluice::mem::pool().statistics().outstanding_blocks()) {
  sluice::node_options options;
  options.schedulers = 1 + static_cast<std::uint32_t>(draw(3));
  options.io = false;
  options.pin = sluice::pinning::never;
  options.processes_max = 4096;
  options.idle_poll_max = std::chrono::microseconds{draw(3) * 5};
  options.log = [](sluice::log_severity, std::string_view) {};
  node_ = std::make_unique<sluice::node>("interleaved", std::move(options));
  expect(static_cast<bool>(node_->start()), "the node does not start");
}

void judged_node::settle(std::uint64_t alive) {
  // Bounded by the steps of a round.
  while (true) {
    const auto sums = node_->messages();
    if (sums.queued == sums.timed && sums.alive == alive &&
        sums.sent == sums.handled + sums.dropped + sums.rejected + sums.queued) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

void judged_node::finish() {
  const auto report = node_->stop(std::chrono::seconds{30});
  expect(report.is_clean(), "somebody did not stop");
  const auto sums = node_->messages();
  expect(sums.sent == sums.handled + sums.dropped + sums.rejected + sums.queued,
         "conservation: sent is not handled + dropped + rejected + queued");
  expect(sums.queued == 0, "conservation: a stopped node has messages in queues");
  expect(sums.alive == 0, "somebody lives in a stopped node");
  for (const auto& each : node_->schedulers()) {
    expect(each.rescued_by_timeout == 0, "a lost wake: work was found by a time-out");
  }
  for (const auto& each : node_->behaviours()) {
    expect(each.killed == 0 || each.name.find("killable") != std::string::npos,
           "a stop killed somebody who would have ended by itself");
  }
  node_.reset();
  expect(sluice::mem::pool().statistics().outstanding_blocks() == blocks_before_,
         "blocks of the pool are outstanding after the node's end");
}

void on_threads(const std::vector<std::function<void()>>& bodies) {
  std::vector<std::thread> threads;
  for (const auto& each : bodies) threads.emplace_back(each);
  for (auto& each : threads) each.join();
}

}  // namespace interleave
