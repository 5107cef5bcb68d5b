#include "net/tcp_connection.hpp"

#include <utility>

#include "actor/control_send.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/start_flow_scope.hpp"
#include "base/clock.hpp"
#include "io/driver.hpp"
#include "io/socket_address.hpp"

namespace sluice::inline v0::net {

namespace {

io::stream_options stream_options_of(const tcp::connection_options& asked) noexcept {
  io::stream_options options;
  options.nodelay = asked.nodelay;
  options.write_bytes_high = asked.write_bytes_high;
  options.write_bytes_low = asked.write_bytes_low;
  switch (asked.policy) {
    case tcp::write_policy::pause_reading: options.policy = io::write_policy::pause_reading; break;
    case tcp::write_policy::drop: options.policy = io::write_policy::drop; break;
    case tcp::write_policy::close: options.policy = io::write_policy::close; break;
  }
  options.receive.bytes_max = asked.read_bytes_max;
  return options;
}

tcp::disconnect_reason disconnect_reason_of(io::close_reason reason) noexcept {
  using from = io::close_reason;
  using to = tcp::disconnect_reason;
  switch (reason) {
    case from::closed_by_peer: return to::closed_by_peer;
    case from::closed_here: return to::closed_here;
    case from::peer_reset: return to::peer_reset;
    case from::timed_out: return to::timed_out;
    case from::flush_timed_out: return to::flush_timed_out;
    case from::write_overflow: return to::write_overflow;
    case from::aborted: return to::aborted;
    case from::stopping: return to::stopping;
    case from::none:
    case from::failed: break;
  }
  return to::failed;
}

exit_reason exit_reason_of(io::close_reason reason) {
  if (reason == io::close_reason::closed_by_peer || reason == io::close_reason::closed_here) {
    return exit_reason::normal();
  }
  return exit_reason::error(io::to_string(reason));
}

// In the worker's activation: the close follows what the worker wrote before.
void close_in_turn(core::slot& worker, alias id) {
  // Relaxed: the caller is the owner.
  core::send_control(*worker.running_on.load(base::relaxed), id.slot, id.generation, priority::main,
                     tcp::close{id});
}

}  // namespace

void answer_drain_probe(core::slot& worker, core::envelope& carried) {
  close_in_turn(worker, static_cast<drain_probe*>(carried.payload())->id);
}

// ---- the start flow ----

void tcp_connection::begin(core::meta_state& state) {
  state_ = &state;
  by_ = static_cast<core::execution*>(state.home->context);
  id_ = self();
  stream_.emplace(ring(), static_cast<io::stream_handler&>(*this));
  const auto local = io::socket_address::local_of(order_.socket.get());
  const send_outcome outcome =  // C1
      send(order_.worker, tcp::connected{id_, std::move(order_.peer), local.to_string()});
  stream_->open(std::move(order_.socket), stream_options_of(order_.options));
  if (outcome != send_outcome::accepted) on_refused(outcome);
}

bool tcp_connection::drain(const exit_reason& reason) {
  switch (reason.code) {
    case exit_code::parent_exit:
      worker_has_ended_ = true;
      close_after_flush();
      return true;
    case exit_code::normal:
    case exit_code::shutdown:
      if (is_draining_) {
        close_after_flush();
      } else {
        begin_drain();
      }
      return true;
    default: return false;
  }
}

// Without begin(), when the parent ended during the spawn, there is no stream.
void tcp_connection::stop() {
  if (stream_) stream_->abort();
}

void tcp_connection::begin_drain() {
  is_draining_ = true;
  if (!stream_->is_open()) return;
  stream_->pause_read();
  if (core::send_control(*by_, order_.worker.slot, order_.worker.generation, priority::main,
                         drain_probe{id_}) != send_outcome::accepted) {
    return close_after_flush();
  }
  drain_timer_ = send_after(order_.options.flush_time_max, id_, drain_over{});
}

void tcp_connection::close_after_flush() noexcept {
  const std::chrono::nanoseconds patience = order_.options.flush_time_max;
  stream_->close_after_flush(base::now_ns() + patience.count());
}

io::driver& tcp_connection::ring() const noexcept {
  // I/O metas live on workers that own rings (core::spawn_meta), and no other driver has one.
  return static_cast<io::driver&>(state_->home->parking());
}

// ---- from the stream ----

void tcp_connection::on_bytes(bytes data) noexcept {
  if (!is_draining_) tell(tcp::data{id_, std::move(data)});  // C3
}

void tcp_connection::on_read_closed() noexcept {
  if (!is_draining_) tell(tcp::read_closed{id_});
}

void tcp_connection::on_writable() noexcept { tell(tcp::writable{id_}); }

void tcp_connection::on_stream_closed(io::close_reason reason, std::uint64_t bytes_in,
                                      std::uint64_t bytes_out) noexcept {
  // The ring goes before the meta was asked to end: its node gave up on it, and nothing is handled
  // any more.
  if (ring().is_stopping() && !state_->is_stopping) return;
  drain_timer_.cancel();
  tell_disconnected({id_, disconnect_reason_of(reason), stream_->os_error(), bytes_in, bytes_out});
  core::send_control(*by_, order_.server.slot, order_.server.generation, priority::system,
                     connection_ended{order_.place});
  core::leave_start(*by_, *state_, exit_reason_of(reason));  // *this may be gone now
}

template <class M>
void tcp_connection::tell(M message) noexcept {
  if (worker_has_ended_) return;  // C4
  const core::start_flow_scope scope{*by_, *self_};
  const send_outcome outcome = send(order_.worker, std::move(message));
  // One chain for all connections of a turn.
  if (scope.opened_run()) ring().call_after_turn(flush_);
  if (outcome != send_outcome::accepted) [[unlikely]]
    on_refused(outcome);
}

void tcp_connection::on_refused(send_outcome why) noexcept {
  if (why != send_outcome::full) worker_has_ended_ = true;
  stream_->abort();  // C2
}

void tcp_connection::tell_disconnected(const tcp::disconnected& end) noexcept {
  // C4. It may have ended before its exit reached us.
  const core::slot* const worker = by_->node.slots.find(order_.worker.slot);
  // Relaxed: only compared.
  if (worker->generation.load(base::relaxed) != order_.worker.generation) return;
  const core::start_flow_scope scope{*by_, *self_};
  // A full mailbox has room of its own for control messages: told out of order beats not told.
  if (send(order_.worker, tcp::disconnected{end}) == send_outcome::full) {
    send(order_.worker, tcp::disconnected{end}, priority::system);
  }
}

}  // namespace sluice::inline v0::net

namespace sluice::inline v0 {

void tcp::close_in_turn(core::slot& worker, core::envelope& carried) {
  net::close_in_turn(worker, static_cast<read_closed*>(carried.payload())->id);
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
