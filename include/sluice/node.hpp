// node: a set of schedulers and everything that lives on them.
//
// A node makes no thread, opens no descriptor and changes nothing of its host before start(), and
// leaves nothing behind after stop(). Several nodes may live in one program. All members may be
// called from any thread of the host; those that block say so.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sluice/actor.hpp>
#include <sluice/application.hpp>
#include <sluice/environment.hpp>
#include <sluice/foreign_wait.hpp>
#include <sluice/log.hpp>
#include <sluice/meta.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

enum class pinning : std::uint8_t {
  none,   ///< plain schedulers run where the kernel likes; ring owners are pinned all the same
  cores,  ///< every scheduler on a core of its own, in the order of the allowed cores
  list,   ///< as node_options::pin_list says
  never,  ///< nothing is pinned, ring owners neither
};

enum class driver_choice : std::uint8_t {
  automatic,  ///< io_uring; epoll where the kernel refuses it, and start_text() says why
  io_uring,
  epoll,
  simulated,  ///< for tests: node_options::simulation decides what completes, when and how
};

namespace io {
class simulation;
}

struct node_options {
  /// Threads that run processes. 0 = one a core of the affinity mask, cut by the cgroup's quota.
  std::uint32_t schedulers = 0;
  /// 0 = every scheduler owns a ring; N = N threads more that own rings and run metas only.
  std::uint32_t io_threads = 0;
  /// False: no ring anywhere; I/O metas cannot be spawned.
  bool io = true;
  pinning pin = pinning::none;
  std::vector<int> pin_list{};  ///< for pinning::list: schedulers first, then io threads

  std::uint32_t processes_max = 16u << 20;  ///< processes and metas alive at once
  std::uint32_t activation_messages_max = 512;
  std::chrono::microseconds activation_time_max{500};
  /// How long a thread with nothing to do looks for work before it sleeps: a lone request is then
  /// answered without the kernel's wake-up. Threads that share a core with others of the node never
  /// look.
  std::chrono::microseconds idle_poll_max{60};

  /// Helper threads for what processes offload(), started when they are needed; at least 1.
  std::uint32_t offload_threads_max = 4;

  driver_choice driver = driver_choice::automatic;  ///< what I/O is done with
  io::simulation* simulation = nullptr;             ///< for driver_choice::simulated

  // Per ring; see the start line for what was accepted.
  std::uint32_t ring_entries = 256;
  std::uint32_t ring_completions = 4096;
  std::uint32_t ring_buffers = 256;         ///< a power of two
  std::uint32_t ring_buffer_bytes = 16384;  ///< a multiple of 64

  /// What every process sees by env(), unless its spawner or one above it says otherwise.
  env_variables env{};

  /// Where warnings and the lines of log() go: called on the thread that has something to say, must
  /// not call the node; when it throws it has lost the line. Empty: warnings to standard error.
  std::function<void(log_severity, std::string_view)> log{};
  /// Where else lines go, each on a thread of its own (log.hpp). With outputs and without `log`
  /// nothing goes to standard error.
  std::vector<log_output> log_outputs{};
  /// A handler that runs longer is reported once, in the log: which process or meta, which message,
  /// how long. Looked for by a thread of its own, now and then; messages pay nothing. 0 = off.
  std::chrono::milliseconds stall_min{0};
};

/// Sums over a node. Exact when nothing runs:
/// sent == handled + dropped + rejected + queued (the conservation law).
struct message_statistics {
  std::uint64_t sent = 0;
  std::uint64_t handled = 0;
  std::uint64_t rejected = 0;  ///< refused at the send: unknown, full, stopping
  std::uint64_t dropped = 0;   ///< lost after it: receiver ended, stale, unhandled
  /// None of the above: they wait, are being handled, or who took them still ends because of them.
  /// 0 is quiet, but for metas and other threads, which act on their own.
  std::uint64_t queued = 0;
  std::uint64_t timed = 0;      ///< of queued: on a timer, due later
  std::uint64_t suspended = 0;  ///< of queued: their handlers wait for an answer, an hour, room
  std::uint64_t unknown = 0, full = 0, stopping = 0;                          ///< of rejected
  std::uint64_t stale = 0, receiver_ended = 0, unhandled = 0, cancelled = 0;  ///< of dropped
  std::uint64_t overflowed = 0;        ///< of dropped: the oldest of a full mailbox
  std::uint64_t handed_over = 0;       ///< taken by the fallback of a full mailbox
  std::uint64_t late_completions = 0;  ///< of handled: answers to requests that were over
  std::uint64_t alive = 0;             ///< processes and metas, without the node's root process
};

/// Of one kind of process or meta: an actor or meta type. Sums since the start, told after it
/// ended, too. spawned == alive + ended().
struct behaviour_statistics {
  std::string name;  ///< the type's, as the compiler spells it
  std::uint64_t alive = 0;
  std::uint64_t spawned = 0;
  // By why they ended.
  std::uint64_t normal = 0, shutdown = 0, killed = 0, exception = 0;
  std::uint64_t init_failed = 0;  ///< on_start or init refused or threw
  std::uint64_t parent_exit = 0;
  std::uint64_t error = 0;  ///< by a reason of its own, or handed on by a link (no_process, too)

  [[nodiscard]] std::uint64_t ended() const noexcept {
    return normal + shutdown + killed + exception + init_failed + parent_exit + error;
  }
};

struct scheduler_statistics {
  std::uint64_t activations = 0;
  std::uint64_t steals = 0;
  std::uint64_t parks = 0;
  std::uint64_t sentinel_ticks = 0;
  std::uint64_t rescued_by_timeout = 0;  ///< lost wakes found by a time-out: a bug if not 0
  std::uint64_t messages = 0;            ///< handled on this thread
  std::uint64_t wakes = 0;               ///< parks that somebody or the kernel ended
  std::uint64_t polls = 0;               ///< looks at sockets and timers
  std::chrono::nanoseconds busy{};       ///< not idle, since the start
};

/// Of one ring, or of what stands for it, since its start.
struct ring_statistics {
  std::uint64_t submissions = 0;  ///< requests handed to the kernel
  std::uint64_t completions = 0;
  std::uint64_t enters = 0;   ///< system calls of its loop
  std::uint64_t rearms = 0;   ///< multishot operations started again
  std::uint64_t enobufs = 0;  ///< receives that found no buffer
  std::uint64_t short_sends = 0;
  std::uint64_t overflows = 0;    ///< turns that met a full completion ring
  std::uint64_t buffers_out = 0;  ///< receive buffers that are lent now
};

/// Who was still there when stop() gave up.
struct stop_report {
  std::vector<std::string> not_stopped;
  [[nodiscard]] bool is_clean() const noexcept { return not_stopped.empty(); }
};

namespace core {
struct node_state;
struct node_access;
}  // namespace core

class node {
 public:
  explicit node(std::string name, node_options options = {});
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  /// Stops with a second's patience if that has not been done.
  ~node();

  /// Starts the threads. Errors: already_started, bad_argument, io_unavailable (io_uring was asked
  /// for by name; start_text() says why it is refused and the way out), limit_reached. On an error
  /// nothing is left behind.
  [[nodiscard]] result<void> start();
  /// Blocks: stops accepting, drains connections and mailboxes, asks all to exit, ends the threads;
  /// each stage within its share of `patience`. From inside a handler, a start flow or an on_start
  /// of this node, which it would have to wait for, it is request_stop() and its report says so.
  stop_report stop(std::chrono::nanoseconds patience = std::chrono::seconds{5});

  template <class A, class... Arguments>
  [[nodiscard]] result<handle<A>> spawn(const spawn_options& options, Arguments&&... arguments) {
    return core::order_and_spawn<A>(
        core::order_from(options),
        [this](const core::spawn_order& order) -> result<handle<A>> {
          auto made = spawn_erased(order);
          if (!made) return made.error();
          return handle<A>{way_in(), made.value()};
        },
        std::forward<Arguments>(arguments)...);
  }
  template <class A>
  [[nodiscard]] result<handle<A>> spawn() {
    return spawn<A>(spawn_options{});
  }
  /// Spawns `count` alike (arguments are copied); an error ends those already made.
  template <class A, class... Arguments>
  [[nodiscard]] result<std::vector<handle<A>>> spawn_many(std::size_t count,
                                                          const Arguments&... arguments) {
    std::vector<handle<A>> made;
    for (std::size_t i = 0; i < count; ++i) {
      auto one = spawn<A>(spawn_options{}, arguments...);
      if (!one) {
        for (const auto& each : made) each.exit();
        return one.error();
      }
      made.push_back(one.value());
    }
    return made;
  }
  /// Spawns a meta below the node's root process, which lives until stop().
  template <class M, class... Arguments>
  [[nodiscard]] result<meta_handle<M>> spawn_meta(core::options_of<M> options = {},
                                                  Arguments&&... arguments) {
    auto made = core::order_meta<M>(
        std::move(options),
        [this](const core::meta_order& order) { return spawn_meta_erased(order); },
        std::forward<Arguments>(arguments)...);
    if (!made) return made.error();
    return meta_handle<M>{way_in(), made.value()};
  }

  template <message M>
  send_outcome send(address to, M message, priority lane = priority::main) noexcept {
    return core::send_through(way_in(), core::message_type_of<M>, to, std::move(message), lane);
  }
  /// A range of messages as one; see batch.hpp.
  template <class Range>
  batch_outcome send_batch(address to, Range&& range, priority lane = priority::main) noexcept {
    return core::send_batch_through(way_in(), core::message_type_of<core::batched_message<Range>>,
                                    to, std::forward<Range>(range), lane);
  }
  /// Asks and waits for the answer: blocks the calling thread, and it only. An error in handlers,
  /// of whatever node, and in this node's start flows (bad_argument): nobody there may wait.
  template <class M>
  [[nodiscard]] auto call(address to, M asked, const request_options& options = {}) noexcept {
    static_assert(request_type<M>,
                  "sluice: a request names its reply: add `using reply = T;` to its type (void is "
                  "a reply too)");
    return core::call_and_wait<M>(way_in(), core::message_type_of<core::request_of<M>>, to,
                                  std::move(asked), options);
  }
  template <class A, class Address, class M>
  [[nodiscard]] auto call(const basic_handle<A, Address>& to, M asked,
                          const request_options& options = {}) noexcept {
    static_assert(request_type<M>,
                  "sluice: a request names its reply: add `using reply = T;` to its type (void is "
                  "a reply too)");
    return core::call_and_wait<M>(way_in(),
                                  basic_handle<A, Address>::template type_for_request<M>(), to,
                                  std::move(asked), options);
  }
  /// What a process or meta says about itself; blocks as call does.
  [[nodiscard]] result<inspection> inspect(address who,
                                           std::chrono::nanoseconds timeout = std::chrono::seconds{
                                               5}) noexcept {
    return call(who, sluice::inspect{}, {.timeout = timeout, .lane = priority::urgent});
  }
  /// Asks a process or meta to end.
  send_outcome exit(address who, exit_reason reason = exit_reason::shutdown()) noexcept {
    return core::exit_through(way_in(), who, std::move(reason));
  }
  [[nodiscard]] pid find(std::string_view name) const noexcept;
  /// Who lives, processes and metas, without the node's own root process and without disturbing any
  /// of them. Each line was true at some moment of the call.
  [[nodiscard]] std::vector<process_info> processes() const;
  /// Who is in a process group now, in no order.
  [[nodiscard]] std::vector<pid> group_members(std::string_view name) const;

  /// Makes an application known. Errors: bad_argument, name_taken.
  [[nodiscard]] result<void> load_application(application_spec spec);
  /// Starts it and, before it, those it depends on; each within this call, as a supervisor's spawn.
  /// Errors: unknown_address (not loaded, or a dependency is not), already_started, bad_argument
  /// (dependencies in a circle), stopping, and that of a child that does not start.
  [[nodiscard]] result<void> start_application(std::string_view name);
  /// Blocks: stops those that depend on it, then it. Errors: unknown_address (it does not run),
  /// timed_out (it was killed), bad_argument (called in a handler).
  result<void> stop_application(std::string_view name);
  [[nodiscard]] std::vector<application_info> applications() const;
  /// Asks for the end of the node: its applications stop, the youngest first, and who waits in
  /// wait_for_stop_request() goes on. Also from handlers. The first reason counts.
  void request_stop(std::string_view why);
  /// Blocks until the end of the node is asked for, by request_stop(), stop() or the end of a
  /// permanent application, and says why; nothing when the time is over first.
  [[nodiscard]] std::optional<std::string> wait_for_stop_request(
      std::chrono::nanoseconds timeout = std::chrono::nanoseconds::max());

  [[nodiscard]] const std::string& name() const noexcept;
  /// What was asked for and what was accepted: kernel, driver and flags, schedulers, pins. After
  /// a failed start: why, and what to do.
  [[nodiscard]] std::string start_text() const;
  [[nodiscard]] message_statistics messages() const;
  /// Each kind that there was, in the order of their names; without the node's root process. Costs
  /// a spawn and an end a few instructions, messages nothing.
  [[nodiscard]] std::vector<behaviour_statistics> behaviours() const;
  [[nodiscard]] std::vector<scheduler_statistics> schedulers() const;
  /// Of those threads that own a ring, in their order.
  [[nodiscard]] std::vector<ring_statistics> rings() const;

 private:
  friend struct core::node_access;
  [[nodiscard]] result<pid> spawn_erased(const core::spawn_order& order) noexcept;
  [[nodiscard]] result<alias> spawn_meta_erased(const core::meta_order& order) noexcept;
  [[nodiscard]] core::gate* way_in() const noexcept;

  std::unique_ptr<core::node_state> state_;
};

}  // namespace v0
}  // namespace sluice
