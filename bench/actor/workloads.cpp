#include "workload.hpp"

namespace actor_bench {

namespace {

constexpr const workload* listed[] = {&pingpong,      &ring,    &count,  &fjthrput,  &fjcreate,
                                      &big,           &mbox,    &nn,     &chameneos, &idle,
                                      &flood,         &quiet,   &call,   &suspended, &events,
                                      &spawn_monitor, &restart, &timers, &payload};

}  // namespace

std::span<const workload* const> all_workloads() noexcept { return listed; }

const workload* find_workload(std::string_view name) noexcept {
  for (const workload* each : listed) {
    if (each->name == name) return each;
  }
  return nullptr;
}

}  // namespace actor_bench
