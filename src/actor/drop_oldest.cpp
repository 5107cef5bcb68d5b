#include "actor/drop_oldest.hpp"

#include "actor/room.hpp"

namespace sluice::inline v0::core {

void drop_oldest(execution& by, slot& self) noexcept {
  // Relaxed: counts; what comes meanwhile is looked at by the next take.
  const std::uint32_t bound = self.bounded_max.load(base::relaxed) & ~bound_flags;
  std::uint32_t count = self.bounded_count.load(base::relaxed) & ~room_mark;
  if (count <= bound) return;
  bool has_waiting = false;
  std::uint32_t dropped = 0;
  envelope* const last = self.mail.take_out_counted([&](const envelope&) {
    if (count <= bound) return false;
    const std::uint32_t before = self.bounded_count.fetch_sub(1, base::relaxed);
    has_waiting = has_waiting || (before & room_mark) != 0;
    count = (before & ~room_mark) - 1;
    ++dropped;
    return true;
  });
  if (last == nullptr) return;
  if (has_waiting) tell_waiting(by, self, dropped);  // RO1
  last->older = nullptr;
  by.bury_take(last, dead_letter::overflowed);
}

}  // namespace sluice::inline v0::core
