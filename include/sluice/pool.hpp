// pool: one address, many workers.
//
//   auto workers = node.spawn<sluice::pool>(
//       {.name = "workers"}, sluice::pool_options{.workers = 8},
//       sluice::child<encoder>(sluice::child_options{.mailbox_max = 1000}));
//   sluice::handle<encoder> encoders = workers.value().as<encoder>();   // typed sends, as to one
//   encoders.send(frame{...});              // sender and duty to answer go to the worker
//   node.call(workers.value(), sluice::resize_pool{16});
//
// What arrives is handed on in one hop; the worker sees the first sender and answers it straight.
// The order between two messages of one sender is kept only if they go to the same worker. A worker
// that is full is passed over; when all are, the message is refused as by a full mailbox: who
// requested is answered mailbox_full. Workers that end are restarted within `limit`, else the pool
// ends. Asked to end, pool and workers handle what is in their mailboxes first.
// Not for workers that are asked for resize_pool, list_children or count_children themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <sluice/actor.hpp>
#include <sluice/child_spec.hpp>
#include <sluice/stop_request.hpp>
#include <sluice/supervisor.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

enum class pool_choice : std::uint8_t {
  round_robin,
  least_loaded,  ///< whose mailbox holds the fewest; looks at all of them for each message
};

struct pool_options {
  std::uint32_t workers = 4;
  pool_choice choice = pool_choice::round_robin;
  restart_limit limit{};  ///< for all workers together
};

/// Starts more workers, or takes away the youngest when they have handled what they have. Errors:
/// bad_argument (none, or too many), and that of a worker that does not start.
struct resize_pool {
  using reply = void;
  std::uint32_t workers = 0;
};

namespace core {

class pool_workers;
struct free_pool_workers {
  void operator()(pool_workers* workers) const noexcept;
};

/// From a pool to itself, behind its mail.
struct stop_pool {
  exit_reason reason;
};

}  // namespace core

class pool : public actor<pool, resize_pool, list_children, count_children, stop_request,
                          core::stop_pool, core::child_timer> {
 public:
  using keeps_children = pool;
  static constexpr std::uint32_t workers_max = 65'536;

  /// `worker`: its id is not used; its mailbox_max bounds each worker.
  pool(const pool_options& options, child_spec worker);
  ~pool();

  result<void> on_start();
  void on(any_message& message);
  void on(const exit_signal& told);
  void on(const stop_request& asked);
  void on(const core::stop_pool& asked);
  void on(const core::child_timer& fired);
  result<void> on(const resize_pool& asked);
  std::vector<child_info> on(const list_children& asked);
  child_counts on(const count_children& asked);
  void on_inspect(inspect_items& items) const;

 private:
  std::unique_ptr<core::pool_workers, core::free_pool_workers> workers_;
};

}  // namespace v0
}  // namespace sluice
