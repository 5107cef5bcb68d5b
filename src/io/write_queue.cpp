#include "io/write_queue.hpp"

#include <algorithm>
#include <utility>

namespace sluice::inline v0::io {

void write_queue::push(bytes data) {
  if (count_ == capacity_) grow();
  total_bytes_ += data.size();
  slots_[(first_ + count_) & (capacity_ - 1)] = std::move(data);
  ++count_;
}

void write_queue::consume(std::size_t sent_bytes) noexcept {
  total_bytes_ -= sent_bytes;
  while (count_ > 0 && sent_bytes >= slots_[first_].size()) {
    sent_bytes -= slots_[first_].size();
    slots_[first_] = bytes{};
    first_ = (first_ + 1) & (capacity_ - 1);
    --count_;
  }
  if (sent_bytes > 0) slots_[first_] = slots_[first_].slice(sent_bytes);
  if (count_ == 0 && capacity_ > kept_capacity_max) clear();
}

void write_queue::clear() noexcept {
  slots_.reset();
  capacity_ = first_ = count_ = 0;
  total_bytes_ = 0;
}

std::uint32_t write_queue::gather(::iovec* vectors, std::uint32_t limit) const noexcept {
  const std::uint32_t taken = std::min(limit, count_);
  for (std::uint32_t index = 0; index < taken; ++index) {
    const bytes& slice = slots_[(first_ + index) & (capacity_ - 1)];
    vectors[index] = {const_cast<std::byte*>(slice.data()), slice.size()};
  }
  return taken;
}

void write_queue::grow() {
  const std::uint32_t larger = capacity_ == 0 ? 2 : capacity_ * 2;
  auto slots = std::make_unique<bytes[]>(larger);
  for (std::uint32_t index = 0; index < count_; ++index) {
    slots[index] = std::move(slots_[(first_ + index) & (capacity_ - 1)]);
  }
  slots_ = std::move(slots);
  capacity_ = larger;
  first_ = 0;
}

}  // namespace sluice::inline v0::io
