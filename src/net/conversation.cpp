#include "net/conversation.hpp"

#include <utility>

#include <sluice/exit_reason.hpp>
#include <sluice/tcp_messages.hpp>

#include "base/clock.hpp"
#include "net/frame_decoder.hpp"
#include "net/frame_encoder.hpp"
#include "net/proxy_parser.hpp"

namespace sluice::inline v0::net {

namespace {

// Where no time is given for the handshake.
constexpr base::nanoseconds_t proxy_header_ns = 5'000'000'000;

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

struct conversation::framing_state {
  explicit framing_state(const framing& by) : decoder(by), encoder(by) {}
  frame_decoder decoder;
  frame_encoder encoder;
};

struct conversation::proxy_state {
  proxy_parser parser;
  io::socket_address peer;
};

conversation::conversation(core::meta_state& meta, owner& told, pid worker,
                           std::shared_ptr<const connection_plan> plan)
    : owner_(told),
      worker_(worker),
      teller_(meta),
      stream_(teller_.driver(), *this),
      plan_(std::move(plan)) {
  id_ = teller_.id();
  if (plan_->has_frames) frames_ = std::make_unique<framing_state>(plan_->asked.framing);
  intake_ = intake_of_plan();
}

conversation::~conversation() = default;

conversation::intake conversation::intake_of_plan() const noexcept {
  if (frames_ != nullptr) return intake::frames;
  return plan_->stream.limits.handshake_ns != 0 ? intake::first : intake::plain;
}

void conversation::begin(opening how) {
  if (how.expects_proxy) {
    intake_ = intake::header;
    proxy_ = std::make_unique<proxy_state>();
    proxy_->peer = how.peer;
    io::stream_options options = plan_->stream;
    if (options.limits.handshake_ns == 0) options.limits.handshake_ns = proxy_header_ns;
    return stream_.open(std::move(how.socket), options);
  }
  const auto local = io::socket_address::local_of(how.socket.get());
  tell_connected(how.peer, local, {});
  // Owned by the plan, as long as it.
  stream_.open(std::move(how.socket),
               std::shared_ptr<const io::stream_options>{plan_, &plan_->stream});
  if (!how.first.empty()) static_cast<void>(stream_.write(std::move(how.first)));
  if (worker_has_ended_ || intake_ == intake::nothing) stream_.abort();
}

// C1.
void conversation::tell_connected(const io::socket_address& peer, const io::socket_address& local,
                                  std::string via) {
  tell(tcp::connected{id_, peer.unmapped().to_string(), local.unmapped().to_string(),
                      std::move(via)});
  has_told_connected_ = intake_ != intake::nothing;  // Refused: on_refused.
}

void conversation::drain() noexcept {
  if (std::exchange(is_draining_, true)) return close_after_flush();
  intake_ = intake::nothing;
  if (!stream_.is_open()) return;
  if (!has_told_connected_) return close_after_flush();
  stream_.pause_read();
  if (teller_.control(worker_, priority::main, tcp::draining{id_}) != send_outcome::accepted) {
    return close_after_flush();
  }
  drain_over_ =
      std::make_unique<io::timeout>(teller_.driver(), static_cast<io::timeout::listener&>(*this));
  drain_over_->start(flush_deadline());
}

void conversation::on_worker_ended() noexcept {
  worker_has_ended_ = true;
  close_after_flush();
}

void conversation::close_after_flush() noexcept {
  stream_.close_after_flush(flush_deadline(), orderly_reason_);
}

base::nanoseconds_t conversation::flush_deadline() const noexcept {
  const std::chrono::nanoseconds patience = plan_->asked.flush_time_max;
  return base::now_ns() + patience.count();
}

void conversation::describe(inspect_items& items) const {
  items.set_traffic(stream_.bytes_in(), stream_.bytes_out());
  items.add("local", io::socket_address::local_of(stream_.fd()).unmapped().to_string());
  items.add("peer", io::socket_address::peer_of(stream_.fd()).unmapped().to_string());
  items.add("write_queue_bytes", stream_.queued_bytes());
  items.add("bytes_dropped", bytes_dropped_);
  items.add("is_draining", is_draining_);
}

// ---- from the stream ----

void conversation::on_bytes(bytes data) noexcept {
  if (intake_ != intake::plain) [[unlikely]]
    return take_specially(std::move(data));
  tell(tcp::data{id_, std::move(data)});
}

void conversation::take_specially(bytes data) noexcept {
  switch (intake_) {
    case intake::nothing: return;  // C3
    case intake::frames: return take_frames(std::move(data));
    case intake::header: return take_header(std::move(data));
    case intake::first:
      stream_.finish_handshake();
      intake_ = intake::plain;
      [[fallthrough]];
    case intake::plain: return tell(tcp::data{id_, std::move(data)});
  }
}

void conversation::take_header(bytes data) noexcept {
  const auto progress = proxy_->parser.feed(data.span());
  if (progress.step == proxy_step::need_more) return;
  if (progress.step == proxy_step::malformed) return on_malformed();
  const std::unique_ptr<proxy_state> done = std::move(proxy_);
  const proxy_header& said = done->parser.header();
  intake_ = intake_of_plan();
  if (plan_->stream.limits.handshake_ns == 0) stream_.finish_handshake();
  if (said.command == proxy_command::proxy && said.has_addresses()) {
    tell_connected(said.source, said.destination, done->peer.unmapped().to_string());
  } else {
    tell_connected(done->peer, io::socket_address::local_of(stream_.fd()), {});
  }
  if (progress.taken_bytes < data.size()) on_bytes(data.slice(progress.taken_bytes));
}

void conversation::take_frames(bytes data) noexcept {
  const std::byte* const first = data.data();
  const std::byte* const last = first + data.size();
  const bytes piece = data;  // C6
  frames_->decoder.feed(std::move(data));
  bytes frame;
  while (intake_ == intake::frames) {
    switch (frames_->decoder.next(frame)) {
      case frame_step::need_more: return;
      case frame_step::malformed: return on_malformed();
      case frame_step::frame: break;
    }
    stream_.finish_handshake();
    const bool is_slice = frame.data() >= first && frame.data() < last;
    if (frame.empty()) {
      frame = piece.slice(piece.size());
    } else if (!is_slice) {
      frame = stream_.charge(std::move(frame));
    }
    tell(tcp::data{id_, std::move(frame)});
  }
}

void conversation::on_malformed() noexcept {
  intake_ = intake::nothing;
  if (!has_told_connected_) return stream_.abort(io::close_reason::malformed);
  orderly_reason_ = io::close_reason::malformed;
  drain();  // C5
}

void conversation::on_read_closed() noexcept {
  if (is_draining_) return;
  if (!has_told_connected_) return close_after_flush();
  const bool is_cut_off = frames_ != nullptr && frames_->decoder.incomplete_bytes() != 0;
  if (is_cut_off) return on_malformed();
  tell(tcp::read_closed{id_});
}

void conversation::write_frame(bytes data) {
  const std::size_t size = data.size();
  auto made = frames_->encoder.encode(std::move(data));
  if (!made) {
    bytes_dropped_ += size;
    bytes_dropped_told_ += size;
    return tell(tcp::dropped{id_, size, made.error()});
  }
  encoded_frame& frame = made.value();
  bytes parts[] = {std::move(frame.head), std::move(frame.payload), std::move(frame.tail)};
  if (stream_.write(parts) == io::write_outcome::dropped) on_dropped(size);
}

void conversation::on_writable() noexcept {
  tell(tcp::writable{id_, bytes_dropped_ - bytes_dropped_told_});
  bytes_dropped_told_ = bytes_dropped_;
}

void conversation::on_dropped(std::size_t size) noexcept {
  const bool is_first = bytes_dropped_ == bytes_dropped_told_;
  bytes_dropped_ += size;
  if (is_first) tell(tcp::dropped{id_, size, {error_code::limit_reached, 0, "write_bytes_high"}});
}

void conversation::on_stream_closed(io::close_reason reason, std::uint64_t bytes_in,
                                    std::uint64_t bytes_out) noexcept {
  if (teller_.is_given_up()) return;
  drain_over_.reset();
  owner_.on_conversation_ending();
  // C4. It may have ended before its exit reached us.
  if (has_told_connected_ && teller_.is_alive(worker_)) {
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
  intake_ = intake::nothing;
  stream_.abort();  // C2
}

}  // namespace sluice::inline v0::net
