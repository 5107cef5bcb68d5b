// Pins the threads of a two-thread bench to different cores, so that it measures the cores and not
// where the kernel put them.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstddef>
#include <vector>

#include "base/cpu_topology.hpp"

/// Pins the calling thread to the `index`-th allowed core while it lives, then restores its mask.
class pinned {
 public:
  explicit pinned(std::size_t index) noexcept {
    ::pthread_getaffinity_np(::pthread_self(), sizeof(before_), &before_);
    static const std::vector<int> cores = sluice::base::allowed_cores();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(cores[index % cores.size()]), &one);
    ::pthread_setaffinity_np(::pthread_self(), sizeof(one), &one);
  }
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  ~pinned() { ::pthread_setaffinity_np(::pthread_self(), sizeof(before_), &before_); }

 private:
  cpu_set_t before_;
};
