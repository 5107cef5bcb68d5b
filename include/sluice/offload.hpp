// offload: work that blocks or takes long, on a helper thread of the node, awaited by a process.
//
//   auto read = [path = path_] { return read_table(path); };
//   const auto rows = co_await offload(std::move(read));
//
// The function runs with a copy of what it captures, on a thread that is no scheduler; it must not
// touch the process, whose members belong to its handlers. Its result is result<T>, also when it
// returns one; an exception is the error threw (its text goes to the log). A process that ends
// meanwhile leaves the function to run to its end, unheard. Helpers are started when they are
// needed, at most node_options::offload_threads_max; what waits for one waits in order. A node's
// stop waits for them as for everybody and names those that would not end.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <sluice/context.hpp>
#include <sluice/waiting.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

/// One function on its way to a helper and back; owned by whoever has it.
struct offloaded {
  void (*run)(offloaded& job);
  void (*destroy)(offloaded* job) noexcept;
  offloaded* next = nullptr;
  gate* node = nullptr;  ///< of who waits; outlives it
  std::uint32_t node_id = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  ref id{};
  error failure{};  ///< of the run itself
};

/// System, from a helper: the function has ended.
class offload_done {
 public:
  explicit offload_done(offloaded* job) noexcept : job_(job) {}
  offload_done(offload_done&& other) noexcept : job_(std::exchange(other.job_, nullptr)) {}
  offload_done& operator=(offload_done&&) = delete;
  ~offload_done() {
    if (job_ != nullptr) job_->destroy(job_);
  }
  [[nodiscard]] offloaded& job() noexcept { return *job_; }
  /// Somebody else owns it.
  void release() noexcept { job_ = nullptr; }

 private:
  offloaded* job_;
};

/// Takes `job` over in every case. False: it has been refused, and the wait is settled.
[[nodiscard]] bool begin_offload(wait& what, process_promise_base& awaiter,
                                 offloaded* job) noexcept;

template <class T>
struct as_result {
  using type = result<T>;
};
template <class T>
struct as_result<result<T>> {
  using type = result<T>;
};

template <class F>
class offload_wait : wait {
  using outcome = typename as_result<std::invoke_result_t<F&>>::type;

  struct job : offloaded {
    explicit job(F&& f) : offloaded{&run_it, &destroy_it}, function(std::move(f)) {}
    static void run_it(offloaded& self) {
      auto& mine = static_cast<job&>(self);
      if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        mine.function();
        mine.value.emplace();
      } else {
        mine.value.emplace(mine.function());
      }
    }
    static void destroy_it(offloaded* self) noexcept { delete static_cast<job*>(self); }
    F function;
    std::optional<outcome> value;
  };

 public:
  static constexpr bool resumes_its_process = true;
  offload_wait(slot& self, F&& function) : wait{&self, &note}, function_(std::move(function)) {}
  offload_wait(const offload_wait&) = delete;
  offload_wait& operator=(const offload_wait&) = delete;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiter) noexcept {
    return begin_offload(*this, awaiter.promise(), new (std::nothrow) job{std::move(function_)});
  }
  [[nodiscard]] outcome await_resume() noexcept { return std::move(*outcome_); }

 private:
  static void note(wait& what, void* payload, const error& why) noexcept {
    auto& self = static_cast<offload_wait&>(what);
    if (payload == nullptr) {
      self.outcome_.emplace(why);
      return;
    }
    auto& done = static_cast<job&>(static_cast<offload_done*>(payload)->job());
    if (done.value) {
      self.outcome_.emplace(std::move(*done.value));
    } else {
      self.outcome_.emplace(done.failure);
    }
  }

  F function_;
  std::optional<outcome> outcome_;
};

template <class Base>
class offloading : public Base {
 public:
  /// Runs `function` on a helper thread and waits for what it returns. g++ 12 destroys a temporary
  /// inside a co_await expression twice: give a lambda that captures what has a destructor a name,
  /// `co_await offload(std::move(named))`. Errors: its own, threw, out_of_memory, stopping,
  /// not_supported.
  template <class F>
  [[nodiscard]] core::offload_wait<std::remove_cvref_t<F>> offload(F&& function) {
    using plain = std::remove_cvref_t<F>;
    static_assert(std::is_nothrow_move_constructible_v<plain>,
                  "sluice: what is offloaded is moved to another thread and must not throw then");
    return {*this->self_, plain(std::forward<F>(function))};
  }

 protected:
  offloading() noexcept = default;
  ~offloading() = default;
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
