#include "crossings.hpp"

#include <algorithm>
#include <stdexcept>

namespace actor_bench {

constinit crossings crossed;

namespace {

// One writer, so no read-modify-write. Relaxed: the finish line orders what the driver reads.
void add_one(std::atomic<std::uint64_t>& counter) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

// From 1; too many share the last number, and then there are no sums.
std::uint64_t crossings::this_thread() noexcept {
  thread_local std::uint64_t number = 0;
  if (number == 0) number = threads_.fetch_add(1, std::memory_order_relaxed) + 1;
  return std::min(number, threads_max);
}

std::uint64_t crossings::mark(std::uint64_t number) noexcept {
  return (number & (first_mark - 1)) | this_thread() << number_bits;
}

std::uint64_t crossings::receive(std::uint64_t number) noexcept {
  const std::uint64_t from = number >> number_bits;
  if (from == 0) return number;
  const std::uint64_t here = this_thread();
  cell& own = cells_[here - 1];
  add_one(own.received);
  if (from != here) add_one(own.crossed);
  return number & (first_mark - 1);
}

void crossings::receive_at(std::uint64_t& last) noexcept {
  const std::uint64_t here = this_thread();
  if (last != 0 && last != here) add_one(cells_[here - 1].moved);
  last = here;
}

crossings::sums crossings::total() const {
  const std::uint64_t threads = threads_.load(std::memory_order_relaxed);
  if (threads > threads_max) throw std::runtime_error{"too many threads to count crossings"};
  sums all;
  for (std::uint64_t i = 0; i < threads; ++i) {
    all.received += cells_[i].received.load(std::memory_order_relaxed);
    all.crossed += cells_[i].crossed.load(std::memory_order_relaxed);
    all.moved += cells_[i].moved.load(std::memory_order_relaxed);
  }
  return all;
}

}  // namespace actor_bench
