// send_batch: a range of messages to one receiver, published as one.
//
//   send_batch(to, std::move(rows));             // a std::vector<row>: moved from, one by one
//   send_batch(to, std::span{rows}.first(10));   // a span or view moves too, if it may
//   send_batch(to, rows);                        // an lvalue is copied from
//
// They lie in the mailbox next to each other in the order of the range: one atomic operation and at
// most one wake-up for all of them. In a handler, plain sends in a row to one receiver become such
// chains by themselves; a batch is for threads outside of the node, and for being sure.
// A bounded mailbox takes as many as it has room for. Of those that were not accepted the first may
// have been moved from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>

#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

template <class A, class Address>
class basic_handle;

struct batch_outcome {
  std::size_t accepted = 0;                       ///< so many, from the first on
  send_outcome outcome = send_outcome::accepted;  ///< else why the next one was not
};

namespace core {

class gate;
struct slot;

/// A batch where its type is not known. Borrowed for the call.
struct batch_source {
  const message_type* type;
  std::size_t count;
  void (*build_next)(void* payload, void* source) noexcept;
  void* source;
};

batch_outcome post_batch(slot& self, const batch_source& batch, address to, priority lane) noexcept;
batch_outcome post_batch(gate* node, const batch_source& batch, address to, priority lane) noexcept;

template <class Range>
using batched_message = std::remove_cvref_t<std::ranges::range_reference_t<Range>>;

template <class M, class Iterator, bool Moves>
void build_next_of(void* payload, void* source) noexcept {
  auto& at = *static_cast<Iterator*>(source);
  if constexpr (Moves) {
    new (payload) M(std::ranges::iter_move(at));
  } else {
    new (payload) M(*at);
  }
  ++at;
}

/// Erases the range and hands it to `post_it`.
template <class Range, class PostIt>
batch_outcome with_batch(const message_type& type, Range&& range, PostIt&& post_it) noexcept {
  using M = batched_message<Range>;
  using iterator = std::ranges::iterator_t<std::remove_reference_t<Range>>;
  static_assert(message<M>, "sluice: a batch is a range of messages");
  static_assert(std::ranges::forward_range<Range>,
                "sluice: a batch is a forward range: one that knows its length and can be walked");
  constexpr bool moves = !std::is_lvalue_reference_v<Range>;
  static_assert(moves ? std::is_nothrow_constructible_v<M, std::iter_rvalue_reference_t<iterator>>
                      : std::is_nothrow_constructible_v<M, std::iter_reference_t<iterator>>,
                "sluice: copying this message may throw: give the batch away by std::move");
  iterator at = std::ranges::begin(range);
  const auto count = static_cast<std::size_t>(std::ranges::distance(range));
  return post_it(batch_source{&type, count, &build_next_of<M, iterator, moves>, &at});
}

template <class Range>
batch_outcome send_batch_through(gate* node, const message_type& type, address to, Range&& range,
                                 priority lane) noexcept {
  return with_batch(type, std::forward<Range>(range),
                    [&](const batch_source& batch) { return post_batch(node, batch, to, lane); });
}

/// The part of processes and metas that sends batches.
template <class Base>
class batching : public Base {
 public:
  /// Sends the messages of `range` to a pid, alias, address or handle.
  template <class Range>
  batch_outcome send_batch(address to, Range&& range, priority lane = priority::main) noexcept {
    return post<Range>(message_type_of<batched_message<Range>>, to, std::forward<Range>(range),
                       lane);
  }
  template <class A, class Address, class Range>
  batch_outcome send_batch(const basic_handle<A, Address>& to, Range&& range,
                           priority lane = priority::main) noexcept {
    using M = batched_message<Range>;
    return post<Range>(basic_handle<A, Address>::template type_for<M>(), to,
                       std::forward<Range>(range), lane);
  }

 protected:
  batching() noexcept = default;
  ~batching() = default;

 private:
  template <class Range>
  batch_outcome post(const message_type& type, address to, Range&& range, priority lane) noexcept {
    return with_batch(type, std::forward<Range>(range), [&](const batch_source& batch) {
      return post_batch(*this->self_, batch, to, lane);
    });
  }
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
