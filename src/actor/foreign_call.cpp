#include "actor/foreign_call.hpp"

#include <new>

#include "actor/delayed_send.hpp"
#include "actor/node_core.hpp"
#include "actor/rundown.hpp"
#include "actor/thread_drive.hpp"
#include "base/clock.hpp"
#include "base/park.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

void let_go(foreign_call& waiting) noexcept {
  // [FC1] acq_rel: the other owner's last use happens before the free; pairs FC1.
  if (waiting.owners.fetch_sub(1, base::acq_rel) != 1) return;
  // Relaxed: ordered by the count above.
  if (waiting.is_answered.load(base::relaxed) != 0) waiting.destroy(waiting.place);
  waiting.~foreign_call();
  ::operator delete(&waiting);
}

}  // namespace

send_outcome answer_waiting(foreign_call& waiting, ref id, const answer_builder& build,
                            void* answer) noexcept {
  build.complete(waiting.place, id, answer);
  // [FC2] release: the completion; pairs FC3 (wait).
  waiting.is_answered.store(1, base::release);
  base::futex_wake(waiting.is_answered, 1);
  let_go(waiting);
  return send_outcome::accepted;
}

foreign_wait::foreign_wait(void (*destroy)(void*) noexcept, std::size_t bytes,
                           std::chrono::nanoseconds timeout) noexcept
    : waiting_(nullptr), deadline_ns_(deadline_after(timeout.count())) {
  void* const memory =
      ::operator new(offsetof(foreign_call, place) + bytes + sizeof(foreign_call), std::nothrow);
  if (memory == nullptr) return;
  waiting_ = new (memory) foreign_call;
  waiting_->destroy = destroy;
}

foreign_wait::~foreign_wait() {
  if (waiting_ != nullptr) let_go(*waiting_);
}

reply_address foreign_wait::address() noexcept {
  reply_address to;
  to.waiting = waiting_;
  to.id = {UINT64_MAX};  // Nobody looks it up.
  to.deadline_ns = deadline_ns_;
  return to;
}

void* foreign_wait::wait() noexcept {
  // [FC3] acquire: sees the completion; pairs FC2 (answer_waiting).
  while (waiting_->is_answered.load(base::acquire) == 0) {
    if (base::now_ns() >= deadline_ns_) return nullptr;
    if (drive_this_thread(deadline_ns_)) continue;
    base::futex_wait(waiting_->is_answered, 0, deadline_ns_);
  }
  return waiting_->place;
}

error check_foreign_wait(gate* node) noexcept {
  if (node == nullptr) return {error_code::unknown_address, 0, "call"};
  const execution* const here = current_execution();
  if (here == nullptr) return {};
  if (here->worker != nullptr || here->node.way_in == node) {
    return {error_code::bad_argument, 0, "call: from inside of a handler or start flow"};
  }
  return {};
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
