#include "net/tcp_connection.hpp"

#include <utility>

#include "actor/control_send.hpp"
#include "actor/delivery.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"

namespace sluice::inline v0::net {

void tcp_connection::begin(core::meta_state& state) {
  const std::unique_ptr<connection_order> order = std::move(order_);
  talk_.emplace(state, static_cast<conversation::owner&>(*this), order->worker,
                std::move(order->plan));
  talk_->begin({std::move(order->socket), order->peer, order->expects_proxy, {}});
}

void tcp_connection::on_inspect(inspect_items& items) const {
  if (talk_) talk_->describe(items);
}

bool tcp_connection::drain(const exit_reason& reason) {
  switch (reason.code) {
    case exit_code::parent_exit: talk_->on_worker_ended(); return true;
    case exit_code::normal:
    case exit_code::shutdown: talk_->drain(); return true;
    default: return false;
  }
}

// Without begin(), when the parent ended during the spawn, there is no conversation.
void tcp_connection::stop() {
  if (talk_) talk_->abort();
}

void tcp_connection::on_conversation_over(io::close_reason why) noexcept {
  core::meta_state& own = state();
  auto& by = core::execution_on(*own.home);
  core::send_control(by, server_.slot, server_.generation, priority::system,
                     connection_ended{place_});
  core::leave_start(by, own, exit_reason_of(why));  // *this may be gone now
}

}  // namespace sluice::inline v0::net

namespace sluice::inline v0 {

void tcp::close_in_turn(core::slot& worker, core::envelope& carried) {
  // Of either message the alias is the first and only member.
  static_assert(sizeof(read_closed) == sizeof(alias) && sizeof(draining) == sizeof(alias));
  net::close_in_turn(worker, *static_cast<const alias*>(carried.payload()));
}

namespace {

void begin_connection(void* object, core::meta_state& state) {
  static_cast<net::tcp_connection*>(object)->begin(state);
}
bool drain_connection(void* object, const exit_reason& reason) {
  return static_cast<net::tcp_connection*>(object)->drain(reason);
}
void stop_connection(void* object, const exit_reason&) {
  static_cast<net::tcp_connection*>(object)->stop();
}

}  // namespace

constinit const core::meta_behaviour behaviour_of<net::tcp_connection>::value{
    core::meta_base_behaviour<net::tcp_connection>(),
    core::meta_flow::io,
    nullptr,
    &begin_connection,
    &stop_connection,
    &drain_connection};

}  // namespace sluice::inline v0
