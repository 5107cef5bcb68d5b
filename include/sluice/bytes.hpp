// bytes: a counted slice of immutable memory, the way payloads travel between actors.
//
// A slice names a range and keeps its owner block alive; copying counts, moving does not. The block
// returns to where it came from (a ring's receive buffers, the pool, a caller's deleter) when the
// last slice lets go, on whatever thread that happens, also after the node is gone.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

namespace detail {
struct bytes_owner;  // src/mem/bytes_owner.hpp
void retain(bytes_owner* owner) noexcept;
void release(bytes_owner* owner) noexcept;
}  // namespace detail

/// A counted slice. One object is not thread-safe; different slices of one block are.
class bytes {
 public:
  bytes() noexcept = default;

  /// Copies `data` into a block of its own (pool memory; a large one comes from the heap).
  [[nodiscard]] static bytes copy_of(std::span<const std::byte> data);
  [[nodiscard]] static bytes copy_of(std::string_view text) {
    return copy_of(std::as_bytes(std::span{text.data(), text.size()}));
  }

  bytes(const bytes& other) noexcept
      : owner_(other.owner_), data_(other.data_), size_(other.size_) {
    if (owner_ != nullptr) detail::retain(owner_);
  }
  bytes(bytes&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  bytes& operator=(bytes other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~bytes() {
    if (owner_ != nullptr) detail::release(owner_);
  }

  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::span<const std::byte> span() const noexcept { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data_), size_};
  }

  /// The part [offset, offset + count), sharing the block; cut to what is there.
  [[nodiscard]] bytes slice(std::size_t offset, std::size_t count = npos) const& noexcept {
    bytes part{*this};
    part.cut(offset, count);
    return part;
  }
  /// The same of a slice that is given up: nothing is counted.
  [[nodiscard]] bytes slice(std::size_t offset, std::size_t count = npos) && noexcept {
    cut(offset, count);
    return std::move(*this);
  }

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  /// For the library: takes over one count of `owner`.
  bytes(detail::bytes_owner* owner, const std::byte* data, std::size_t size) noexcept
      : owner_(owner), data_(data), size_(size) {}

 private:
  void cut(std::size_t offset, std::size_t count) noexcept {
    if (offset > size_) offset = size_;
    data_ += offset;
    size_ = count < size_ - offset ? count : size_ - offset;
  }

  detail::bytes_owner* owner_ = nullptr;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace v0
}  // namespace sluice
