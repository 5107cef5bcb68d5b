// Testing kit: processes and whole nodes without threads, in virtual time.
//
// world: a node on the calling thread. A seed decides which runnable process goes next; one that
// fails is run again by its seed.
//
//   sluice::testing::world world{{.seed = seed}};
//   auto c = world->spawn<counter>().value();          // a node like any other
//   c.send(add{1});
//   REQUIRE(world.run_until_idle());
//   REQUIRE(world->call(c, total{}).value() == 1);     // runs the world while it waits
//   REQUIRE(world.advance(10s));                       // what timers do in ten seconds, at once
//
// process<A>: one process alone; all it sends to others ends in the hands of the test.
//
//   sluice::testing::process<counter> p;
//   auto db = p.peer("db");                            // somebody to send to and hear from
//   p.deliver(add{1}, db);                             // handled when this returns
//   REQUIRE(p.sent<stored>().size() == 1);
//   for (auto& each : p.asked<lookup>()) each.answer.reply(42);
//   p.run();                                           // and the completion is handled
//   REQUIRE(p.ask(total{}).value() == 1);
//   p.advance(1s);                                     // fires its timers
//
// Both belong to the thread that makes them, and several may live at once. Blocking metas, names
// that must be resolved and offload need threads of their own and have no place here.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sluice/node.hpp>
#include <sluice/testing_process.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace testing {

class stepped_node;

struct world_options {
  std::uint64_t seed = 1;  ///< 0 = another one each time; seed() says which
  /// A run that takes more steps does not come to rest.
  std::uint64_t steps_max = 1'000'000;
  bool keeps_trace = false;
  /// False: no I/O metas, and nothing made for them.
  bool io = true;
  env_variables env{};
};

class world {
 public:
  explicit world(world_options options = {});
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  ~world();

  [[nodiscard]] node& operator*() noexcept;
  [[nodiscard]] node* operator->() noexcept { return &**this; }

  /// One activation of one process, or what a look at timers and I/O brings. False: nothing can
  /// happen now.
  bool step();
  /// Until nothing can happen before time passes. False: it went on for steps_max steps.
  [[nodiscard]] bool run_until_idle();
  /// Lets time pass: what is due meanwhile happens at its time, in order. False: as above.
  [[nodiscard]] bool advance(std::chrono::nanoseconds time);

  /// Since the world began.
  [[nodiscard]] std::chrono::nanoseconds elapsed() const;
  [[nodiscard]] std::uint64_t seed() const noexcept;
  /// Of who ran when, in what order: equal for equal seeds.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept;
  /// The same as text, a line an activation, if it is kept.
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept;
  /// What has been logged, as it would be written.
  [[nodiscard]] const std::vector<logged_line>& logged() const noexcept;

 private:
  std::uint64_t seed_;
  std::vector<logged_line> logged_;
  std::unique_ptr<stepped_node> inner_;
};

}  // namespace testing
}  // namespace v0
}  // namespace sluice
