#include "sync/injection_queue.hpp"

#if __has_include("sluice_config.h")
#include "sluice_config.h"
#endif

#ifdef SLUICE_CONCURRENTQUEUE_HEADER
#include SLUICE_CONCURRENTQUEUE_HEADER
#elif __has_include(<concurrentqueue/moodycamel/concurrentqueue.h>)
#include <concurrentqueue/moodycamel/concurrentqueue.h>
#elif __has_include(<concurrentqueue/concurrentqueue.h>)
#include <concurrentqueue/concurrentqueue.h>
#else
#include <concurrentqueue.h>
#endif

namespace sluice::inline v0::sync {

struct injection_core::implementation {
  moodycamel::ConcurrentQueue<void*> items;
};

injection_core::injection_core() : queue_(std::make_unique<implementation>()) {}

injection_core::~injection_core() = default;

bool injection_core::push(void* item) {
  // [IQ2] seq_cst: the count is up before the producer looks for sleepers; pairs IQ1, TS3.
  count_.fetch_add(1, base::seq_cst);
  if (queue_->items.enqueue(item)) return true;
  count_.fetch_sub(1, base::relaxed);  // Relaxed: an undone estimate publishes nothing.
  return false;
}

bool injection_core::push_bulk(std::span<void* const> items) {
  count_.fetch_add(items.size(), base::seq_cst);  // [IQ2]
  if (queue_->items.enqueue_bulk(items.data(), items.size())) return true;
  count_.fetch_sub(items.size(), base::relaxed);  // Relaxed: as above.
  return false;
}

void* injection_core::try_pop() noexcept {
  // Relaxed: a push that is not seen yet is seen by the caller's next look.
  if (count_.load(base::relaxed) == 0) return nullptr;
  void* item = nullptr;
  if (!queue_->items.try_dequeue(item)) return nullptr;
  count_.fetch_sub(1, base::relaxed);  // Relaxed: an estimate; the item came with its own order.
  return item;
}

std::size_t injection_core::try_pop_bulk(std::span<void*> items) noexcept {
  if (items.empty() || count_.load(base::relaxed) == 0) return 0;  // Relaxed: as in try_pop.
  const std::size_t count = queue_->items.try_dequeue_bulk(items.data(), items.size());
  if (count > 0) count_.fetch_sub(count, base::relaxed);  // Relaxed: as in try_pop.
  return count;
}

}  // namespace sluice::inline v0::sync
