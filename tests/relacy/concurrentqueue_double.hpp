// Stands for moodycamel::ConcurrentQueue: it loses and doubles nothing, keeps no order, and may say
// false although something is there. An item brings what its producer did before it, and that is
// all the order there is between the threads.
#pragma once

#include <cstddef>

#include "base/atomic.hpp"

namespace moodycamel {

template <class T>
class ConcurrentQueue {
 public:
  bool enqueue(T item) {
    const unsigned place = next_.fetch_add(1, sluice::base::relaxed);
    if (place >= places_max) return false;
    places_[place].store(item, sluice::base::release);
    return true;
  }
  bool enqueue_bulk(const T* items, std::size_t count) {
    bool is_done = true;
    for (std::size_t i = 0; i < count; ++i) is_done = enqueue(items[i]) && is_done;
    return is_done;
  }
  bool try_dequeue(T& item) {
    const unsigned used = next_.load(sluice::base::relaxed);
    for (unsigned i = 0; i < used && i < places_max; ++i) {
      if (places_[i].load(sluice::base::relaxed) == nullptr) continue;
      item = places_[i].exchange(nullptr, sluice::base::acquire);
      if (item != nullptr) return true;
    }
    return false;
  }
  std::size_t try_dequeue_bulk(T* items, std::size_t count) {
    std::size_t done = 0;
    while (done < count && try_dequeue(items[done])) ++done;
    return done;
  }

 private:
  static constexpr unsigned places_max = 6;

  sluice::base::atomic<unsigned> next_{0};
  sluice::base::atomic<T> places_[places_max];
};

}  // namespace moodycamel
