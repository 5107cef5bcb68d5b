// stall_detector: a thread that looks whether some handler has run for too long, and says which.
//
// What: it compares each scheduler's counters with those of its last look. While they stand still
//   and the scheduler is not idle, one handler runs. Messages pay nothing for it. With all
//   schedulers idle it looks once a second at most.
// When not: as a bound; what is reported has run between `limit` and twice that, or a second more
//   after an idle time.
// Who: the node starts and stops it.
//
// Rules:
//   SD-1 What another thread is working with is copied by the kernel (process_vm_readv), which
//        answers an error where there is no memory any more, and believed only if the counters
//        stood still around the copy. Where a sandbox forbids that, the report says less.
#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <sluice/result.hpp>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "sync/parker.hpp"

namespace sluice::inline v0::core {

struct node_state;

class stall_detector {
 public:
  stall_detector(node_state& of, base::nanoseconds_t limit_ns);
  stall_detector(const stall_detector&) = delete;
  stall_detector& operator=(const stall_detector&) = delete;
  ~stall_detector();

  [[nodiscard]] result<void> start();

 private:
  struct sighting {
    std::uint64_t activations = 0;
    std::uint64_t handled = 0;
    base::nanoseconds_t since_ns = 0;
    bool is_reported = false;
  };

  void run() noexcept;
  /// Whether the scheduler is busy.
  bool look_at(std::size_t index, base::nanoseconds_t now_ns) noexcept;
  [[nodiscard]] bool stands_still(std::size_t index) const noexcept;
  [[nodiscard]] std::string describe(std::size_t index) const;

  node_state& state_;
  base::nanoseconds_t limit_ns_;
  std::vector<sighting> sightings_;
  sync::parker parker_;
  base::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace sluice::inline v0::core
