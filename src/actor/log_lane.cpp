#include "actor/log_lane.hpp"

#include <new>
#include <utility>

#include "base/park.hpp"
#include "base/thread.hpp"

namespace sluice::inline v0::core {

namespace {

// A line that goes on repeating itself is mentioned so often.
constexpr base::nanoseconds_t repeat_interval_ns = 1'000'000'000;

log_record remark(log_severity severity, std::string text) {
  log_record made;
  made.time = std::chrono::system_clock::now();
  made.severity = severity;
  made.text = std::move(text);
  return made;
}

}  // namespace

log_lane::~log_lane() {
  while (auto* const left = lines_.pop().item) delete left;
}

result<void> log_lane::start() {
  // Relaxed: no thread runs yet; one that ran before, when the node could not start, is joined.
  is_stopping_.store(false, base::relaxed);
  has_ended_.store(0, base::relaxed);
  auto made = base::start_thread({"sluice-log", {}}, [self = shared_from_this()] { self->run(); });
  if (!made) return made.error();
  thread_ = std::move(made).value();
  return {};
}

bool log_lane::stop(base::nanoseconds_t deadline_ns) noexcept {
  if (!thread_.joinable()) return true;
  is_stopping_.store(true, base::relaxed);  // Relaxed: the wake orders it.
  parker_.wake();
  // [LO1] acquire: what the thread wrote last; pairs LO2 (run).
  while (has_ended_.load(base::acquire) == 0 && base::now_ns() < deadline_ns) {
    base::futex_wait(has_ended_, 0, deadline_ns);
  }
  if (has_ended_.load(base::acquire) == 0) {  // [LO1]
    thread_.detach();
    return false;
  }
  thread_.join();
  return true;
}

void log_lane::push(const std::shared_ptr<const log_record>& line) noexcept {
  // Relaxed: a count; many pushers at once may each see room for one.
  if (waiting_.fetch_add(1, base::relaxed) < to_.waiting_max) {
    if (auto* const made = new (std::nothrow) waiting_line) {
      made->line = line;
      lines_.push(made);
      return parker_.wake();
    }
  }
  waiting_.fetch_sub(1, base::relaxed);  // Relaxed: as above.
  lost_.fetch_add(1, base::relaxed);     // LL-1
}

void log_lane::run() noexcept {
  while (true) {
    drain();
    // Relaxed: the stop's wake orders it, and one that is missed here makes park() return.
    if (is_stopping_.load(base::relaxed)) break;
    const base::nanoseconds_t deadline_ns =
        repeats_ == 0 ? base::no_deadline : repeated_since_ns_ + repeat_interval_ns;
    if (parker_.park(deadline_ns) == sync::park_result::timed_out) say_repeated();
  }
  drain();
  say_repeated();
  say_lost();
  // [LO2] release: pairs LO1 (stop).
  has_ended_.store(1, base::release);
  base::futex_wake(has_ended_, 1);
}

// A producer that stands between two steps of its push wakes this thread when it is done.
void log_lane::drain() noexcept {
  while (auto* const next = lines_.pop().item) {
    waiting_.fetch_sub(1, base::relaxed);  // Relaxed: a count.
    const std::unique_ptr<waiting_line> owned{next};
    take(*owned->line);
  }
}

void log_lane::take(const log_record& line) noexcept {
  say_lost();
  const bool is_same = line.severity == last_.severity && line.source == last_.source &&
                       line.text == last_.text && line.fields == last_.fields && !line.text.empty();
  if (is_same) {
    const base::nanoseconds_t now = base::now_ns();
    if (repeats_++ == 0) repeated_since_ns_ = now;
    if (now - repeated_since_ns_ >= repeat_interval_ns) say_repeated();
    return;
  }
  say_repeated();
  last_ = line;
  write(line);
}

void log_lane::say_repeated() noexcept {
  const std::uint64_t times = std::exchange(repeats_, 0);
  if (times == 0) return;
  log_record again = last_;
  again.time = std::chrono::system_clock::now();
  again.text += " (repeated " + std::to_string(times) + (times == 1 ? " time)" : " times)");
  write(again);
}

void log_lane::say_lost() noexcept {
  const std::uint64_t lost = lost_.load(base::relaxed);  // Relaxed: a count.
  const std::uint64_t more = lost - std::exchange(lost_said_, lost);
  if (more == 0) return;
  write(remark(log_severity::warning,
               std::to_string(more) + " log lines were lost: this output is too slow"));
}

void log_lane::write(const log_record& line) noexcept {
#if defined(__cpp_exceptions)
  try {
    to_.sink->write(line);
  } catch (...) {                       // LL-2
    lost_.fetch_add(1, base::relaxed);  // Relaxed: a count.
  }
#else
  to_.sink->write(line);
#endif
}

}  // namespace sluice::inline v0::core
