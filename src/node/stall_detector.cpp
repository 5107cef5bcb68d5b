#include "node/stall_detector.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "actor/slot.hpp"
#include "base/thread.hpp"
#include "node/node_state.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

constexpr base::nanoseconds_t idle_interval_max_ns = 1'000'000'000;

// A copy of what another thread may be writing, or has freed (SD-1). False: it cannot be had.
template <class T>
bool copy_from(const void* place, T& into) noexcept {
  iovec to{&into, sizeof into};
  iovec from{const_cast<void*>(place), sizeof into};
  return ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) == static_cast<ssize_t>(sizeof into);
}

const std::byte* at(const void* object, std::size_t offset) noexcept {
  return static_cast<const std::byte*>(object) + offset;
}

}  // namespace

stall_detector::stall_detector(node_state& of, base::nanoseconds_t limit_ns)
    : state_(of), limit_ns_(limit_ns), sightings_(of.scheduler->worker_count()) {}

stall_detector::~stall_detector() {
  if (!thread_.joinable()) return;
  is_stopping_.store(true, base::relaxed);  // Relaxed: the wake orders it.
  parker_.wake();
  thread_.join();
}

result<void> stall_detector::start() {
  auto made = base::start_thread({"sluice-stalls", {}}, [this] { run(); });
  if (!made) return made.error();
  thread_ = std::move(made).value();
  return {};
}

void stall_detector::run() noexcept {
  const base::nanoseconds_t busy_interval_ns = std::max<base::nanoseconds_t>(limit_ns_ / 2, 1);
  base::nanoseconds_t interval_ns = busy_interval_ns;
  // Relaxed: the stop's wake orders it.
  while (!is_stopping_.load(base::relaxed)) {
    if (parker_.park(base::now_ns() + interval_ns) == sync::park_result::woken) continue;
    const base::nanoseconds_t now_ns = base::now_ns();
    bool is_busy = false;
    for (std::size_t i = 0; i < sightings_.size(); ++i) is_busy = look_at(i, now_ns) || is_busy;
    interval_ns = is_busy
                      ? busy_interval_ns
                      : std::max(busy_interval_ns, std::min(2 * interval_ns, idle_interval_max_ns));
  }
}

bool stall_detector::look_at(std::size_t index, base::nanoseconds_t now_ns) noexcept {
  const sched::worker_statistics& own = state_.scheduler->worker_at(index).statistics();
  sighting& last = sightings_[index];
  // Relaxed: statistics.
  if (own.busy_since.load(base::relaxed) == 0) {
    last = {};
    return false;
  }
  if (last.since_ns == 0 || !stands_still(index)) {
    last = {own.activations.load(base::relaxed),
            state_.executions[index]->counters.handled.load(base::relaxed), now_ns, false};
    return true;
  }
  if (last.is_reported || now_ns - last.since_ns < limit_ns_) return true;
  const std::string what = describe(index);
  if (what.empty() || !stands_still(index)) return true;
  last.is_reported = true;
  state_.core->write_log(log_level::warning,
                         "stall: scheduler " + std::to_string(index) + ": " + what + " for " +
                             std::to_string((now_ns - last.since_ns) / 1'000'000) + " ms so far");
  return true;
}

bool stall_detector::stands_still(std::size_t index) const noexcept {
  const sched::worker_statistics& own = state_.scheduler->worker_at(index).statistics();
  const sighting& last = sightings_[index];
  // Relaxed: statistics.
  return own.activations.load(base::relaxed) == last.activations &&
         state_.executions[index]->counters.handled.load(base::relaxed) == last.handled;
}

// Empty: no handler runs, or it cannot be seen.
std::string stall_detector::describe(std::size_t index) const {
  const execution& by = *state_.executions[index];
  const slot* running = nullptr;
  const envelope* current = nullptr;
  if (!copy_from(&by.running, running)) return "something runs";
  if (running == nullptr || !copy_from(&by.current, current)) return {};
  const behaviour* what = nullptr;
  const message_type* type = nullptr;
  static_cast<void>(copy_from(&running->what, what));
  if (current != nullptr) {
    static_cast<void>(copy_from(at(current, offsetof(envelope, type)), type));
  }
  std::uint32_t place = slot::no_slot;
  static_cast<void>(copy_from(&running->index, place));
  if (!stands_still(index)) return {};  // SD-1: descriptions live for ever, but were they these?
  // By the table, which orders its making before this look.
  const slot* const tenant = state_.core->slots.find(place);
  if (tenant == nullptr) return {};
  const pid who{state_.core->id, place,
                tenant->generation.load(base::relaxed)};  // Relaxed: for a text.
  std::string text = is_meta(*tenant) ? "meta process " : "process ";
  const std::string name = state_.core->names.name_of(who);
  if (!name.empty()) text += name + ' ';
  text += '(' + std::to_string(who.node) + '.' + std::to_string(who.slot) + '.' +
          std::to_string(who.generation);
  if (what != nullptr) text += ", " + std::string{what->name};
  text += ") has been ";
  text += type == nullptr ? "running" : "handling " + std::string{type->name};
  return text;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
