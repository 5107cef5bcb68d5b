// foreign_wait: what node::call and node::inspect wait with. Not for users.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <sluice/context.hpp>
#include <sluice/request.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

/// The calling thread's place for one completion. Blocks in wait() only.
class foreign_wait {
 public:
  foreign_wait(void (*destroy)(void*) noexcept, std::size_t bytes,
               std::chrono::nanoseconds timeout) noexcept;
  foreign_wait(const foreign_wait&) = delete;
  foreign_wait& operator=(const foreign_wait&) = delete;
  ~foreign_wait();

  /// False: out of memory.
  explicit operator bool() const noexcept { return waiting_ != nullptr; }
  /// For one reply_to.
  [[nodiscard]] reply_address address() noexcept;
  /// The completion, or null when the time is up. Lives as long as this.
  [[nodiscard]] void* wait() noexcept;

 private:
  foreign_call* waiting_;
  std::int64_t deadline_ns_;
};

/// An error where nobody may wait: on a scheduler of any node, in a start flow of this one.
[[nodiscard]] error check_foreign_wait(gate* node) noexcept;

/// Sends the request and waits.
template <request_type M>
[[nodiscard]] result<typename M::reply> call_and_wait(gate* node, const message_type& type,
                                                      sluice::address to, M&& asked,
                                                      const request_options& options) noexcept {
  if (const error refused = check_foreign_wait(node); refused.code != error_code::none) {
    return refused;
  }
  constexpr std::size_t bytes = sizeof(completion<M>);
  static_assert(alignof(completion<M>) <= alignof(std::max_align_t),
                "a reply is aligned to 16 bytes at most");
  foreign_wait place{&destroy_payload<completion<M>>, bytes, options.timeout};
  if (!place) return error{error_code::out_of_memory, 0, "call"};
  const auto outcome = send_through(
      node, type, to, request_of<M>{reply_to<M>{place.address()}, std::move(asked)}, options.lane);
  if (outcome == send_outcome::stopping) return error{error_code::stopping, 0, "call"};
  auto* const done = static_cast<completion<M>*>(place.wait());
  if (done == nullptr) return error{error_code::timed_out, 0, "call"};
  return std::move(done->answer);
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
