// log_outputs: where the lines of a node go: to sinks with threads of their own, and to processes.
//
// Who: write by any thread. Outputs are added before the node starts; receivers come and go.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <sluice/log.hpp>
#include <sluice/pid.hpp>

#include "actor/log_lane.hpp"
#include "base/atomic.hpp"

namespace sluice::inline v0::core {

struct node_core;

class log_outputs {
 public:
  void add(log_output to);
  [[nodiscard]] bool is_empty() const noexcept { return lanes_.empty(); }
  [[nodiscard]] result<void> start();
  /// How many did not come back.
  [[nodiscard]] std::size_t stop(base::nanoseconds_t deadline_ns) noexcept;

  void receive(pid who, log_severity from);
  bool stop_receiving(pid who) noexcept;

  /// Whether anybody wants a line of that severity.
  [[nodiscard]] bool wants(log_severity severity) const noexcept;
  void write(const node_core& node, log_record&& line) noexcept;

 private:
  struct receiver {
    pid who;
    log_severity from;
  };
  void send_to_receivers(const node_core& node, const log_record& line) noexcept;

  std::vector<std::shared_ptr<log_lane>> lanes_;
  mutable std::mutex guard_;
  std::vector<receiver> receivers_;                // under guard_
  base::atomic<std::uint32_t> receiver_count_{0};  // written under guard_
};

}  // namespace sluice::inline v0::core
