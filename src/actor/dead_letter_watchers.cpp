#include "actor/dead_letter_watchers.hpp"

#include <algorithm>

#include "actor/caller.hpp"
#include "actor/control_send.hpp"

namespace sluice::inline v0 {

const char* to_string(dead_letter_reason why) noexcept {
  static_assert(static_cast<unsigned>(dead_letter_reason::overflowed) + 1 ==
                core::dead_letter_kinds);
  return core::to_string(static_cast<core::dead_letter>(why));
}

namespace core {

void dead_letter_watchers::add(pid who) {
  const std::lock_guard lock{guard_};
  if (std::find(watchers_.begin(), watchers_.end(), who) != watchers_.end()) return;
  watchers_.push_back(who);
  count_.store(static_cast<std::uint32_t>(watchers_.size()), base::relaxed);  // A hint.
}

bool dead_letter_watchers::remove(pid who) noexcept {
  const std::lock_guard lock{guard_};
  const auto gone = std::erase(watchers_, who);
  count_.store(static_cast<std::uint32_t>(watchers_.size()), base::relaxed);  // A hint.
  return gone != 0;
}

void dead_letter_watchers::tell(execution& by, const dead_letter_report& what) noexcept {
  std::vector<pid> all;
  {
    const std::lock_guard lock{guard_};
    all = watchers_;
  }
  for (const pid who : all) {
    // Relaxed: a hint, to forget who has ended.
    if (by.node.slots.find(who.slot)->generation.load(base::relaxed) != who.generation) {
      remove(who);
      continue;
    }
    static_cast<void>(send_control(by, who.slot, who.generation, priority::log, what));
  }
}

void subscribe_dead_letters(slot& self) {
  caller from{self};
  from.by().node.watchers.add(pid_of(self));
}

bool unsubscribe_dead_letters(slot& self) noexcept {
  caller from{self};
  return from.by().node.watchers.remove(pid_of(self));
}

}  // namespace core
}  // namespace sluice::inline v0
