// The skin of pool_workers.
#include <sluice/pool.hpp>

#include <utility>

#include "sup/pool_workers.hpp"
#include "sup/stop_after_mail.hpp"

namespace sluice {
inline namespace v0 {

namespace core {

void free_pool_workers::operator()(pool_workers* workers) const noexcept { delete workers; }

}  // namespace core

pool::pool(const pool_options& options, child_spec worker)
    : workers_(new core::pool_workers(options, std::move(worker))) {}
pool::~pool() = default;

result<void> pool::on_start() { return workers_->begin(place()); }
void pool::on(any_message& message) { workers_->hand_on(place(), message.carried()); }
void pool::on(const exit_signal& told) { workers_->keeper().on_exit(told); }
void pool::on(const stop_request& asked) {
  if (sup::tell_after_mail(place(), core::stop_pool{asked.reason})) return;
  workers_->keeper().on_stop(asked.reason);
}
void pool::on(const core::stop_pool& asked) { workers_->keeper().on_stop(asked.reason); }
void pool::on(const core::child_timer& fired) { workers_->keeper().on_timer(fired); }
result<void> pool::on(const resize_pool& asked) { return workers_->resize(asked.workers); }
std::vector<child_info> pool::on(const list_children&) { return workers_->keeper().list(); }
child_counts pool::on(const count_children&) { return workers_->keeper().count(); }
void pool::on_inspect(inspect_items& items) const { workers_->keeper().describe(items); }

}  // namespace v0
}  // namespace sluice
