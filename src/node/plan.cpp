// From node_options to threads, pins and drivers, and the text that says so.
#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/cpu_topology.hpp"
#include "io/driver_choice.hpp"
#include "node/node_state.hpp"
#include "sched/park_driver.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

constexpr std::uint32_t schedulers_limit = 1024;
constexpr std::chrono::microseconds idle_poll_limit = std::chrono::seconds{1};

std::vector<int> cores_for(const node_options& options, const std::vector<int>& allowed,
                           std::size_t index, bool owns_ring) {
  switch (options.pin) {
    case pinning::never: return {};
    case pinning::list:
      if (options.pin_list.empty()) return {};
      return {options.pin_list[index % options.pin_list.size()]};
    case pinning::cores: return {allowed[index % allowed.size()]};
    case pinning::none: break;
  }
  return owns_ring ? std::vector<int>{base::next_pin_core(allowed)} : std::vector<int>{};
}

result<io::chosen_driver> make_driver(const node_options& options, std::string& said) {
  io::driver_plan wanted;
  switch (options.driver) {
    case driver_choice::automatic: wanted.kind = io::driver_kind::automatic; break;
    case driver_choice::io_uring: wanted.kind = io::driver_kind::io_uring; break;
    case driver_choice::epoll: wanted.kind = io::driver_kind::epoll; break;
    case driver_choice::simulated: wanted.kind = io::driver_kind::simulated; break;
  }
  wanted.simulated = options.simulation;
  wanted.options.sq_entries = options.ring_entries;
  wanted.options.cq_entries = options.ring_completions;
  wanted.options.common.buffer_count = options.ring_buffers;
  wanted.options.common.buffer_bytes = options.ring_buffer_bytes;
  auto chosen = io::create_driver(wanted);
  if (chosen) {
    said = chosen.value().made->describe();
  } else if (chosen.error().code == error_code::io_unavailable) {
    said = io::explain_unavailable(chosen.error());
  } else {
    said = chosen.error().message();
  }
  return chosen;
}

// A worker that polls takes the time of those it shares its core with.
void forbid_polling_on_shared_cores(std::vector<sched::worker_plan>& plans,
                                    const std::vector<int>& allowed) {
  for (auto& plan : plans) {
    const auto shares = [&plan](const sched::worker_plan& other) {
      return &other != &plan && !plan.cores.empty() && other.cores == plan.cores;
    };
    if (plans.size() > allowed.size() || std::any_of(plans.begin(), plans.end(), shares)) {
      plan.idle_poll_us = 0;
    }
  }
}

std::string pin_text(const std::vector<sched::worker_plan>& plans) {
  std::string text;
  for (const auto& plan : plans) {
    text += text.empty() ? "" : ",";
    text += plan.cores.empty() ? "-" : std::to_string(plan.cores.front());
  }
  return text;
}

std::string idle_poll_text(const std::vector<sched::worker_plan>& plans) {
  std::string text;
  for (const auto& plan : plans) {
    const std::string own = std::to_string(plan.idle_poll_us);
    if (text.empty()) text = own;
    if (text != own) return "mixed";
  }
  return text + " us";
}

}  // namespace

result<std::vector<sched::worker_plan>> plan_workers(const node_options& options, node_core& core,
                                                     std::string& text) {
  const std::uint32_t schedulers =
      options.schedulers != 0 ? options.schedulers
                              : static_cast<std::uint32_t>(base::default_scheduler_count());
  if (schedulers > schedulers_limit || options.io_threads > schedulers_limit) {
    return error{error_code::bad_argument, 0, "node_options: more than 1024 threads"};
  }
  if (options.processes_max == 0) {
    return error{error_code::bad_argument, 0, "node_options: processes_max is 0"};
  }
  if (options.idle_poll_max.count() < 0 || options.idle_poll_max > idle_poll_limit) {
    return error{error_code::bad_argument, 0, "node_options: idle_poll_max"};
  }
  const std::vector<int> allowed = base::allowed_cores();
  const std::uint32_t io_threads = options.io ? options.io_threads : 0;
  std::vector<sched::worker_plan> plans;
  std::string driver_text = "none";
  for (std::uint32_t index = 0; index < schedulers + io_threads; ++index) {
    sched::worker_plan plan;
    plan.runs_processes = index < schedulers;
    const bool owns_ring = options.io && (plan.runs_processes == (io_threads == 0));
    plan.thread_name = (plan.runs_processes ? "sluice-s" : "sluice-io") +
                       std::to_string(plan.runs_processes ? index : index - schedulers);
    plan.cores = cores_for(options, allowed, index, owns_ring);
    plan.idle_poll_us = static_cast<std::uint32_t>(options.idle_poll_max.count());
    if (owns_ring) {
      auto chosen = make_driver(options, driver_text);
      if (!chosen) {
        text = driver_text;
        return chosen.error();
      }
      plan.parking = std::move(chosen.value().made);
      // Only a ring shows what has come without a system call; the others look when they park.
      if (chosen.value().kind != io::driver_kind::io_uring) plan.idle_poll_us = 0;
    } else {
      plan.parking = std::make_unique<sched::park_driver>();
    }
    plans.push_back(std::move(plan));
  }
  forbid_polling_on_shared_cores(plans, allowed);
  core.ring_worker_first = io_threads == 0 ? 0 : schedulers;
  core.helpers.set_threads_max(options.offload_threads_max);
  core.ring_worker_count = !options.io ? 0 : io_threads == 0 ? schedulers : io_threads;
  utsname system{};
  ::uname(&system);
  text = std::string{"kernel "} + system.release + "; schedulers " + std::to_string(schedulers) +
         " (asked " + (options.schedulers == 0 ? "auto" : std::to_string(options.schedulers)) +
         "); io threads " + std::to_string(io_threads) +
         (options.io && io_threads == 0 ? " (a ring in every scheduler)" : "") + "; pins " +
         pin_text(plans) + "; idle poll " + idle_poll_text(plans) + "; driver " + driver_text;
  return plans;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
