#include "mem/depot.hpp"

#include <sys/mman.h>

namespace sluice::inline v0::mem {

void depot::push(class_index index, batch& full) noexcept {
  // Relaxed: an estimate that publishes nothing.
  lanes_[index].count.fetch_add(full.count, base::relaxed);
  lanes_[index].batches.push(records_, full.self);
}

batch* depot::pop(class_index index) noexcept {
  const std::uint32_t number = lanes_[index].batches.pop(records_);
  if (number == batch_records::none) return nullptr;
  batch& full = records_.at(number);
  lanes_[index].count.fetch_sub(full.count, base::relaxed);  // Relaxed: as in push.
  return &full;
}

batch* depot::take_empty() noexcept {
  std::uint32_t number = unused_.pop(records_);
  if (number == batch_records::none) {
    number = records_.fresh();
    if (number == batch_records::none) return nullptr;
    records_.at(number).self = number;
  }
  batch& empty = records_.at(number);
  empty.count = 0;
  return &empty;
}

void record_stack::push(batch_records& records, std::uint32_t index) noexcept {
  std::uint64_t top = top_.load(base::relaxed);  // Relaxed: the CAS below checks it.
  std::uint64_t next = 0;
  do {
    // Relaxed: published by the CAS; a slow pop that reads it early fails its own CAS (D2).
    records.at(index).next.store(static_cast<std::uint32_t>(top), base::relaxed);
    next = (top & ~std::uint64_t{UINT32_MAX}) | index;
    // [DP1] release: publishes the record and its blocks; pairs DP2 (pop).
    // Ends: a failure means that another push or pop succeeded.
  } while (!top_.compare_exchange_weak(top, next, base::release, base::relaxed));
}

std::uint32_t record_stack::pop(batch_records& records) noexcept {
  // [DP2] acquire, here and on both outcomes below: sees the record; pairs DP1 (push).
  std::uint64_t top = top_.load(base::acquire);
  while (true) {
    const auto index = static_cast<std::uint32_t>(top);
    if (index == batch_records::none) return index;
    // Relaxed: the CAS fails if the record has gone meanwhile (D2).
    const std::uint32_t below = records.at(index).next.load(base::relaxed);
    const std::uint64_t tag = (top >> 32) + 1;
    // [DP2] Ends: a failure means that another push or pop succeeded.
    if (top_.compare_exchange_weak(top, (tag << 32) | below, base::acquire, base::acquire)) {
      return index;
    }
  }
}

batch& batch_records::at(std::uint32_t index) noexcept {
  // Relaxed: who knows an index got it through DP2 or from fresh(), after the chunk was there.
  return chunks_[index / chunk_records].load(base::relaxed)[index % chunk_records];
}

std::uint32_t batch_records::fresh() noexcept {
  // Relaxed: only the uniqueness of the number matters.
  std::uint32_t index = next_fresh_.load(base::relaxed);
  do {
    if (index >= chunk_records * chunk_count) return none;
    base::atomic<batch*>& chunk = chunks_[index / chunk_records];
    // [DP3] acquire: sees the chunk's memory; pairs DP4.
    if (chunk.load(base::acquire) == nullptr) {
      constexpr std::size_t size = chunk_records * sizeof(batch);
      void* memory =
          ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) return none;
      batch* expected = nullptr;
      // [DP4] release: publishes the chunk; acquire on failure as DP3; pairs DP3.
      if (!chunk.compare_exchange_strong(expected, static_cast<batch*>(memory), base::release,
                                         base::acquire)) {
        ::munmap(memory, size);
      }
    }
    // Ends: a failure means that another thread got the number.
  } while (!next_fresh_.compare_exchange_weak(index, index + 1, base::relaxed, base::relaxed));
  return index;
}

}  // namespace sluice::inline v0::mem
