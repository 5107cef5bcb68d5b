// iteration: one run of one program on a node of its own, timed and verified.
//
// Life: made (the clock starts, then the node) → the program's function spawns and sends → wait():
//   until arrive() was called often enough and every actor has ended; the node stops and the clock
//   does → the function's checks → finish(): every published value was looked at, nothing is left.
// What does not hold throws void_run, and then no time may be printed.
// Who: the driver, a thread that is foreign to the node; arrive(), fail() and player are for
// actors.
#pragma once

#include <sluice/sluice.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node_watch.hpp"
#include "plant.hpp"
#include "program.hpp"
#include "published.hpp"

namespace sluice::bench {

using bench_clock = std::chrono::steady_clock;

enum class size : std::uint8_t { normal, small, tiny };

/// What the command line asks of every iteration.
struct settings {
  std::uint32_t threads = 2;
  sluice::pinning pin = sluice::pinning::cores;
  std::chrono::seconds patience{300};
  bench::size size = size::normal;
  std::map<std::string, std::uint64_t, std::less<>> parameters{};
};

/// Any actor: one of those that wait() waits for has seen all that it should see.
void arrive() noexcept;
/// Any actor: the iteration is void. The first reason is kept.
[[gnu::cold]] void fail(std::string why);
/// Any actor: what the protocol promises.
inline void require(bool holds, const char* promise) {
  if (!holds) [[unlikely]]
    fail(promise);
}

/// Any thread: work that no message shows, as that of a meta on a thread of its own. While there is
/// some, nothing is found to stand still.
class hidden_work {
 public:
  hidden_work() noexcept;
  ~hidden_work();
  hidden_work(const hidden_work&) = delete;
  hidden_work& operator=(const hidden_work&) = delete;
};

inline constexpr std::chrono::hours longer_than_any_run{1000};

/// An actor of a program: its sends pass the plant, its spawns must succeed.
template <class Self, class... Messages>
class player : public sluice::actor<Self, Messages...> {
 protected:
  template <class To, class M>
  void send(const To& to, M message) noexcept {
    send_planted(message, [&](M&& each) {
      static_cast<void>(sluice::actor<Self, Messages...>::send(to, std::move(each)));
    });
  }
  template <class To, class M>
  void send(const To& to, M message, sluice::priority lane) noexcept {
    send_planted(message, [&](M&& each) {
      static_cast<void>(sluice::actor<Self, Messages...>::send(to, std::move(each), lane));
    });
  }
  /// A call, for co_await. One whose question is dropped ends with an error at once.
  template <class To, class M>
  [[nodiscard]] auto ask(const To& to, M question) noexcept {
    if (planted.kind() != defect::none && takes_waiting(question)) [[unlikely]]
      return this->call(sluice::address{}, std::move(question), longer_than_any_run);
    return this->call(to, std::move(question), longer_than_any_run);
  }
  /// A send that waits for room in a bounded mailbox, for co_await. One that is dropped ends with
  /// an error at once.
  template <class To, class M>
  [[nodiscard]] auto send_when_room(const To& to, M message) noexcept {
    if (planted.kind() != defect::none && takes_waiting(message, [&](M&& second) {
          static_cast<void>(sluice::actor<Self, Messages...>::send(to, std::move(second)));
        })) [[unlikely]]
      return this->send_wait(sluice::address{}, std::move(message), longer_than_any_run);
    return this->send_wait(to, std::move(message), longer_than_any_run);
  }
  template <class A, class... Arguments>
  [[nodiscard]] sluice::handle<A> create(Arguments&&... arguments) {
    return create_with<A>(sluice::spawn_options{}, std::forward<Arguments>(arguments)...);
  }
  template <class A, class... Arguments>
  [[nodiscard]] sluice::handle<A> create_with(const sluice::spawn_options& options,
                                              Arguments&&... arguments) {
    auto made = this->template spawn<A>(options, std::forward<Arguments>(arguments)...);
    if (!made) {
      fail("a spawn failed: " + made.error().message());
      return {};
    }
    return made.value();
  }
};

/// How far a computed number may be off. Both may be given; one that holds is enough.
struct tolerance {
  double relative = 0;
  double absolute = 0;
};

struct measurement {
  std::string suffix;
  double value;
  std::string unit;
};

class iteration {
 public:
  iteration(const program& what, const settings& given);
  ~iteration();
  iteration(const iteration&) = delete;
  iteration& operator=(const iteration&) = delete;

  [[nodiscard]] std::uint64_t parameter(std::string_view name) const;

  template <class A, class... Arguments>
  [[nodiscard]] sluice::handle<A> spawn(Arguments&&... arguments) {
    return spawn_with<A>(sluice::spawn_options{}, std::forward<Arguments>(arguments)...);
  }
  template <class A, class... Arguments>
  [[nodiscard]] sluice::handle<A> spawn_with(const sluice::spawn_options& options,
                                             Arguments&&... arguments) {
    auto made = node_->spawn<A>(options, std::forward<Arguments>(arguments)...);
    if (!made) throw void_run{"a spawn failed: " + made.error().message()};
    return made.value();
  }

  /// What actors leave behind for the checks, and what they share. Lives until the iteration is
  /// over. After wait() the driver may read it.
  template <class T, class... Arguments>
  [[nodiscard]] T& keep(Arguments&&... arguments) {
    auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    kept_.push_back(made);
    return *made;
  }

  /// How many arrive() calls end the program, or its next phase. Before the first message.
  void expect_arrivals(std::uint64_t parties);

  /// A message of the suite's driver. The first one starts the inner clock.
  template <class Handle, class M>
  void tell(const Handle& to, M message) {
    begin_inner();
    tell_untimed(to, std::move(message));
  }

  /// A message outside of what is timed: to prepare a phase, or to end what has been timed.
  template <class Handle, class M>
  void tell_untimed(const Handle& to, M message) {
    send_planted(message, [&](M&& each) { static_cast<void>(to.send(std::move(each))); });
  }

  /// Starts the inner clock where the driver has nothing to send: before it spawns what begins by
  /// itself.
  void begin_inner() noexcept;

  /// The end of a phase: sleeps until all who were expected have arrived. The inner time is that of
  /// the last phase that began by tell() or begin_inner().
  void wait_for_arrivals();
  /// Sleeps until no message is queued, in no mailbox and in no handler.
  void settle();

  [[nodiscard]] sluice::node& node() noexcept { return *node_; }
  /// How many actors there are now.
  [[nodiscard]] std::uint64_t alive() const { return node_->messages().alive; }

  /// Sleeps until all have arrived and ended; stops the node.
  void wait();

  /// Some values are published for some sizes only.
  [[nodiscard]] bool is_published(std::string_view key) const noexcept;

  // After wait(): what came out against what is published for these parameters. Where nothing is,
  // nothing is compared.
  void check(std::string_view key, std::uint64_t got) { check_text(key, std::to_string(got)); }
  void check(std::string_view key, std::int64_t got) { check_text(key, std::to_string(got)); }
  void check(std::string_view key, double got, tolerance off);
  void check(std::string_view key, std::span<const std::uint64_t> got);
  void check(std::string_view key, std::span<const double> got, tolerance off);
  void check_text(std::string_view key, const std::string& got);
  /// The same for what holds whatever the parameters are.
  void check_that(bool holds, const std::string& promise) const;

  /// Exactly so many messages were sent, and so many of them reached nobody, because their
  /// receivers had ended. Without `lost` any number may have.
  void check_messages(std::uint64_t sent, std::optional<std::uint64_t> lost = 0) const;
  /// A figure beside the times, `NAME-suffix THREADS VALUE UNIT`; "" where it is the program's own.
  void measure(std::string_view suffix, double value, std::string_view unit) {
    measured_.push_back({std::string{suffix}, value, std::string{unit}});
  }
  /// A figure that differs from run to run and is worth telling.
  void note(std::string_view key, double value) { notes_.emplace_back(std::string{key}, value); }

  /// Throws unless each published value was looked at.
  void finish() const;

  [[nodiscard]] double total_ms() const noexcept { return total_ms_; }
  [[nodiscard]] double inner_ms() const noexcept { return inner_ms_; }
  [[nodiscard]] const sluice::message_statistics& sums() const noexcept { return sums_; }
  /// How many actors were made, by the node's own account.
  [[nodiscard]] std::uint64_t spawned() const noexcept { return spawned_; }
  [[nodiscard]] const std::vector<std::pair<std::string, double>>& notes() const noexcept {
    return notes_;
  }
  [[nodiscard]] const std::vector<measurement>& measured() const noexcept { return measured_; }
  /// "ci", "default", ...; empty when nothing is published for these parameters.
  [[nodiscard]] std::string_view published_name() const noexcept {
    return published_ == nullptr ? std::string_view{} : published_->name;
  }

 private:
  template <class Condition>
  void wait_until(Condition is_met);
  [[nodiscard]] const std::string_view* published(std::string_view key);
  [[noreturn]] void refuse(std::string_view key, const std::string& got,
                           std::string_view wanted) const;

  const program& what_;
  const settings& given_;
  const bench_clock::time_point begin_;
  std::map<std::string, std::uint64_t, std::less<>> parameters_;
  const published_set* published_;
  std::set<std::string_view> looked_at_;
  std::vector<measurement> measured_;
  std::vector<std::pair<std::string, double>> notes_;
  std::vector<std::shared_ptr<void>> kept_;
  std::optional<sluice::node> node_;
  sluice::message_statistics sums_{};
  std::uint64_t spawned_ = 0;
  bench_clock::time_point inner_begin_{};
  double total_ms_ = 0;
  double inner_ms_ = 0;
};

}  // namespace sluice::bench
