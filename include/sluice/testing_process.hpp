// testing::process<A>: one process without threads, sockets or anybody else; see testing.hpp.
//
// What it sends to others is not delivered but kept, in order, for the test to look at: a process
// that it spawns is not made, and is somebody to send to like a peer(). What it sends to itself is
// handled. Every member that gives it something (deliver, ask, run, advance, end_peer) returns when
// the process has nothing more to do.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sluice/actor.hpp>
#include <sluice/log.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace testing {

struct logged_line {
  log_severity level = log_severity::info;
  std::string text;
};

/// Something that the process sent. What it refers to lives until clear().
struct sent_message {
  address to;
  address from;
  priority lane = priority::main;
  std::string_view type;  ///< as the compiler spells it
  core::envelope* carried = nullptr;
};

template <message M>
struct sent_to {
  address to;
  priority lane = priority::main;
  M& message;
};

/// A request, by request() or co_await call(): answered by hand, now or later or never.
template <request_type M>
struct asked_of {
  address to;
  priority lane = priority::main;
  M& message;
  reply_to<M>& answer;
};

/// A spawn by the process, with what its options said.
struct spawned_child {
  address who;
  std::string behaviour;  ///< the type
  std::string name;
  std::uint32_t mailbox_max = 0;
  bool link = false;
  bool monitor = false;
};

struct armed_monitor {
  ref id;
  address who;
};
/// By exit(who, reason).
struct asked_exit {
  address who;
  exit_reason reason;
};

struct process_options {
  spawn_options spawn{};
  std::uint64_t seed = 1;
  env_variables env{};  ///< of the node
};

class lone_process;

/// The part that does not know the type of the process.
class process_base {
 public:
  process_base(const process_base&) = delete;
  process_base& operator=(const process_base&) = delete;

  /// Somebody to send to and hear from, under a name if one is given.
  [[nodiscard]] pid peer(std::string_view name = {});
  [[nodiscard]] alias meta_peer();
  /// It ends: who linked to it or monitors it is told, who has asked it something is answered
  /// receiver_ended, its name is free, and sends to it are refused.
  void end_peer(address who, exit_reason reason = {});

  /// Handles what there is: after an answer by hand, for example.
  void run();
  /// Lets time pass and fires what is due meanwhile.
  void advance(std::chrono::nanoseconds time);
  /// Since it began.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const;

  [[nodiscard]] const std::vector<sent_message>& all_sent() const noexcept;
  [[nodiscard]] const std::vector<spawned_child>& spawned() const noexcept;
  [[nodiscard]] const std::vector<logged_line>& logged() const noexcept;
  [[nodiscard]] std::vector<asked_exit> exits() const;
  /// Forgets what was sent, spawned and logged so far; a request in it answers no_reply.
  void clear();

  [[nodiscard]] std::vector<address> links() const;
  [[nodiscard]] std::vector<armed_monitor> monitors() const;
  /// Its delayed and repeated sends, the time-outs of its requests, its sleeps.
  [[nodiscard]] std::size_t timer_count() const;
  /// Until the first of them; nothing when there is none.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next_timer() const;
  [[nodiscard]] std::size_t stashed() const;

  /// Why there is no process: on_start or the constructor refused.
  [[nodiscard]] const result<void>& started() const noexcept;
  [[nodiscard]] bool is_alive() const noexcept;
  /// Of one that has ended.
  [[nodiscard]] const exit_reason& reason() const noexcept;
  [[nodiscard]] pid id() const noexcept;

 protected:
  explicit process_base(const process_options& options);
  ~process_base();

  void start(const core::spawn_order& order);
  [[nodiscard]] void* object() const noexcept;
  [[nodiscard]] core::outgoing open(std::uint8_t block, std::size_t bytes) noexcept;
  void post(core::envelope* carried, address from, priority lane) noexcept;
  /// The way back for one that asks, and the number of its question.
  [[nodiscard]] core::reply_address way_back(const core::completion_kind& kind,
                                             std::chrono::nanoseconds timeout);
  [[nodiscard]] core::envelope* find_answer(const core::message_type& type, ref id) noexcept;

  template <class Payload>
  void give(const core::message_type& type, Payload&& payload, address from, priority lane) {
    static_cast<void>(core::carry(
        type, std::forward<Payload>(payload),
        [this](std::uint8_t block, std::size_t bytes) { return open(block, bytes); },
        [&](core::envelope* carried) {
          post(carried, from, lane);
          return send_outcome::accepted;
        }));
  }

 private:
  std::unique_ptr<lone_process> inner_;
};

/// What the process has answered to a question, if it has.
template <request_type M>
class question {
 public:
  [[nodiscard]] bool is_answered() const noexcept { return find() != nullptr; }
  /// Only when it is answered.
  [[nodiscard]] result<typename M::reply>& answer() const noexcept { return find()->answer; }
  /// Only when it is answered without an error.
  [[nodiscard]] decltype(auto) value() const { return answer().value(); }

 private:
  template <std::derived_from<actor_base> A>
  friend class process;
  using find_function = completion<M>* (*)(void* in, ref id);
  question(void* in, find_function how, ref id) noexcept : in_(in), how_(how), id_(id) {}
  completion<M>* find() const noexcept { return how_(in_, id_); }

  void* in_;
  find_function how_;
  ref id_;
};

template <std::derived_from<actor_base> A>
class process : public process_base {
 public:
  process() : process(process_options{}) {}
  /// Spawns it from the constructor's arguments; started() tells whether that went well.
  template <class... Arguments>
  explicit process(const process_options& options, Arguments&&... arguments)
      : process_base(options) {
    static_cast<void>(core::order_and_spawn<A>(
        core::order_from(options.spawn),
        [this](const core::spawn_order& order) {
          start(order);
          return 0;
        },
        std::forward<Arguments>(arguments)...));
  }

  /// Hands it `message`, from nobody or a peer.
  template <message M>
  void deliver(M message, address from = {}, priority lane = priority::main) {
    static_assert(accepts<A, M>,
                  "sluice: this actor has no handler for the message: add void on(that type)");
    give(handle<A>::template type_for<M>(), std::move(message), from, lane);
    run();
  }
  /// The same by pid: as one sends who does not know the type of the process.
  template <message M>
  void deliver_by_pid(M message, address from = {}, priority lane = priority::main) {
    give(core::message_type_of<M>, std::move(message), from, lane);
    run();
  }
  /// Asks it, as somebody else would. The answer is there when it has given it.
  template <request_type M>
  question<M> ask(M asked, std::chrono::nanoseconds timeout = std::chrono::seconds{5}) {
    const core::reply_address back = way_back(answer_kind_of<M>, timeout);
    give(handle<A>::template type_for_request<M>(),
         core::request_of<M>{reply_to<M>{back}, std::move(asked)}, {}, priority::main);
    run();
    return {this, &find_completion<M>, back.id};
  }

  /// The messages of type M that it sent, oldest first.
  template <message M>
  [[nodiscard]] std::vector<sent_to<M>> sent() const {
    std::vector<sent_to<M>> found;
    for (const sent_message& each : all_sent()) {
      if (M* const one = any_message{*each.carried}.get<M>()) {
        found.push_back({each.to, each.lane, *one});
      }
    }
    return found;
  }
  /// The requests of type M that it made.
  template <request_type M>
  [[nodiscard]] std::vector<asked_of<M>> asked() const {
    std::vector<asked_of<M>> found;
    for (const sent_message& each : all_sent()) {
      if (auto* const one = any_message{*each.carried}.get<core::request_of<M>>()) {
        found.push_back({each.to, each.lane, one->message, one->answer});
      }
    }
    return found;
  }

  /// The object itself, while it lives.
  [[nodiscard]] A& operator*() noexcept { return *static_cast<A*>(object()); }
  [[nodiscard]] A* operator->() noexcept { return static_cast<A*>(object()); }

 private:
  template <class M>
  static constexpr core::completion_kind answer_kind_of =
      core::completion_kind_by<M>(&core::message_type_of<completion<M>>);

  template <class M>
  static completion<M>* find_completion(void* in, ref id) {
    auto& self = *static_cast<process*>(in);
    core::envelope* const found = self.find_answer(core::message_type_of<completion<M>>, id);
    return found == nullptr ? nullptr : static_cast<completion<M>*>(found->payload());
  }
};

}  // namespace testing
}  // namespace v0
}  // namespace sluice
