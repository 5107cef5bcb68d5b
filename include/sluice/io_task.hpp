// io::task<T>: the coroutine type of start() of an I/O meta and of its helpers.
//
// Lazy: it runs when awaited, on the awaiter's thread, and resumes its awaiter when it is done. One
// awaiter, once. Exceptions travel to the awaiter.
// g++ 12 miscompiles some temporaries inside a co_await expression: pass named objects to helpers.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace io {
template <class T = void>
class task;
}

namespace core {

struct task_promise_base {
  std::coroutine_handle<> awaiter;
  std::exception_ptr failure;

  std::suspend_always initial_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }
  void rethrow_failure() const {
    if (failure) std::rethrow_exception(failure);
  }

  struct resume_awaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().awaiter;
    }
    void await_resume() noexcept {}
  };
  resume_awaiter final_suspend() noexcept { return {}; }
};

template <class T>
struct task_promise : task_promise_base {
  std::optional<T> value;
  io::task<T> get_return_object() noexcept;
  void return_value(T result) { value.emplace(std::move(result)); }
  T take() {
    rethrow_failure();
    return std::move(*value);
  }
};

template <>
struct task_promise<void> : task_promise_base {
  io::task<void> get_return_object() noexcept;
  void return_void() noexcept {}
  void take() { rethrow_failure(); }
};

}  // namespace core

namespace io {

template <class T>
class [[nodiscard]] task {
 public:
  using promise_type = core::task_promise<T>;

  explicit task(std::coroutine_handle<promise_type> body) noexcept : body_(body) {}
  task(task&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    std::swap(body_, other.body_);
    return *this;
  }
  ~task() {
    if (body_) body_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    body_.promise().awaiter = awaiter;
    return body_;
  }
  T await_resume() { return body_.promise().take(); }

 private:
  std::coroutine_handle<promise_type> body_;
};

}  // namespace io

namespace core {

template <class T>
io::task<T> task_promise<T>::get_return_object() noexcept {
  return io::task<T>{std::coroutine_handle<task_promise<T>>::from_promise(*this)};
}
inline io::task<void> task_promise<void>::get_return_object() noexcept {
  return io::task<void>{std::coroutine_handle<task_promise<void>>::from_promise(*this)};
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
