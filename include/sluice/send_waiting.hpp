// send_wait: a send for those who may wait for room in a bounded mailbox.
//
//   if (auto sent = co_await send_wait(worker, std::move(job), 2s); !sent) ...
//
// Sends at once where there is room. Where there is none the process waits, without a thread and
// without looking again and again: the receiver tells who waits when it has handled something, in
// the order in which they came. Priorities above main have room always.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <utility>

#include <sluice/context.hpp>
#include <sluice/handle.hpp>
#include <sluice/waiting.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

/// One send that waits; in the frame of the coroutine.
struct room_wait : wait {
  address to{};
  envelope* carried = nullptr;  ///< until it is in the mailbox
  error failure{};
};

/// True: the process waits for room.
[[nodiscard]] bool begin_room_wait(room_wait& what, process_promise_base& awaiter) noexcept;
/// Of a wait that is over: lets others have its turn, and destroys what was not sent.
void drop_room_wait(room_wait& what) noexcept;

class send_wait_awaiter : room_wait {
 public:
  static constexpr bool resumes_its_process = true;
  send_wait_awaiter(slot& self, envelope* made, address receiver,
                    std::chrono::nanoseconds timeout) noexcept
      : room_wait{{&self, &note}, receiver, made, {}}, timeout_(timeout) {}
  send_wait_awaiter(const send_wait_awaiter&) = delete;
  send_wait_awaiter& operator=(const send_wait_awaiter&) = delete;
  ~send_wait_awaiter() { drop_room_wait(*this); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    deadline_ns = deadline_of(*process, timeout_);
    return begin_room_wait(*this, awaiter.promise());
  }
  [[nodiscard]] result<void> await_resume() const noexcept {
    return failure.code == error_code::none ? result<void>{} : result<void>{failure};
  }

 private:
  static void note(wait& what, void* payload, const error& why) noexcept {
    if (payload != nullptr) return;  // Sent, or refused: it has been noted.
    static_cast<send_wait_awaiter&>(what).failure =
        why.code == error_code::none ? error{error_code::timed_out, 0, "send_wait"} : why;
  }
  std::chrono::nanoseconds timeout_;
};

template <class Base>
class waiting_for_room : public Base {
 public:
  /// Sends `message` when there is room. Errors: timed_out, unknown_address, out_of_memory,
  /// not_supported; then it was not sent.
  template <message M>
  [[nodiscard]] core::send_wait_awaiter send_wait(address to, M message,
                                                  std::chrono::nanoseconds timeout) noexcept {
    return {*this->self_, prepare(*this->self_, std::move(message)), to, timeout};
  }
  template <class A, class Address, message M>
  [[nodiscard]] core::send_wait_awaiter send_wait(const basic_handle<A, Address>& to, M message,
                                                  std::chrono::nanoseconds timeout) noexcept {
    static_assert(accepts<A, M>,
                  "sluice: this actor has no handler for the message: add void on(that type)");
    envelope* const made = prepare(*this->self_, std::move(message));
    if (made != nullptr) made->type = &basic_handle<A, Address>::template type_for<M>();
    return {*this->self_, made, to, timeout};
  }

 protected:
  waiting_for_room() noexcept = default;
  ~waiting_for_room() = default;
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
