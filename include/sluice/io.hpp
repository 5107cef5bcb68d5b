// io::context: what start(io::context&) of an I/O meta may wait for.
//
// Each operation is awaited where it is made: `co_await context.sleep_for(1s)`. One at a time:
// start is one flow. When the meta is asked to stop, the operation under way ends with error
// cancelled, and so does every later one; stopped() ends with success. The thread is the ring's;
// nothing here blocks it. Memory given to read_some and write_some must stay until the co_await is
// over.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sluice/io_task.hpp>
#include <sluice/meta.hpp>
#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

namespace core {

class io_flow;

enum class wait_kind : std::uint8_t { sleep, stop, readable, writable, read, write };

/// One operation of a start flow; lives in the coroutine's frame while it is awaited.
struct io_wait {
  io_flow* flow;
  wait_kind kind;
  int fd = -1;
  std::byte* memory = nullptr;
  std::size_t bytes = 0;  ///< of memory
  std::int64_t time_ns = 0;
  std::int32_t result = 0;  ///< bytes or events; negative: -errno
  std::coroutine_handle<> waiting{};
  alignas(16) std::byte inner[64]{};  ///< the operation or timer, while under way
};

/// True: under way, the coroutine stays suspended. False: result is there already.
[[nodiscard]] bool start_wait(io_wait& wait) noexcept;
[[nodiscard]] result<std::size_t> result_of(const io_wait& wait) noexcept;

[[nodiscard]] io_flow& make_io_flow(meta_state& state);
/// Resumes the flow's coroutine and, when it has ended, leaves for the meta.
void resume_flow(io_flow& flow, std::coroutine_handle<> coroutine) noexcept;
void flow_is_over(io_flow& flow, exit_reason reason) noexcept;
[[nodiscard]] exit_reason current_exception_reason() noexcept;
/// behaviour::stop of metas with an io_flow.
void stop_io_flow(meta_state& state) noexcept;
[[nodiscard]] meta_state& state_of(const slot& self) noexcept;

template <class Result>
class awaited {
 public:
  explicit awaited(const io_wait& wait) noexcept : wait_(wait) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) noexcept {
    wait_.waiting = waiting;
    return start_wait(wait_);
  }
  Result await_resume() noexcept {
    auto done = result_of(wait_);
    if constexpr (std::is_same_v<Result, result<void>>) {
      if (!done) return done.error();
      return {};
    } else {
      return done;
    }
  }

 private:
  io_wait wait_;
};

}  // namespace core

namespace io {

class context {
 public:
  explicit context(core::io_flow& flow) noexcept : flow_(&flow) {}
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  /// Never early.
  [[nodiscard]] auto sleep_for(std::chrono::nanoseconds time) noexcept {
    return core::awaited<result<void>>{
        {.flow = flow_, .kind = core::wait_kind::sleep, .time_ns = time.count()}};
  }
  /// Until the meta is asked to stop.
  [[nodiscard]] auto stopped() noexcept {
    return core::awaited<result<void>>{{.flow = flow_, .kind = core::wait_kind::stop}};
  }
  /// Until `fd` can be read (or has hung up) or written. The descriptor stays the caller's.
  [[nodiscard]] auto readable(int fd) noexcept {
    return core::awaited<result<void>>{
        {.flow = flow_, .kind = core::wait_kind::readable, .fd = fd}};
  }
  [[nodiscard]] auto writable(int fd) noexcept {
    return core::awaited<result<void>>{
        {.flow = flow_, .kind = core::wait_kind::writable, .fd = fd}};
  }
  /// Some bytes, at least one; 0 = end of input. At the file's position, if it has one.
  [[nodiscard]] auto read_some(int fd, std::span<std::byte> into) noexcept {
    return core::awaited<result<std::size_t>>{{.flow = flow_,
                                               .kind = core::wait_kind::read,
                                               .fd = fd,
                                               .memory = into.data(),
                                               .bytes = into.size()}};
  }
  /// Writes some of the bytes and says how many.
  [[nodiscard]] auto write_some(int fd, std::span<const std::byte> from) noexcept {
    return core::awaited<result<std::size_t>>{{.flow = flow_,
                                               .kind = core::wait_kind::write,
                                               .fd = fd,
                                               .memory = const_cast<std::byte*>(from.data()),
                                               .bytes = from.size()}};
  }
  [[nodiscard]] bool is_stop_requested() const noexcept;

 private:
  core::io_flow* flow_;
};

}  // namespace io

namespace core {

[[nodiscard]] io::context& context_of(io_flow& flow) noexcept;

template <class M>
concept has_io_start = requires(M& self, io::context& context) {
  self.start(context);
};

/// Owns the start coroutine of a meta; ends itself.
struct flow_coroutine {
  struct promise_type {
    flow_coroutine get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> body;
};

template <class M>
flow_coroutine run_start(M& self, io_flow& flow) {
  exit_reason reason;
#if defined(__cpp_exceptions)
  try {
#endif
    auto body = self.start(context_of(flow));
    if constexpr (std::is_void_v<decltype(body.await_resume())>) {
      co_await std::move(body);
    } else {
      const result<void> outcome = co_await std::move(body);
      if (!outcome) reason = exit_reason::error(outcome.error().message());
    }
#if defined(__cpp_exceptions)
  } catch (...) {
    reason = current_exception_reason();
  }
#endif
  flow_is_over(flow, std::move(reason));
}

template <class M>
void begin_io_meta(void* object, meta_state& state) {
  io_flow& flow = make_io_flow(state);
  resume_flow(flow, run_start(*static_cast<M*>(object), flow).body);
}

template <class M>
void stop_io_meta(void* object, const exit_reason&) {
  stop_io_flow(static_cast<M*>(object)->state());
}

}  // namespace core

template <class M>
requires std::derived_from<M, meta_base> && core::has_io_start<M>
struct behaviour_of<M> {
  static constexpr core::meta_behaviour value{
      core::meta_base_behaviour<M>(), core::meta_flow::io,    nullptr,
      &core::begin_io_meta<M>,        &core::stop_io_meta<M>, nullptr};
};

}  // namespace v0
}  // namespace sluice
