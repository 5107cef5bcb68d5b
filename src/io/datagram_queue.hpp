// datagram_queue: datagrams that wait to be sent, in order, in a ring that is reused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <sluice/bytes.hpp>
#include <sluice/endpoint.hpp>

namespace sluice::inline v0::io {

struct queued_datagram {
  endpoint to;
  bytes data;
};

/// First in, first out. One owner. Grows by doubling; a large ring is freed when it runs empty.
class datagram_queue {
 public:
  void push_back(const endpoint& to, bytes data) {
    if (count_ == capacity_) grow();
    total_bytes_ += data.size();
    queued_datagram& place = at(count_++);
    place.to = to;
    place.data = std::move(data);
  }
  /// In front of all others.
  void push_front(const endpoint& to, bytes data) {
    if (count_ == capacity_) grow();
    total_bytes_ += data.size();
    first_ = (first_ - 1) & (capacity_ - 1);
    ++count_;
    at(0).to = to;
    at(0).data = std::move(data);
  }
  /// The first one's bytes; it leaves the queue.
  [[nodiscard]] bytes pop_front() noexcept {
    bytes data = std::move(at(0).data);
    total_bytes_ -= data.size();
    first_ = (first_ + 1) & (capacity_ - 1);
    if (--count_ == 0 && capacity_ > kept_capacity_max) clear();
    return data;
  }
  void clear() noexcept {
    slots_.reset();
    capacity_ = first_ = count_ = 0;
    total_bytes_ = 0;
  }

  /// The index-th from the front.
  [[nodiscard]] const queued_datagram& operator[](std::uint32_t index) const noexcept {
    return slots_[(first_ + index) & (capacity_ - 1)];
  }
  [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t total_bytes() const noexcept { return total_bytes_; }

 private:
  static constexpr std::uint32_t kept_capacity_max = 512;

  [[nodiscard]] queued_datagram& at(std::uint32_t index) noexcept {
    return slots_[(first_ + index) & (capacity_ - 1)];
  }
  void grow() {
    const std::uint32_t doubled = capacity_ == 0 ? 16 : capacity_ * 2;
    auto larger = std::make_unique<queued_datagram[]>(doubled);
    for (std::uint32_t index = 0; index < count_; ++index) larger[index] = std::move(at(index));
    slots_ = std::move(larger);
    capacity_ = doubled;
    first_ = 0;
  }

  std::unique_ptr<queued_datagram[]> slots_;
  std::uint32_t capacity_ = 0;  // a power of two, or 0
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::size_t total_bytes_ = 0;
};

}  // namespace sluice::inline v0::io
