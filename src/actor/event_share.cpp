#include "actor/event_share.hpp"

#include <new>

#include "base/assert.hpp"
#include "mem/cache.hpp"

namespace sluice::inline v0 {
namespace core {

namespace {

static_assert(sizeof(event_share) <= 64, "a share is the smallest block");

event_share* make(std::uint32_t holders, event_share* root, event_value* value,
                  pid event) noexcept {
  void* const memory = mem::this_thread_cache().allocate(0);
  return memory == nullptr ? nullptr : new (memory) event_share{{holders}, root, value, event};
}

}  // namespace

event_share* make_root_share(event_value* value, pid event) noexcept {
  return make(1, nullptr, value, event);
}

event_share& make_share(event_share& root, std::uint32_t holders) noexcept {
  event_share* const made = make(holders, &root, root.value, root.event);
  // Relaxed: who holds one may hold more; nothing is published by it.
  root.holders.fetch_add(made == nullptr ? holders : 1, base::relaxed);
  return made == nullptr ? root : *made;
}

void hold_share(event_share* share) noexcept {
  share->holders.fetch_add(1, base::relaxed);  // Relaxed: as in make_share.
}

void drop_share(event_share* share) noexcept { drop_share(share, 1); }

void drop_share(event_share* share, std::uint32_t holders) noexcept {
  while (share != nullptr) {
    // [ES1] acq_rel: what holders did before; the last one sees it; pairs ES1 (the others).
    if (share->holders.fetch_sub(holders, base::acq_rel) != holders) return;
    event_share* const root = share->root;
    if (root == nullptr) share->value->destroy(share->value);
    share->~event_share();
    mem::this_thread_cache().free(share, 0);
    share = root;
    holders = 1;
  }
}

pid event_of(const event_share* share) noexcept { return share == nullptr ? pid{} : share->event; }

}  // namespace core
}  // namespace sluice::inline v0
