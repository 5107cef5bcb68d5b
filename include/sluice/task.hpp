// task<T>: a handler of a process that may wait, and the helpers it awaits.
//
//   task<void> on(job work) {
//     auto rows = co_await call(store, load{work.key}, 50ms);   // the process waits, no thread
//     if (rows) co_await keep(rows.value());                    // task<void> keep(...), a helper
//   }
//   task<int> on(total);                                        // answers when it ends
//
// While a handler waits its process handles no other message: urgent and system mail of the library
// (exits, downs, inspection, replies) is served, everything else keeps its place. The message that
// a handler took by & or && stays until the handler is over. Member functions, not lambdas with
// captures: a lambda's captures go before it is resumed. Exceptions are the process's end, as those
// of plain handlers are.
// Lazy: a helper runs when it is awaited; one awaiter, once. Frames come from the block pool.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

template <class T = void>
class task;

namespace core {

struct envelope;
struct slot;
struct process_promise_base;
struct wait;

/// Takes what the handler's coroutine has come to and does with it what the message asked for.
using finish_function = void (*)(process_promise_base& root, envelope& carried);

/// What is alike in all promises. Owner of the process only. The coroutine that the message began
/// is the root; those it awaits, one in the other, know it, and the runtime resumes them by it, so
/// neither depth nor a loop of helpers that never wait uses stack.
struct process_promise_base {
  process_promise_base* root = nullptr;
  union {
    process_promise_base* awaiter = nullptr;  ///< of a helper
    envelope* carried;                        ///< of the root: what it handles
  };
  union {
    process_promise_base** holder = nullptr;  ///< of a helper: what owns it, in the awaiter's frame
    finish_function finish;                   ///< of the root
  };
  process_promise_base* next = nullptr;  ///< of the root: who is to be resumed, now or after a wait
  wait* waits_for = nullptr;             ///< of the root: null = it does not wait
  std::exception_ptr failure;

  static void* operator new(std::size_t bytes);
  static void operator delete(void* frame, std::size_t bytes) noexcept;

  /// A frame has its promise at one place whatever it is derived from this (up to 16 bytes
  /// aligned).
  [[nodiscard]] std::coroutine_handle<> body() noexcept {
    return std::coroutine_handle<process_promise_base>::from_promise(*this);
  }

  struct hand_back {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      process_promise_base& self = ended.promise();
      if (self.root != &self) self.root->next = self.awaiter;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  hand_back final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }
  void rethrow_failure() const {
    if (failure) std::rethrow_exception(failure);
  }
};

template <class T>
struct process_promise : process_promise_base {
  std::optional<T> value;
  task<T> get_return_object() noexcept;
  template <class Value>
  requires std::convertible_to<Value, T>
  void return_value(Value&& result) { value.emplace(std::forward<Value>(result)); }
  T take() {
    rethrow_failure();
    return std::move(*value);
  }
};

template <>
struct process_promise<void> : process_promise_base {
  task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void take() { rethrow_failure(); }
};

}  // namespace core

template <class T>
class [[nodiscard]] task {
 public:
  using promise_type = core::process_promise<T>;
  using value_type = T;
  static constexpr bool resumes_its_process = true;

  explicit task(promise_type& body) noexcept : promise_(&body) {}
  task(task&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    std::swap(promise_, other.promise_);
    return *this;
  }
  ~task() {
    if (promise_ != nullptr) promise_->body().destroy();
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    static_assert(std::derived_from<Promise, core::process_promise_base>,
                  "sluice: a sluice::task is awaited by another one; in an I/O meta use io::task");
    core::process_promise_base& above = awaiter.promise();
    promise_->root = above.root;
    promise_->awaiter = &above;
    promise_->holder = &promise_;
    above.root->next = promise_;
  }
  T await_resume() { return static_cast<promise_type*>(promise_)->take(); }

  /// For the library: who calls this destroys it.
  [[nodiscard]] promise_type& release() noexcept {
    return *static_cast<promise_type*>(std::exchange(promise_, nullptr));
  }

 private:
  core::process_promise_base* promise_;
};

namespace core {

template <class T>
task<T> process_promise<T>::get_return_object() noexcept {
  static_assert(alignof(process_promise<T>) <= 2 * sizeof(void*),
                "sluice: a task's value is aligned to 16 bytes at most");
  return task<T>{*this};
}
inline task<void> process_promise<void>::get_return_object() noexcept { return task<void>{*this}; }

/// What a handler comes to: that of its task, or what it returns.
template <class Returned>
struct outcome_of {
  static constexpr bool is_task = false;
  using type = Returned;
};
template <class T>
struct outcome_of<task<T>> {
  static constexpr bool is_task = true;
  using type = T;
};

/// Runs a handler's coroutine until it ends or waits; `root.finish` is set. In the first case it
/// has gone; what it threw comes out of this.
void begin_task(slot& self, envelope& carried, process_promise_base& root);

template <class T>
void drop_outcome(process_promise_base& root, envelope&) {
  static_cast<void>(static_cast<process_promise<T>&>(root).take());
}

/// Begins the coroutine of a handler whose outcome nobody asks for.
template <class T>
void run_task(slot& self, envelope& carried, task<T> body) {
  process_promise_base& root = body.release();
  root.finish = &drop_outcome<T>;
  begin_task(self, carried, root);
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
