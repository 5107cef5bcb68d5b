// caf_savina_run: one run of one Savina program on a CAF system of its own, timed and verified, as
// bench/harness has it for a node; and what the programs' actors have in common.
//
// Life: made (the clock starts, then the system) → the program spawns and sends → wait(): until
//   arrive() was called often enough and every actor has ended; the system stops and the clock
//   does → the program's checks → finish(): every published value was looked at.
// CAF 0.17 counts no messages: each actor counts its own, its thread adds them up when it ends.
// Who: the driver, a thread of no system; arrive(), fail() and player are for actors.
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../harness/plant.hpp"
#include "../harness/published.hpp"
#include "caf_savina.hpp"

namespace caf_savina {

/// A message as CAF has it. It never leaves the process, so CAF need not know how to write it down.
template <class M>
struct envelope {
  M message;
};

}  // namespace caf_savina

template <class M>
struct caf::allowed_unsafe_message_type<caf_savina::envelope<M>> : std::true_type {};

namespace caf_savina {

using bench_clock = std::chrono::steady_clock;
using sluice::bench::send_planted;

/// Any actor: one of those that wait() waits for has seen all that it should see.
void arrive() noexcept;
/// Any actor: the iteration is void. The first reason is kept.
[[gnu::cold]] void fail(std::string why);
/// Any actor: what the protocol promises.
inline void require(bool holds, const char* promise) {
  if (!holds) [[unlikely]]
    fail(promise);
}

/// What the actors of one thread, or of all, have done so far.
struct tally {
  std::uint64_t sent = 0;     ///< by actors that have ended, and by the driver
  std::uint64_t handled = 0;  ///< by actors that have ended
  std::uint64_t made = 0;
  std::uint64_t ended = 0;
  std::uint64_t freed = 0;
};
[[nodiscard]] tally& tally_of_this_thread() noexcept;

using roster = std::vector<caf::actor>;

/// The part of a program's actor that does not depend on which one it is.
class counting_actor : public caf::event_based_actor {
 public:
  explicit counting_actor(caf::actor_config& config) : caf::event_based_actor(config) {
    ++tally_of_this_thread().made;
  }
  ~counting_actor() override { ++tally_of_this_thread().freed; }

  void on_exit() final;

 protected:
  /// Drops the references to other actors: a circle of them would never be freed.
  virtual void forget() {}

  [[nodiscard]] caf::actor self() { return caf::actor{this}; }

  /// A message without a sender, which nobody asks for, but by this worker: cheaper than send().
  template <class M>
  void tell(const caf::actor& to, M message) {
    tell_as(nullptr, target_of(to), std::move(message));
  }
  template <class M>
  void tell_self(M message) {
    tell_as(nullptr, this, std::move(message));
  }
  /// One whose receiver looks at current_sender().
  template <class M>
  void tell_signed(const caf::actor& to, M message) {
    tell_as(caf::strong_actor_ptr{ctrl()}, target_of(to), std::move(message));
  }

  std::uint64_t sent_ = 0;
  std::uint64_t handled_ = 0;

 private:
  [[nodiscard]] static caf::abstract_actor* target_of(const caf::actor& to) noexcept {
    return to ? to.operator->() : nullptr;
  }
  template <class M>
  void tell_as(const caf::strong_actor_ptr& from, caf::abstract_actor* to, M message) {
    send_planted(message, [&](M&& each) {
      if (to == nullptr) return fail("a message is for nobody");
      ++sent_;
      to->eq_impl(caf::make_message_id(), from, context(), envelope<M>{std::move(each)});
    });
  }
};

/// An actor that begins while it is started says `begins_itself`. All others are scheduled when
/// their first message comes, not before.
template <class A>
constexpr auto spawn_option = requires {
  A::begins_itself;
}
? caf::no_spawn_options : caf::lazy_init;

/// An actor of a program: `void on(const M&)` for each of its messages, the most frequent first,
/// and `void on_start()` if it has something to do then.
template <class Self, class... Messages>
class player : public counting_actor {
 public:
  using counting_actor::counting_actor;

  caf::behavior make_behavior() override {
    if constexpr (requires(Self & one) { one.on_start(); }) own().on_start();
    return {handler_of<Messages>()...};
  }

 protected:
  template <class A, class... Arguments>
  [[nodiscard]] caf::actor create(Arguments&&... arguments) {
    return this->template spawn<A, spawn_option<A>>(std::forward<Arguments>(arguments)...);
  }

 private:
  [[nodiscard]] Self& own() noexcept { return static_cast<Self&>(*this); }
  template <class M>
  [[nodiscard]] auto handler_of() noexcept {
    return [this](const envelope<M>& taken) {
      ++handled_;
      own().on(taken.message);
    };
  }
};

/// How far a computed number may be off. Both may be given; one that holds is enough.
struct tolerance {
  double relative = 0;
  double absolute = 0;
};

class iteration {
 public:
  iteration(const program& what, const settings& given);
  iteration(const iteration&) = delete;
  iteration& operator=(const iteration&) = delete;

  [[nodiscard]] std::uint64_t parameter(std::string_view name) const;

  /// The driver's handles must be gone when wait() is called: they keep memory of actors.
  template <class A, class... Arguments>
  [[nodiscard]] caf::actor spawn(Arguments&&... arguments) {
    return system_->spawn<A, spawn_option<A>>(std::forward<Arguments>(arguments)...);
  }

  /// Handles that actors share, which counts no references for each. Dropped when all have ended.
  [[nodiscard]] roster& share() { return shared_.emplace_back(); }

  /// What actors leave behind for the checks, and what they share. Lives until the iteration is
  /// over. After wait() the driver may read it.
  template <class T, class... Arguments>
  [[nodiscard]] T& keep(Arguments&&... arguments) {
    auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    kept_.push_back(made);
    return *made;
  }

  /// How many arrive() calls end the program. Before the first message.
  void expect_arrivals(std::uint64_t parties) noexcept;

  /// A message of the suite's driver. The first one starts the inner clock.
  template <class M>
  void tell(const caf::actor& to, M message) {
    begin_inner();
    send_planted(message, [&](M&& each) {
      ++tally_of_this_thread().sent;
      caf::anon_send(to, envelope<M>{std::move(each)});
    });
  }
  /// Starts the inner clock where the driver has nothing to send: before it spawns what begins by
  /// itself.
  void begin_inner() noexcept;

  /// Sleeps until all have arrived and ended; stops the system.
  void wait();

  // After wait(): what came out against what is published for these parameters. Where nothing is,
  // nothing is compared.
  void check(std::string_view key, std::uint64_t got) { check_text(key, std::to_string(got)); }
  void check(std::string_view key, std::int64_t got) { check_text(key, std::to_string(got)); }
  void check(std::string_view key, double got, tolerance off);
  void check(std::string_view key, std::span<const std::uint64_t> got);
  void check(std::string_view key, std::span<const double> got, tolerance off);
  /// The same for what holds whatever the parameters are.
  void check_that(bool holds, const std::string& promise) const;
  /// Some values are published for some sizes only.
  [[nodiscard]] bool is_published(std::string_view key) const noexcept;

  /// Exactly so many messages were sent, and so many of them reached nobody, because their
  /// receivers had ended. Without `lost` any number may have.
  void check_messages(std::uint64_t sent, std::optional<std::uint64_t> lost = 0) const;
  /// A figure that differs from run to run and is worth telling.
  void note(std::string_view key, double value) { notes_.emplace_back(std::string{key}, value); }

  /// Throws unless each published value was looked at.
  void finish() const;

  [[nodiscard]] const tally& sums() const noexcept { return sums_; }
  [[nodiscard]] outcome result() const;

 private:
  void start_system();
  void await_arrivals();
  void await_ends();
  void check_text(std::string_view key, const std::string& got);
  [[nodiscard]] const std::string_view* published(std::string_view key);
  [[noreturn]] static void refuse(std::string_view key, const std::string& got,
                                  std::string_view wanted);

  const settings& given_;
  std::map<std::string, std::uint64_t, std::less<>> parameters_;
  const sluice::bench::published_set* published_;
  std::set<std::string_view> looked_at_;
  std::vector<std::pair<std::string, double>> notes_;
  std::vector<std::shared_ptr<void>> kept_;
  caf::actor_system_config config_;
  bench_clock::time_point begin_;
  std::optional<caf::actor_system> system_;
  std::deque<roster> shared_;
  std::size_t living_before_ = 0;
  tally sums_{};
  bench_clock::time_point inner_begin_{};
  double total_ms_ = 0;
  double inner_ms_ = 0;
};

}  // namespace caf_savina
