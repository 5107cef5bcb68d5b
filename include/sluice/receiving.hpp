// receive: a handler waits for a message of one type and takes it out of turn.
//
//   task<void> on(begin) {
//     send(device_, reset{});
//     auto ready = co_await receive<device_ready>(2s);
//     auto last = co_await receive_if<chunk>([](const chunk& c) { return c.is_last; }, 2s);
//   }
//
// What the handler gets is the next one that fits, whether it lies in the mailbox already or comes
// later; every other message keeps its place and its order, and waits as it does for a call. A
// message that is taken needs neither a handler nor a place in the actor's list when it comes by
// pid, alias or name (one that nobody waits for is unhandled then); a handle<A> sends what A
// handles. sender() goes on to name who sent the message whose handler waits. What a stash holds is
// not looked at. Requests, completions and what the library says to the process (down, exit_signal,
// values of events) are for handlers.
// Cost: each message is looked at once in a wait, 4,096 in a turn, so a long mailbox holds up
// nobody. A receive<M> right after a receive<M> of the same handler goes on where that one found
// its message; any other begins at the front again. So does each look into a mailbox that drops its
// oldest (overflow_policy::drop_oldest): as many messages as its bound.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <sluice/behaviour.hpp>
#include <sluice/waiting.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

enum class receive_verdict : std::uint8_t { other, fits, failed };

/// One receive; in the frame of the coroutine.
struct receive_wait : wait {
  const message_type* wanted;
  /// Null: every message of the type fits.
  receive_verdict (*judge)(receive_wait& what, void* payload) noexcept;
  bool has_seen_all = false;  ///< what was in the mailbox has been looked at, and the clock runs
};

/// True: the process receives. False: `what` has been settled with an error.
[[nodiscard]] bool begin_receive(receive_wait& what, process_promise_base& awaiter) noexcept;

struct every_message {};
template <class Predicate>
inline constexpr bool is_moved_safely = std::is_nothrow_move_constructible_v<Predicate>;

template <class M, class Predicate>
class receive_awaiter : receive_wait {
  static constexpr bool has_predicate = !std::is_same_v<Predicate, every_message>;

 public:
  static constexpr bool resumes_its_process = true;
  receive_awaiter(slot& self, Predicate&& fits,
                  std::chrono::nanoseconds timeout) noexcept(is_moved_safely<Predicate>)
      : receive_wait{{&self, &note}, &message_type_of<M>, has_predicate ? &ask : nullptr},
        fits_(std::move(fits)),
        timeout_(timeout) {}
  receive_awaiter(const receive_awaiter&) = delete;
  receive_awaiter& operator=(const receive_awaiter&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    deadline_ns = deadline_of(*process, timeout_);
    return begin_receive(*this, awaiter.promise());
  }
  [[nodiscard]] result<M> await_resume() {
    if (taken_) return result<M>(std::move(*taken_));
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    return failure_;
  }

 private:
  static receive_verdict ask(receive_wait& what, void* payload) noexcept {
    auto& self = static_cast<receive_awaiter&>(what);
    const auto look = [&]() -> bool {
      if constexpr (has_predicate) return self.fits_(*static_cast<const M*>(payload));
      return true;
    };
#if defined(__cpp_exceptions)
    try {
      return look() ? receive_verdict::fits : receive_verdict::other;
    } catch (...) {
      self.thrown_ = std::current_exception();
      return receive_verdict::failed;
    }
#else
    return look() ? receive_verdict::fits : receive_verdict::other;
#endif
  }
  static void note(wait& what, void* payload, const error& why) noexcept {
    auto& self = static_cast<receive_awaiter&>(static_cast<receive_wait&>(what));
    if (payload != nullptr) {
      self.taken_.emplace(std::move(*static_cast<M*>(payload)));
    } else {
      self.failure_ =
          why.code == error_code::none ? error{error_code::timed_out, 0, "receive"} : why;
    }
  }

  [[no_unique_address]] Predicate fits_;
  std::chrono::nanoseconds timeout_;
  std::optional<M> taken_;
  error failure_{};
  std::exception_ptr thrown_;
};

template <class Base>
class receiving : public Base {
 public:
  /// Waits for the next M. Errors: timed_out (never early; zero looks at what is there),
  /// not_supported (another handler waits), out_of_memory.
  template <message M>
  [[nodiscard]] core::receive_awaiter<M, every_message> receive(
      std::chrono::nanoseconds timeout) noexcept {
    check_receive<M>();
    return {*this->self_, every_message{}, timeout};
  }
  /// Waits for the next M for which `fits(const M&)` says true. It only looks: it may be asked more
  /// than once about one message. What it throws comes out of the co_await, and the message stays
  /// where it is.
  template <message M, class Predicate>
  requires std::predicate<Predicate&, const M&>
  [[nodiscard]] core::receive_awaiter<M, Predicate> receive_if(
      Predicate fits, std::chrono::nanoseconds timeout) noexcept(is_moved_safely<Predicate>) {
    check_receive<M>();
    return {*this->self_, std::move(fits), timeout};
  }

 protected:
  receiving() noexcept = default;
  ~receiving() = default;

 private:
  template <class M>
  static constexpr void check_receive() noexcept {
    static_assert(
        !completion_traits<M>::is_completion && !has_accept_action<M> && !is_request_payload<M>,
        "sluice: receive is for plain messages: completions, values of events and "
        "requests are for handlers");
  }
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
