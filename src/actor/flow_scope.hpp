// flow_scope: the start flow of an I/O meta at work on its ring's thread, called from a completion.
//
// While it lives, what the meta sends carries its alias and goes through the worker's execution; at
// its end the chain of sends is published. The handler flow of the same meta may be the caller.
// Who: the home worker's thread. After leave() nothing of the meta may be touched.
#pragma once

#include <utility>

#include <sluice/exit_reason.hpp>

#include "actor/delivery.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "base/assert.hpp"

namespace sluice::inline v0::core {

class flow_scope {
 public:
  explicit flow_scope(meta_state& meta) noexcept
      : meta_(&meta), by_(*current_execution()), running_before_(by_.running) {
    SLUICE_ASSERT(by_.worker == meta.home, "a meta's start flow runs on its ring's thread only");
    // Relaxed: the owner stamp; both flows of an I/O meta are this thread.
    stamp_before_ = meta.self.running_on.exchange(&by_, base::relaxed);
    by_.running = &meta.self;
    message_before_ = std::exchange(by_.current, nullptr);
  }
  flow_scope(const flow_scope&) = delete;
  flow_scope& operator=(const flow_scope&) = delete;
  ~flow_scope() {
    if (meta_ != nullptr) restore();
  }

  [[nodiscard]] execution& by() noexcept { return by_; }

  /// The start flow is over; see leave_start.
  void leave(exit_reason reason) noexcept {
    meta_state& meta = *std::exchange(meta_, nullptr);
    restore_for(meta);
    leave_start(by_, meta, std::move(reason));
  }

 private:
  void restore() noexcept { restore_for(*meta_); }
  void restore_for(meta_state& meta) noexcept {
    by_.end_run_of_sends();
    meta.self.running_on.store(stamp_before_, base::relaxed);  // Relaxed: as above.
    by_.running = running_before_;
    by_.current = message_before_;
  }

  meta_state* meta_;
  execution& by_;
  slot* running_before_;
  execution* stamp_before_ = nullptr;
  envelope* message_before_ = nullptr;
};

}  // namespace sluice::inline v0::core
