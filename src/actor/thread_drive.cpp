#include "actor/thread_drive.hpp"

namespace sluice::inline v0::core {

namespace {

constinit thread_local thread_drive* drives_of_thread = nullptr;

}  // namespace

thread_drive::thread_drive() noexcept : next_(drives_of_thread) { drives_of_thread = this; }

thread_drive::~thread_drive() {
  thread_drive** at = &drives_of_thread;
  while (*at != this) at = &(*at)->next_;
  *at = next_;
}

bool drive_this_thread(base::nanoseconds_t until_ns) {
  for (thread_drive* each = drives_of_thread; each != nullptr; each = each->next_) {
    each->turn(until_ns);
  }
  return drives_of_thread != nullptr;
}

bool drives_this_thread() noexcept { return drives_of_thread != nullptr; }

}  // namespace sluice::inline v0::core
