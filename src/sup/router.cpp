#include <sluice/router.hpp>

#include <sluice/forwarding.hpp>

#include <utility>

#include "sup/route_table.hpp"

namespace sluice {
inline namespace v0 {

namespace core {

void free_route_table::operator()(route_table* table) const noexcept { delete table; }

}  // namespace core

router::router(const routes& by, const route_members& first)
    : table_(new core::route_table(by, first)) {}
router::~router() = default;

void router::on_start() {
  for (const route_member& each : table_->members()) {
    if (each.name.empty()) table_->watch(each, monitor(each.who));
  }
}

void router::on(any_message& message) {
  core::envelope& seen = message.carried();
  const route_member* const to = table_->find(*seen.type->identity, seen.payload());
  address who;  // Nobody: the refusal is the answer.
  if (to != nullptr) who = to->name.empty() ? to->who : address{find(to->name)};
  static_cast<void>(core::forward_payload(place(), seen, who));
}

void router::on(const down& told) { table_->leave(told.who); }
void router::on(join_router asked) {
  if (!table_->join(asked.who) || !asked.who.name.empty()) return;
  table_->watch(asked.who, monitor(asked.who.who));
}
void router::on(const leave_router& asked) {
  const ref watched = table_->watch_of(asked.who);
  if (table_->leave(asked.who) && watched.number != 0) static_cast<void>(demonitor(watched));
}
route_members router::on(const list_members&) { return table_->members(); }
void router::on_inspect(inspect_items& items) const {
  items.add("members", table_->members().size());
}

}  // namespace v0
}  // namespace sluice
