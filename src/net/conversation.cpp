#include "net/conversation.hpp"

#include <utility>

#include <sluice/exit_reason.hpp>
#include <sluice/tcp_messages.hpp>

#include "base/clock.hpp"
#include "io/socket_address.hpp"

namespace sluice::inline v0::net {

namespace {

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
    case from::idle: return to::idle;
    case from::write_stalled: return to::write_stalled;
    case from::handshake_timed_out: return to::handshake_timed_out;
    case from::malformed: return to::malformed;
    case from::aborted: return to::aborted;
    case from::stopping: return to::stopping;
    case from::none:
    case from::failed: break;
  }
  return to::failed;
}

}  // namespace

exit_reason exit_reason_of(io::close_reason reason) {
  if (reason == io::close_reason::closed_by_peer || reason == io::close_reason::closed_here) {
    return exit_reason::normal();
  }
  return exit_reason::error(io::to_string(reason));
}

void close_in_turn(core::slot& worker, alias id) {
  // Relaxed: the caller is the owner.
  core::send_control(*worker.running_on.load(base::relaxed), id.slot, id.generation, priority::main,
                     turn_to_close{});
}

conversation::conversation(core::meta_state& meta, owner& told, pid worker,
                           std::shared_ptr<const connection_plan> plan)
    : owner_(told),
      worker_(worker),
      teller_(meta),
      stream_(teller_.driver(), *this),
      drain_over_(teller_.driver(), *this),
      plan_(std::move(plan)) {
  id_ = teller_.id();
  if (plan_->asked.handshake_time_max.count() != 0) intake_ = intake::first;
}

void conversation::begin(base::unique_fd socket, std::string peer) {
  const auto local = io::socket_address::local_of(socket.get()).unmapped();
  const send_outcome outcome =  // C1
      teller_.tell(worker_, tcp::connected{id_, std::move(peer), local.to_string()});
  stream_.open(std::move(socket), plan_->stream);
  if (outcome != send_outcome::accepted) on_refused(outcome);
}

void conversation::drain() noexcept {
  if (std::exchange(is_draining_, true)) return close_after_flush();
  intake_ = intake::nothing;
  if (!stream_.is_open()) return;
  stream_.pause_read();
  if (teller_.control(worker_, priority::main, tcp::draining{id_}) != send_outcome::accepted) {
    return close_after_flush();
  }
  drain_over_.start(flush_deadline());
}

void conversation::on_worker_ended() noexcept {
  worker_has_ended_ = true;
  close_after_flush();
}

void conversation::close_after_flush() noexcept { stream_.close_after_flush(flush_deadline()); }

base::nanoseconds_t conversation::flush_deadline() const noexcept {
  const std::chrono::nanoseconds patience = plan_->asked.flush_time_max;
  return base::now_ns() + patience.count();
}

// ---- from the stream ----

void conversation::on_bytes(bytes data) noexcept {
  if (intake_ != intake::plain) [[unlikely]]
    return take_specially(std::move(data));
  tell(tcp::data{id_, std::move(data)});
}

void conversation::take_specially(bytes data) noexcept {
  if (intake_ == intake::nothing) return;  // C3
  stream_.finish_handshake();
  intake_ = intake::plain;
  tell(tcp::data{id_, std::move(data)});
}

void conversation::on_read_closed() noexcept {
  if (!is_draining_) tell(tcp::read_closed{id_});
}

void conversation::on_writable() noexcept {
  tell(tcp::writable{id_, bytes_dropped_ - bytes_dropped_told_});
  bytes_dropped_told_ = bytes_dropped_;
}

void conversation::on_dropped(std::size_t size) noexcept {
  const bool is_first = bytes_dropped_ == bytes_dropped_told_;
  bytes_dropped_ += size;
  if (is_first) tell(tcp::dropped{id_, size});
}

void conversation::on_stream_closed(io::close_reason reason, std::uint64_t bytes_in,
                                    std::uint64_t bytes_out) noexcept {
  if (teller_.is_given_up()) return;
  drain_over_.cancel();
  owner_.on_conversation_ending();
  // C4. It may have ended before its exit reached us.
  if (teller_.is_alive(worker_)) {
    teller_.tell_surely(
        worker_, tcp::disconnected{id_, disconnect_reason_of(reason), stream_.os_error(), bytes_in,
                                   bytes_out, bytes_dropped_});
  }
  owner_.on_conversation_over(reason);  // *this may be gone now
}

template <class M>
void conversation::tell(M message) noexcept {
  if (worker_has_ended_) return;  // C4
  const send_outcome outcome = teller_.tell(worker_, std::move(message));
  if (outcome != send_outcome::accepted) [[unlikely]]
    on_refused(outcome);
}

void conversation::on_refused(send_outcome why) noexcept {
  if (why != send_outcome::full) worker_has_ended_ = true;
  stream_.abort();  // C2
}

}  // namespace sluice::inline v0::net
