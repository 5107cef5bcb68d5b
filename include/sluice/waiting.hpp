// What a handler that is a coroutine (task.hpp) may wait for: members of every process.
//
// One at a time, awaited where it is made: `co_await call(to, request, 50ms)`. Nothing happens
// before the co_await. A handler that is served while another one of its process waits (a down, an
// exit signal) may not wait itself: it is answered not_supported at once.
// g++ 12 miscompiles some aggregate temporaries inside a co_await expression: pass named objects
// when a message is more than a few plain numbers.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sluice/context.hpp>
#include <sluice/handle.hpp>
#include <sluice/request.hpp>
#include <sluice/task.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

inline constexpr std::int64_t waits_for_ever = INT64_MAX;

///             sent    answered, or refused
///   asking    sent    answered
///   sent      -       answered
enum class call_stage : std::uint8_t { asking, sent, answered };

/// What one handler waits for; lives in the frame of the coroutine that awaits it. It is settled
/// once: by the message with its ref, or by its time.
struct wait {
  slot* process;
  /// Moves what came out of `payload`, or with none notes `why` (none: the time has come).
  void (*settle)(wait& what, void* payload, const error& why) noexcept;
  std::int64_t deadline_ns = waits_for_ever;  ///< may be open (calls.cpp): negative
  ref id{};                                   ///< 0 = nothing is awaited but the time
  // Of a call:
  std::uint32_t result_at = 0;  ///< from here; its answer may be made there, once it is sent
  call_stage stage = call_stage::asking;
};

/// True: the process waits. False: `what` has been settled with an error.
[[nodiscard]] bool begin_wait(wait& what, process_promise_base& awaiter) noexcept;
/// Gives way to what is runnable on this scheduler, then goes on.
[[nodiscard]] bool begin_yield(wait& what, process_promise_base& awaiter) noexcept;
/// From now, never early.
[[nodiscard]] std::int64_t deadline_of(slot& self, std::chrono::nanoseconds timeout) noexcept;

/// A message with the ref of a wait has come: settles it and marks the process, or false: late.
bool settle_wait(slot& self, ref id, void* payload) noexcept;

// -- time

class sleep_wait : wait {
 public:
  static constexpr bool resumes_its_process = true;
  sleep_wait(slot& self, std::chrono::nanoseconds time) noexcept
      : wait{&self, &note}, time_(time) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    deadline_ns = deadline_of(*process, time_);
    return begin_wait(*this, awaiter.promise());
  }
  result<void> await_resume() const noexcept {
    return failure_.code == error_code::none ? result<void>{} : result<void>{failure_};
  }

 private:
  static void note(wait& what, void*, const error& why) noexcept {
    static_cast<sleep_wait&>(what).failure_ = why;
  }
  union {
    std::chrono::nanoseconds time_;
  };
  error failure_{};
};

class yield_wait : wait {
 public:
  static constexpr bool resumes_its_process = true;
  explicit yield_wait(slot& self) noexcept : wait{&self, &note} {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    return begin_yield(*this, awaiter.promise());
  }
  void await_resume() const noexcept {}

 private:
  static void note(wait&, void*, const error&) noexcept {}
};

// -- calls

/// The reply to a call travels as a completion, under a descriptor of its own.
template <class M>
void take_call_reply(slot& self, envelope& carried);
template <class M>
inline constexpr message_type call_reply_type_of{
    &call_reply_type_of<M>,
    &destroy_payload<completion<M>>,
    nullptr,
    nullptr,
    type_name<completion<M>>(),
    name_hash(type_name<completion<M>>()),
    payload_offset<completion<M>>(),
    &take_call_reply<M>,
    nullptr,
    payload_offset<completion<M>>() + sizeof(completion<M>),
    &move_payload_of<completion<M>>,
    false,
    true};
template <class M>
inline constexpr completion_kind call_reply_kind_of = completion_kind_by<M>(&call_reply_type_of<M>);
template <class M>
void take_call_reply(slot& self, envelope& carried) {
  auto& done = payload_of<completion<M>>(carried);
  static_cast<void>(settle_wait(self, done.id, &done));
}

/// A call that may be made: its envelope, and whose it is to be. No envelope: the wait has been
/// settled with an error.
struct opened_call {
  envelope* carried;
  slot* to;
};
[[nodiscard]] opened_call open_call(wait& what, const address& to, std::uint8_t block,
                                    std::size_t bytes) noexcept;
/// Says in it where the answer goes, and sends it; a refusal answers it. True: the process waits.
/// False: `what` has been settled with an error, and nothing was sent.
[[nodiscard]] bool post_call(wait& what, process_promise_base& awaiter, const opened_call& call,
                             reply_address& answer, const completion_kind& kind,
                             std::chrono::nanoseconds timeout) noexcept;

template <request_type M>
class call_wait : wait {
  using reply = typename M::reply;

 public:
  static constexpr bool resumes_its_process = true;
  call_wait(slot& self, const message_type& type, address to, M&& asked,
            std::chrono::nanoseconds timeout) noexcept
      : wait{&self, &note}, asked_{&type, to, timeout, std::move(asked)} {
    result_at = static_cast<std::uint32_t>(reinterpret_cast<std::byte*>(&outcome_) -
                                           reinterpret_cast<std::byte*>(static_cast<wait*>(this)));
  }
  call_wait(const call_wait&) = delete;
  call_wait& operator=(const call_wait&) = delete;
  ~call_wait() {
    switch (stage) {
      case call_stage::asking: asked_.~question(); break;
      case call_stage::sent: break;
      case call_stage::answered: outcome_.~result<reply>(); break;
    }
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    using payload = request_of<M>;
    constexpr std::size_t bytes = payload_offset<payload>() + sizeof(payload);
    const opened_call opened = open_call(*this, asked_.to, block_class_for(bytes), bytes);
    if (opened.carried == nullptr) return false;
    opened.carried->type = asked_.type;
    auto* const made =
        new (reinterpret_cast<std::byte*>(opened.carried) + payload_offset<payload>())
            payload{{}, std::move(asked_.message)};
    const std::chrono::nanoseconds timeout = asked_.timeout;
    asked_.~question();
    stage = call_stage::sent;
    return post_call(*this, awaiter.promise(), opened, made->answer.where(), call_reply_kind_of<M>,
                     timeout);
  }
  [[nodiscard]] result<reply> await_resume() noexcept { return std::move(outcome_); }

 private:
  struct question {
    const message_type* type;
    address to;
    std::chrono::nanoseconds timeout;
    M message;
  };

  static void note(wait& what, void* payload, const error& why) noexcept {
    auto& self = static_cast<call_wait&>(what);
    if (self.stage == call_stage::asking) self.asked_.~question();
    self.stage = call_stage::answered;
    if (payload != nullptr) {
      new (&self.outcome_) result<reply>(std::move(static_cast<completion<M>*>(payload)->answer));
    } else if (why.code == error_code::none) {
      new (&self.outcome_) result<reply>(error{error_code::timed_out, 0, "call"});
    } else {
      new (&self.outcome_) result<reply>(why);
    }
  }

  union {
    question asked_;
    result<reply> outcome_;
  };
};

/// When who asked for what is being handled gives up; the clock's end when nobody waits.
[[nodiscard]] std::chrono::steady_clock::time_point deadline_of_current(const slot& self) noexcept;

/// Members of processes.
template <class Base>
class waiting : public Base {
 public:
  static constexpr bool may_wait = true;
  static constexpr std::chrono::nanoseconds call_timeout = std::chrono::seconds{5};

  /// Asks `to` and waits for its answer: result<M::reply>. Errors: the callee's own, timed_out,
  /// unknown_address (at once when it is known here), receiver_ended, no_reply, unhandled,
  /// mailbox_full, bad_argument (to itself), call_cycle (debug builds only: who is asked waits for
  /// this process), stopping, out_of_memory.
  template <class M>
  [[nodiscard]] core::call_wait<M> call(address to, M asked,
                                        std::chrono::nanoseconds timeout = call_timeout) noexcept {
    check_call<M>();
    return {*this->self_, message_type_of<request_of<M>>, to, std::move(asked), timeout};
  }
  template <class A, class Address, class M>
  [[nodiscard]] core::call_wait<M> call(const basic_handle<A, Address>& to, M asked,
                                        std::chrono::nanoseconds timeout = call_timeout) noexcept {
    check_call<M>();
    return {*this->self_, basic_handle<A, Address>::template type_for_request<M>(), to,
            std::move(asked), timeout};
  }
  /// Whoever has the name now.
  template <class M>
  [[nodiscard]] core::call_wait<M> call(std::string_view name, M asked,
                                        std::chrono::nanoseconds timeout = call_timeout) noexcept {
    check_call<M>();
    return {*this->self_, message_type_of<request_of<M>>, find_name(*this->self_, name),
            std::move(asked), timeout};
  }

  /// Never early. An error (out_of_memory, not_supported): it did not sleep.
  [[nodiscard]] core::sleep_wait sleep(std::chrono::nanoseconds time) noexcept {
    return {*this->self_, time};
  }
  /// Lets others run: everything that is runnable on this scheduler comes first.
  [[nodiscard]] core::yield_wait yield() noexcept { return core::yield_wait{*this->self_}; }

  /// When the requester of what is being handled gives up: time_point::max() when nobody waits.
  /// Not before the time-out has passed since the request. Ask early: it
  /// may be late by as long as the handler has run, waits not counted, before it first asked.
  [[nodiscard]] std::chrono::steady_clock::time_point deadline() const noexcept {
    return deadline_of_current(*this->self_);
  }

 protected:
  waiting() noexcept = default;
  ~waiting() = default;

 private:
  template <class M>
  static constexpr void check_call() noexcept {
    static_assert(request_type<M>,
                  "sluice: a request names its reply: add `using reply = T;` to its type (void is "
                  "a reply too)");
  }
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
