// Requests: messages that are answered. reply_to<M>: the means to answer. completion<M>: the end.
//
//   struct total { using reply = int; };       // a request names its reply; void is one too
//
//   int on(total);                             // the callee answers by return, or with an error:
//   result<int> on(total);
//   void on(total, reply_to<total> answer);    // or now, later, or from another process
//
//   request(counter, total{}, {.timeout = 50ms});   // the requester goes on at once...
//   void on(completion<total> done);                // ...and hears of it exactly once
//
// A request that is refused, buried or let go of unanswered answers itself with an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <sluice/message.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// M names its reply: `using reply = T;`, void or a message type.
template <class M>
concept request_type = message<M> && requires {
  typename M::reply;
} &&(std::is_void_v<typename M::reply> || message<typename M::reply>);

struct request_options {
  /// From now to the completion at the latest, which says timed_out then. Never early.
  std::chrono::nanoseconds timeout = std::chrono::seconds{5};
  /// Comes back with the completion.
  std::uint64_t label = 0;
  /// Of the request. The answer travels as `system`: no full mailbox refuses it.
  priority lane = priority::main;
};

/// How a request ended, for the handler `on(completion<M>)` of who asked. Exactly one for each.
/// Errors beside the callee's own: timed_out, cancelled, unknown_address, mailbox_full, stopping,
/// unhandled (no handler), receiver_ended, no_reply (let go of unanswered), out_of_memory.
template <request_type M>
struct completion {
  ref id;
  std::uint64_t label = 0;
  result<typename M::reply> answer;
};

namespace core {

class gate;
struct foreign_call;

/// How a completion is made, where its type is not known; one constant a type.
struct completion_kind {
  const message_type* type;
  std::uint32_t bytes;  ///< of the envelope
  std::uint8_t block;
  void (*fail)(void* where, ref id, const error& why) noexcept;
};

/// Where an answer goes: to a request of a process or meta, or to a thread that waits.
/// The deadline may be open (calls.cpp): negative, not known before somebody asks for it.
struct reply_address {
  union {
    gate* node = nullptr;   ///< of who asked; outlives it
    foreign_call* waiting;  ///< when there is no kind
  };
  const completion_kind* kind = nullptr;
  ref id{};  ///< 0 = nobody waits
  std::int64_t deadline_ns = 0;
  std::uint32_t node_id = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
};

/// How an answer is made, where its type is not known; what it is made of is moved from.
struct answer_builder {
  void (*complete)(void* where, ref id, void* answer) noexcept;  ///< a completion
  void (*place)(void* where, void* answer) noexcept;  ///< a result, for who waits in a call
};
/// Who is said to have sent the answer.
enum class answer_by : bool { whose_flow_it_is, nobody };
/// Any thread, also after the node's end. `id` is that of `to`, which has it no more.
send_outcome give_answer(const reply_address& to, ref id, const answer_builder& build, void* answer,
                         answer_by whom) noexcept;
/// The same from the handler flow of `self`.
void give_answer(slot& self, const reply_address& to, ref id, const answer_builder& build,
                 void* answer) noexcept;

/// Makes an open deadline one: from now on.
void close_deadline(reply_address& to) noexcept;

template <class M>
void fail_completion(void* where, ref id, const error& why) noexcept {
  new (where) completion<M>{id, 0, why};
}

template <class M>
[[nodiscard]] constexpr completion_kind completion_kind_by(const message_type* type) noexcept {
  constexpr std::uint32_t bytes = payload_offset<completion<M>>() + sizeof(completion<M>);
  return {type, bytes, block_class_for(bytes), &fail_completion<M>};
}

}  // namespace core

/// The right and the duty to answer one request. Movable, may be kept, sent in a message, used on
/// any thread, and may outlive its node. Dropped unanswered it answers no_reply.
template <request_type M>
class [[nodiscard]] reply_to {
 public:
  using reply_type = typename M::reply;

  reply_to() noexcept = default;
  explicit reply_to(const core::reply_address& to) noexcept : to_(to) {}
  reply_to(reply_to&& other) noexcept : to_(other.take()) {}
  reply_to& operator=(reply_to&& other) noexcept {
    if (this != &other) {
      drop();
      to_ = other.take();
    }
    return *this;
  }
  ~reply_to() { drop(); }

  /// Answers. `unknown`: nobody waits any more, or this has answered before.
  template <class Value = reply_type>
  requires std::is_convertible_v<Value, reply_type> send_outcome reply(Value&& value)
  noexcept {
    if (!is_valid()) return send_outcome::unknown;
    reply_type made(static_cast<reply_type>(std::forward<Value>(value)));
    return core::give_answer(to_, std::exchange(to_.id, {}), builder_from<reply_type>, &made,
                             core::answer_by::whose_flow_it_is);
  }
  send_outcome reply() noexcept requires std::is_void_v<reply_type> { return answer({}); }
  send_outcome reply_error(error why) noexcept { return answer(result<reply_type>{why}); }
  /// Either of them.
  send_outcome answer(result<reply_type> what) noexcept {
    return give(std::move(what), core::answer_by::whose_flow_it_is);
  }

  /// When the requester gives up; what is answered later is in vain.
  [[nodiscard]] std::chrono::steady_clock::time_point deadline() const noexcept {
    // Never open: close_deadline came before its handler, or a move.
    return std::chrono::steady_clock::time_point{
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(
            std::chrono::nanoseconds{to_.deadline_ns})};
  }
  /// Whether there is somebody to answer, and it has not been done.
  [[nodiscard]] bool is_valid() const noexcept { return to_.id.number != 0; }

  /// For the library, before it is sent.
  [[nodiscard]] core::reply_address& where() noexcept { return to_; }
  /// For the library, before a handler gets it as it lies in its envelope.
  void close_deadline() noexcept {
    if (to_.deadline_ns < 0) [[unlikely]]
      core::close_deadline(to_);
  }
  /// For the library: what the handler of `self` returned is the answer. It has not answered yet.
  template <class Value>
  void answer_at_return(core::slot& self, Value&& value) noexcept {
    if (!is_valid()) return;  // The handler put its message aside, answer and all.
    if constexpr (std::is_same_v<Value, reply_type>) {
      core::give_answer(self, to_, std::exchange(to_.id, {}), builder_from<reply_type>, &value);
    } else {
      result<reply_type> made(std::forward<Value>(value));
      core::give_answer(self, to_, std::exchange(to_.id, {}), builder_from<result<reply_type>>,
                        &made);
    }
  }
  /// For the library: it was lost on its way.
  void lose(error why) noexcept {
    static_cast<void>(give(result<reply_type>{why}, core::answer_by::nobody));
  }

 private:
  // Each in place: a result that is copied on its way costs more than the rest.
  template <class From>
  static void complete_with(void* where, ref id, void* what) noexcept {
    new (where) completion<M>{id, 0, result<reply_type>(std::move(*static_cast<From*>(what)))};
  }
  template <class From>
  static void place_with(void* where, void* what) noexcept {
    new (where) result<reply_type>(std::move(*static_cast<From*>(what)));
  }
  template <class From>
  static constexpr core::answer_builder builder_from{&complete_with<From>, &place_with<From>};

  send_outcome give(result<reply_type> what, core::answer_by whom) noexcept {
    if (!is_valid()) return send_outcome::unknown;
    return core::give_answer(to_, std::exchange(to_.id, {}), builder_from<result<reply_type>>,
                             &what, whom);
  }
  core::reply_address take() noexcept {
    close_deadline();
    core::reply_address taken = to_;
    to_.id = {};
    return taken;
  }
  void drop() noexcept {
    if (is_valid()) lose({error_code::no_reply, 0, "request: let go of unanswered"});
  }

  core::reply_address to_;
};

namespace core {

/// What a request travels as.
template <class M>
struct request_of {
  reply_to<M> answer;
  M message;
};

template <class M>
void lose_request(execution&, void* payload, error_code why) noexcept {
  static_cast<request_of<M>*>(payload)->answer.lose({why, 0, "request"});
}
template <class M>
inline constexpr lose_function lose_action<request_of<M>> = &lose_request<M>;
template <class M>
inline constexpr bool is_request_payload<request_of<M>> = true;

template <class T>
struct completion_traits {
  static constexpr bool is_completion = false;
};
template <class M>
struct completion_traits<completion<M>> {
  static constexpr bool is_completion = true;
  using request = M;
};

enum class request_state : std::uint8_t { answered, cancelled, over };

/// A completion has come for `self`: what becomes of it, and the label it was asked with.
[[nodiscard]] request_state settle_request(slot& self, ref id, std::uint64_t& label) noexcept;

struct request_opening {
  envelope* carried;
  reply_address answer;
};
/// Notes a request of `self` and gives the envelope for it.
[[nodiscard]] result<request_opening> open_request(slot& self, address to,
                                                   const completion_kind& kind,
                                                   const request_options& options,
                                                   std::uint8_t block, std::size_t bytes) noexcept;
/// True: its one completion will say cancelled.
bool cancel_request(slot& self, ref id) noexcept;

}  // namespace core
}  // namespace v0
}  // namespace sluice
