#include "net/file_appender.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "actor/meta_flow.hpp"
#include "net/regular_file.hpp"

namespace sluice::inline v0::file {

struct appender::implementation::on_ring {
  on_ring(core::meta_state& meta, implementation& owner)
      : teller(meta),
        driver(teller.driver()),
        operation(owner),
        deadline(driver, owner),
        finish(owner),
        detach(owner) {}

  net::teller teller;
  io::driver& driver;
  io::bound_operation<implementation, &implementation::on_done> operation;
  io::timeout deadline;
  io::bound_hook<implementation, &implementation::finish> finish;
  io::bound_hook<implementation, &implementation::on_detach> detach;
};

appender::appender(appender_options asked)
    : inner_(std::make_unique<implementation>(std::move(asked))) {}
appender::~appender() = default;

void appender::on(file::write&& message) { inner_->on_write(sender(), std::move(message)); }
void appender::on(const file::sync& message) { inner_->on_sync(sender(), message); }

void appender::on(const end_of_orders&) { inner_->on_end_of_orders(); }
void appender::on_inspect(inspect_items& items) { inner_->inspect(items); }
void appender::implementation::inspect(inspect_items& items) const {
  items.add("path", options_.path);
  items.add("queue_bytes", queued_bytes_);
  items.set_traffic(0, bytes_written_);
}

// ---- in the spawner's thread ----

result<void> appender::implementation::open() {
  if (options_.flush_time_max.count() < 0) {
    return error{error_code::bad_argument, 0, "file::appender: flush_time_max"};
  }
  const int flags =
      O_WRONLY | O_APPEND | (options_.create ? O_CREAT : 0) | (options_.truncate ? O_TRUNC : 0);
  auto file = net::open_regular_file(options_.path, flags, options_.mode, "file::appender: path");
  if (!file) return file.error();
  file_ = std::move(file).value();
  return {};
}

// ---- on the ring's thread ----

void appender::implementation::begin(core::meta_state& state) {
  ring_ = std::make_unique<on_ring>(state, *this);
  ring_->driver.call_at_detach(ring_->detach);
}

void appender::implementation::on_write(address from, file::write&& message) {
  order taken{from, message.ticket, std::move(message.bytes)};
  if (!takes_orders_) return answer(taken, ECANCELED);
  take(std::move(taken));
}

void appender::implementation::take(order&& taken) {
  if (queued_bytes_ + taken.held_bytes() > options_.queue_bytes_max) return answer(taken, ENOBUFS);
  queued_bytes_ += taken.held_bytes();
  queue_.push_back(std::move(taken));
  work();
}

void appender::implementation::on_sync(address from, const file::sync& message) {
  order taken{from, message.ticket, {}, true};
  if (!takes_orders_) return answer(taken, ECANCELED);
  take(std::move(taken));
}

void appender::implementation::drain(const exit_reason& asked) {
  if (is_over_ || asked_) return;
  asked_ = asked;
  const std::chrono::nanoseconds patience = options_.flush_time_max;
  ring_->deadline.start(base::now_ns() + patience.count());
  if (ring_->teller.control(ring_->teller.id(), priority::main, end_of_orders{}) !=  // FA3
      send_outcome::accepted) {
    on_end_of_orders();
  }
}

void appender::implementation::on_end_of_orders() {
  takes_orders_ = false;
  settle();
}

// Also called when all is over, or, when the parent ended during the spawn, before begin().
void appender::implementation::stop(const exit_reason& asked) {
  if (ring_ == nullptr || is_over_) return;
  if (!asked_) asked_ = asked;
  drop_queue();
}

void appender::implementation::work() noexcept {
  while (!queue_.empty() && !ring_->operation.in_flight()) {
    const order& next = queue_.front();
    if (next.is_sync) {
      ring_->driver.start(ring_->operation,
                          io::request::sync(file_.get(), io::op_site::file_write));
    } else if (next.done_bytes < next.data.size()) {
      constexpr std::size_t once_max = std::size_t{1} << 30;
      const auto rest = next.data.span().subspan(next.done_bytes);
      ring_->driver.start(ring_->operation,
                          io::request::write(file_.get(), io::op_site::file_write,
                                             rest.first(std::min(rest.size(), once_max))));
    } else {
      answer(next, 0);
      queued_bytes_ -= next.held_bytes();
      queue_.pop_front();
    }
  }
}

void appender::implementation::on_done(io::completion what) noexcept {
  order& current = queue_.front();
  const bool is_again = what.result == -EINTR || what.result == -EAGAIN;
  bool is_over = !is_again;
  int os_error = what.result < 0 ? -what.result : 0;
  if (what.result >= 0 && !current.is_sync) {
    current.done_bytes += static_cast<std::uint32_t>(what.result);
    bytes_written_ += static_cast<std::uint32_t>(what.result);
    is_over = current.done_bytes == current.data.size();  // FA2
    if (what.result == 0) {
      is_over = true;
      os_error = EIO;
    }
  }
  if (is_over || is_dropping_) {
    queued_bytes_ -= current.held_bytes();
    answer(current, is_over ? os_error : ECANCELED);
    queue_.pop_front();
  }
  if (is_dropping_) return drop_queue();
  work();
  settle();
}

void appender::implementation::answer(const order& done, int os_error) noexcept {
  net::teller& teller = ring_->teller;
  if (!done.from.is_valid() || teller.is_given_up()) return;
  if (done.is_sync) {
    teller.tell_surely(done.from, synced{teller.id(), done.ticket, os_error});
  } else {
    teller.tell_surely(done.from, written{teller.id(), done.ticket, done.done_bytes, os_error});
  }
}

// What is under way ends by itself: the kernel may be writing it.
void appender::implementation::drop_queue() noexcept {
  takes_orders_ = false;
  is_dropping_ = true;
  if (ring_->operation.in_flight()) return ring_->driver.cancel(ring_->operation);
  for (; !queue_.empty(); queue_.pop_front()) answer(queue_.front(), ECANCELED);
  queued_bytes_ = 0;
  settle();
}

void appender::implementation::settle() noexcept {
  if (!is_over_ && !takes_orders_ && queue_.empty()) {
    ring_->driver.call_after_turn(ring_->finish);
  }
}

void appender::implementation::finish() noexcept {
  is_over_ = true;
  ring_->deadline.cancel();
  ring_->driver.forget(file_.get());
  file_.reset();
  ring_->detach.unlink();
  const net::teller& teller = ring_->teller;
  if (teller.is_given_up()) return;
  core::leave_start(teller.by(), teller.meta(),  // *this may be gone now
                    asked_.value_or(exit_reason::killed()));
}

}  // namespace sluice::inline v0::file

namespace sluice::inline v0 {

namespace {

file::appender::implementation& inner_of(void* object) noexcept {
  return static_cast<file::appender*>(object)->inner();
}
result<void> open_appender(void* object) { return inner_of(object).open(); }
void begin_appender(void* object, core::meta_state& state) { inner_of(object).begin(state); }
void stop_appender(void* object, const exit_reason& reason) { inner_of(object).stop(reason); }
bool drain_appender(void* object, const exit_reason& reason) {
  inner_of(object).drain(reason);
  return true;
}

constexpr core::behaviour with_open(core::behaviour what) noexcept {
  what.start = &open_appender;
  return what;
}

}  // namespace

constinit const core::meta_behaviour behaviour_of<file::appender>::value{
    with_open(core::meta_base_behaviour<file::appender>()),
    core::meta_flow::io,
    nullptr,
    &begin_appender,
    &stop_appender,
    &drain_appender};

}  // namespace sluice::inline v0
