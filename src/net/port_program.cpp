#include "net/port_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "actor/meta_flow.hpp"
#include "io/driver.hpp"
#include "net/teller.hpp"

namespace sluice::inline v0::port {

namespace {

constexpr base::nanoseconds_t watch_again_ns = 10'000'000;

/// Calls a member function of its owner when its time has come.
struct later final : io::timeout::listener {
  later(program::implementation& of, void (*call_)(program::implementation&) noexcept) noexcept
      : owner(of), call(call_) {}
  void on_timeout() noexcept override { call(owner); }
  program::implementation& owner;
  void (*call)(program::implementation&) noexcept;
};

}  // namespace

struct program::implementation::on_ring {
  on_ring(core::meta_state& meta, implementation& owner)
      : teller(meta),
        driver(teller.driver()),
        output(channel::output, driver, owner),
        error(channel::error, driver, owner),
        input(driver, owner),
        watch(owner),
        watch_later(owner, [](implementation& of) noexcept { of.watch_child(); }),
        watch_again(driver, watch_later),
        deadline(driver, owner),
        finish(owner),
        detach(owner) {}

  net::teller teller;
  io::driver& driver;
  net::port_channel output;
  net::port_channel error;
  io::pipe_writer input;
  io::bound_operation<implementation, &implementation::on_child_event> watch;
  later watch_later;
  io::timeout watch_again;
  io::timeout deadline;  // SIGKILL; after the child's end: of leftovers
  io::bound_hook<implementation, &implementation::finish> finish;
  io::bound_hook<implementation, &implementation::on_detach> detach;
};

program::implementation::implementation(program_options asked) noexcept
    : options_(std::move(asked)) {}
program::implementation::~implementation() = default;

// ---- the start flow ----

void program::implementation::begin(core::meta_state& state) {
  ring_ = std::make_unique<on_ring>(state, *this);
  id_ = ring_->teller.id();
  if (pipes_.output.is_open()) ring_->output.open(std::move(pipes_.output), options_);
  if (pipes_.error.is_open()) ring_->error.open(std::move(pipes_.error), options_);
  if (const auto* by = std::get_if<framing>(&options_.deliver)) framer_.emplace(*by);
  if (pipes_.input.is_open()) {
    ring_->input.open(std::move(pipes_.input), {options_.input_bytes_high, options_.input_bytes_low,
                                                options_.input_bytes_max});
  }
  ring_->driver.call_at_detach(ring_->detach);
  watch_child();
  static_cast<void>(tell(started{id_, child_->os_pid()}));  // PP1: all else is told by a later turn
}

bool program::implementation::drain(const exit_reason& reason) {
  if (!asked_) asked_ = reason;
  begin_end();
  return true;
}

// Also called when all is over, or, when the parent ended during the spawn, before begin().
void program::implementation::stop() {
  if (ring_ != nullptr) tear_down();
}

void program::implementation::begin_end() noexcept {
  if (is_over_ || is_tearing_) return;
  if (!asked_) asked_ = exit_reason::error("the worker has ended");
  const bool is_leftover = end_.has_value();
  if (!is_leftover && ring_->deadline.is_running()) return;  // It is ending.
  ring_->input.close();
  const std::chrono::nanoseconds patience =
      is_leftover ? options_.leftover_time_max : options_.kill_after;
  if (!is_leftover) child_->send_signal(SIGTERM);
  ring_->deadline.start(base::now_ns() + patience.count());
}

void program::implementation::tear_down() noexcept {
  if (is_over_ || is_tearing_) return;
  is_tearing_ = true;
  ring_->deadline.cancel();
  child_->send_signal(SIGKILL);
  ring_->input.close();
  ring_->output.close();
  ring_->error.close();
  settle();
}

void program::implementation::on_timeout() noexcept {
  if (!end_) {
    child_->send_signal(SIGKILL);
    return;
  }
  end_leftover(asked_.has_value());
  if (!ring_->output.owes() && !ring_->error.owes()) return;
  // PP4. The last of it may be no whole message; then nobody but this timer looks again.
  const std::chrono::nanoseconds patience = options_.leftover_time_max;
  ring_->deadline.start(base::now_ns() + std::max(patience.count(), watch_again_ns));
}

// PP4: what the program itself wrote is waited for, unless somebody asked for the end.
void program::implementation::end_leftover(bool at_once) noexcept {
  is_leftover_over_ = true;
  if (at_once || !ring_->output.owes()) ring_->output.close();
  if (at_once || !ring_->error.owes()) ring_->error.close();
}

// ---- the child ----

void program::implementation::watch_child() noexcept {
  ring_->driver.start(ring_->watch,
                      io::request::poll(child_->pidfd(), io::op_site::child_exit, POLLIN));
}

void program::implementation::on_child_event(io::completion what) noexcept {
  if (ring_->driver.is_stopping()) return on_detach();
  if (what.result < 0 && what.result != -EINTR && what.result != -EAGAIN) {
    // No answer: whether it lives is asked for now and then.
    ring_->watch_again.start(base::now_ns() + watch_again_ns);
  }
  ::pollfd over{child_->pidfd(), POLLIN, 0};
  if (::poll(&over, 1, 0) <= 0) {
    if (!ring_->watch_again.is_running()) watch_child();
    return;
  }
  ring_->watch_again.cancel();
  // Before it is reaped: from then on its group's number may be another's.
  if (options_.own_group && (asked_ || is_tearing_)) child_->send_signal(SIGKILL);
  on_child_end(child_->try_reap());
}

void program::implementation::on_child_end(std::optional<io::child_end> end) noexcept {
  end_ = end.value_or(io::child_end{});
  if (!is_tearing_) {
    ring_->input.close();
    ring_->output.note_program_end();
    ring_->error.note_program_end();
    const std::chrono::nanoseconds patience = options_.leftover_time_max;
    ring_->deadline.start(base::now_ns() + patience.count());
  }
  settle();
}

// PP3. The pipes end themselves.
void program::implementation::on_detach() noexcept {
  if (!end_) {
    is_tearing_ = true;
    end_ = child_->kill_and_reap().value_or(io::child_end{});
  }
  settle();
}

// ---- the pipes ----

void program::implementation::on_output(channel which, bytes data, bool is_cut) noexcept {
  if (is_tearing_ || worker_has_ended_) {
    has_lost_output_ = true;
    return;
  }
  const send_outcome outcome = tell(output{id_, which, is_cut, std::move(data)});
  if (outcome != send_outcome::accepted) has_lost_output_ = true;
  if (is_leftover_over_) end_leftover(false);
}

void program::implementation::on_malformed(const char* reason) noexcept {
  malformed_ = reason;
  tear_down();
}

void program::implementation::on_output_end(channel) noexcept { settle(); }

void program::implementation::on_pipe_writable() noexcept {
  told_input_full_ = false;
  static_cast<void>(tell(writable{id_}));
}

void program::implementation::on_pipe_end(int os_error, std::uint64_t bytes_lost) noexcept {
  if (os_error != 0) {
    lose_input(os_error, bytes_lost, told_input_closed_);
  } else {
    input_bytes_lost_ += bytes_lost;
  }
  settle();
}

void program::implementation::on_input(bytes data) {
  if (is_over_) return;
  const std::uint64_t size = data.size();
  std::array<bytes, 3> parts{bytes{}, std::move(data), bytes{}};
  if (framer_) {
    auto framed = framer_->encode(std::move(parts[1]));
    if (!framed) return lose_input(EINVAL, size, told_input_unframed_);
    parts = {std::move(framed->head), std::move(framed->payload), std::move(framed->tail)};
  }
  switch (ring_->input.write(std::move(parts))) {
    case io::pipe_writer::outcome::queued: return;
    case io::pipe_writer::outcome::full: return lose_input(ENOBUFS, size, told_input_full_);
    case io::pipe_writer::outcome::closed: return lose_input(EPIPE, size, told_input_closed_);
  }
}

void program::implementation::close_input() {
  if (!is_over_) ring_->input.close_after_flush();
}

void program::implementation::send_signal(int number) {
  if (!is_over_ && !end_ && number > 0) child_->send_signal(number);
}

void program::implementation::inspect(inspect_items& items) {
  items.add("program", options_.argv.front());
  items.add("os_pid", child_->os_pid());
  items.add("program_has_ended", end_.has_value());
  if (ring_ == nullptr) return;
  items.add("input_queue_bytes", ring_->input.queued_bytes());
  items.set_traffic(ring_->output.bytes_read() + ring_->error.bytes_read(),
                    ring_->input.bytes_written());
}

// ---- the end ----

void program::implementation::settle() noexcept {
  if (is_over_ || !end_) return;
  if (!ring_->output.is_closed() || !ring_->error.is_closed() || !ring_->input.is_closed()) return;
  if (ring_->watch.in_flight()) return;
  ring_->driver.call_after_turn(ring_->finish);
}

void program::implementation::finish() noexcept {
  is_over_ = true;
  ring_->deadline.cancel();
  ring_->watch_again.cancel();
  ring_->detach.unlink();
  const net::teller& teller = ring_->teller;
  if (teller.is_given_up()) return;
  tell_exited();
  core::leave_start(teller.by(), teller.meta(),  // *this may be gone now
                    asked_ ? *asked_ : own_reason());
}

exit_reason program::implementation::own_reason() const {
  if (malformed_ != nullptr) return exit_reason::error(std::string{"output: "} + malformed_);
  if (!end_->is_known) return exit_reason::error("the program ended, nobody knows how");
  if (end_->signal != 0) return exit_reason::error("signal " + std::to_string(end_->signal));
  if (end_->code != 0) return exit_reason::error("exit code " + std::to_string(end_->code));
  return exit_reason::normal();
}

template <class M>
send_outcome program::implementation::tell(M message) noexcept {
  if (worker_has_ended_) return send_outcome::unknown;
  const send_outcome outcome = ring_->teller.tell(options_.worker, std::move(message));
  if (outcome == send_outcome::accepted) return outcome;
  if (outcome == send_outcome::full) {
    tear_down();  // PP2
  } else {
    worker_has_ended_ = true;
    begin_end();
  }
  return outcome;
}

void program::implementation::lose_input(int os_error, std::uint64_t bytes,
                                         bool& was_told) noexcept {
  input_bytes_lost_ += bytes;
  if (!std::exchange(was_told, true)) static_cast<void>(tell(input_lost{id_, os_error, bytes}));
}

void program::implementation::tell_exited() noexcept {
  if (!ring_->teller.is_alive(options_.worker)) return;
  exited last;
  last.id = id_;
  last.code = end_->code;
  last.signal = end_->signal;
  last.is_known = end_->is_known;
  last.is_output_complete =
      !has_lost_output_ && ring_->output.is_complete() && ring_->error.is_complete();
  last.is_output_malformed = malformed_ != nullptr;
  last.output_bytes = ring_->output.bytes_read() + ring_->error.bytes_read();
  last.input_bytes = ring_->input.bytes_written();
  last.input_bytes_lost = input_bytes_lost_;
  ring_->teller.tell_surely(options_.worker, last);
}

}  // namespace sluice::inline v0::port
