#include "actor/log_outputs.hpp"

#include <algorithm>
#include <utility>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"

namespace sluice::inline v0::core {

void log_outputs::add(log_output to) {
  if (to.sink != nullptr) lanes_.push_back(std::make_shared<log_lane>(std::move(to)));
}

result<void> log_outputs::start() {
  for (const auto& each : lanes_) {
    if (auto started = each->start(); !started) return started;
  }
  return {};
}

std::size_t log_outputs::stop(base::nanoseconds_t deadline_ns) noexcept {
  std::size_t left = 0;
  for (const auto& each : lanes_) left += each->stop(deadline_ns) ? 0 : 1;
  return left;
}

void log_outputs::receive(pid who, log_severity from) {
  stop_receiving(who);
  const std::lock_guard lock{guard_};
  receivers_.push_back({who, from});
  receiver_count_.store(static_cast<std::uint32_t>(receivers_.size()), base::relaxed);  // A hint.
}

bool log_outputs::stop_receiving(pid who) noexcept {
  const std::lock_guard lock{guard_};
  const auto gone =
      std::erase_if(receivers_, [who](const receiver& each) { return each.who == who; });
  receiver_count_.store(static_cast<std::uint32_t>(receivers_.size()), base::relaxed);  // A hint.
  return gone != 0;
}

bool log_outputs::wants(log_severity severity) const noexcept {
  if (receiver_count_.load(base::relaxed) != 0) return true;  // Relaxed: a hint.
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [severity](const auto& each) { return each->takes(severity); });
}

void log_outputs::write(const node_core& node, log_record&& line) noexcept {
  if (receiver_count_.load(base::relaxed) != 0) send_to_receivers(node, line);  // Relaxed: a hint.
  std::shared_ptr<const log_record> shared;
  for (const auto& each : lanes_) {
    if (!each->takes(line.severity)) continue;
    if (shared == nullptr) shared = std::make_shared<const log_record>(line);
    each->push(shared);
  }
}

// Without a sender, so that a line that is refused is no line of the log.
void log_outputs::send_to_receivers(const node_core& node, const log_record& line) noexcept {
  std::vector<receiver> all;
  {
    const std::lock_guard lock{guard_};
    all = receivers_;
  }
  const auto send_all = [&](execution& by) {
    for (const receiver& each : all) {
      if (line.severity < each.from || address{each.who} == line.from) continue;
      const slot* const place = node.slots.find(each.who.slot);
      // Relaxed: a hint, to forget who has ended.
      if (place->generation.load(base::relaxed) != each.who.generation) {
        stop_receiving(each.who);
        continue;
      }
      static_cast<void>(
          send_control(by, each.who.slot, each.who.generation, priority::log, log_record{line}));
    }
  };
  if (execution* const here = own_thread_of(node.id)) return send_all(*here);
  foreign_access access{*node.way_in, node.id};
  if (access) send_all(access.by());
}

}  // namespace sluice::inline v0::core
