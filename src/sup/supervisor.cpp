// The skin of the keeper: handlers that hand on.
#include <sluice/supervisor.hpp>

#include <utility>

#include "sup/child_keeper.hpp"

namespace sluice {
inline namespace v0 {

namespace core {

void free_child_keeper::operator()(child_keeper* keeper) const noexcept { delete keeper; }

}  // namespace core

supervisor::supervisor(children first) : supervisor(supervisor_options{}, std::move(first)) {}
supervisor::supervisor(const supervisor_options& options, children first)
    : keeper_(new core::child_keeper(options, std::move(first))) {}
supervisor::~supervisor() = default;

result<void> supervisor::on_start() { return keeper_->begin(place()); }
void supervisor::on(const exit_signal& told) { keeper_->on_exit(told); }
void supervisor::on(const stop_request& asked) { keeper_->on_stop(asked.reason); }
void supervisor::on(const core::child_timer& fired) { keeper_->on_timer(fired); }

void supervisor::on(add_child asked, reply_to<add_child> answer) {
  keeper_->add(std::move(asked.spec), std::move(answer));
}
void supervisor::on(start_child asked, reply_to<start_child> answer) {
  keeper_->command(std::move(asked), std::move(answer), &sup::supervision::start);
}
void supervisor::on(stop_child asked, reply_to<stop_child> answer) {
  keeper_->command(std::move(asked), std::move(answer), &sup::supervision::stop);
}
void supervisor::on(restart_child asked, reply_to<restart_child> answer) {
  keeper_->command(std::move(asked), std::move(answer), &sup::supervision::restart);
}
void supervisor::on(enable_child asked, reply_to<enable_child> answer) {
  keeper_->command(std::move(asked), std::move(answer), &sup::supervision::enable);
}
void supervisor::on(disable_child asked, reply_to<disable_child> answer) {
  keeper_->command(std::move(asked), std::move(answer), &sup::supervision::disable);
}
void supervisor::on(delete_child asked, reply_to<delete_child> answer) {
  keeper_->command(std::move(asked), std::move(answer), &sup::supervision::remove);
}
std::vector<child_info> supervisor::on(const list_children&) { return keeper_->list(); }
child_counts supervisor::on(const count_children&) { return keeper_->count(); }
void supervisor::on_inspect(inspect_items& items) const { keeper_->describe(items); }

}  // namespace v0
}  // namespace sluice
