// file_appender: what is behind file::appender: a queue of orders, one of them under way.
//
// Who: open() in the spawner's thread; everything else on the thread of its ring.
//
//           order    order done      exit       end of orders   killed, deadline
//  idle     busy     -               draining   -               over
//  busy     busy     busy | idle     draining   -               dropping
//  draining taken    draining        -          ending | over   dropping
//  ending   refused  ending | over   -          -               dropping
//  dropping refused  over            -          -               -
// Rules
//   FA1 Each order is answered to its sender, once, in order (one that is refused at once).
//   FA2 A write is continued until all of it is in the file, or an error.
//   FA3 What was sent before the wish to end is done: end_of_orders takes its turn behind it.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include <sluice/file.hpp>

#include "actor/execution.hpp"
#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "io/timeout.hpp"
#include "net/teller.hpp"

namespace sluice::inline v0::file {

struct appender::implementation final : private io::timeout::listener {
 public:
  explicit implementation(appender_options asked) noexcept : options_(std::move(asked)) {}

  [[nodiscard]] result<void> open();
  void begin(core::meta_state& state);
  void on_write(address from, file::write&& order);
  void on_sync(address from, const file::sync& order);
  void on_end_of_orders();
  void drain(const exit_reason& asked);
  void stop(const exit_reason& asked);
  void inspect(inspect_items& items) const;

 private:
  struct on_ring;
  struct order {
    address from;
    std::uint64_t ticket = 0;
    bytes data;  // empty: a sync, or a write of nothing
    bool is_sync = false;
    std::uint64_t done_bytes = 0;

    /// What it holds: an order to write nothing is not for nothing.
    [[nodiscard]] std::uint64_t held_bytes() const noexcept { return sizeof(order) + data.size(); }
  };

  void take(order&& taken);
  void work() noexcept;
  void on_done(io::completion what) noexcept;
  void answer(const order& done, int os_error) noexcept;
  void on_timeout() noexcept override { drop_queue(); }
  void on_detach() noexcept { drop_queue(); }
  void drop_queue() noexcept;
  void settle() noexcept;
  void finish() noexcept;

  appender_options options_;
  base::unique_fd file_;
  std::deque<order> queue_;
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::optional<exit_reason> asked_;
  bool takes_orders_ = true;
  bool is_dropping_ = false;
  bool is_over_ = false;
  std::unique_ptr<on_ring> ring_;  // from begin() on
};

}  // namespace sluice::inline v0::file
