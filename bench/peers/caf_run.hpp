// caf_run: one run of one workload on an actor system of its own, timed and verified, as
// actor-bench's trial is for a node.
//
// Life: made (the system starts) → the workload spawns and times → finish() checks how many
// messages
//   were sent and handled, ends every actor and sees that none is left.
// CAF 0.17 counts no messages, so each actor counts its own and hands its counts in when it ends.
#pragma once

#include <atomic>
#include <caf/all.hpp>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "../actor/finish_line.hpp"
#include "../actor/plant.hpp"
#include "peer_program.hpp"

namespace peers {

using go_atom = caf::atom_constant<caf::atom("go")>;
constexpr std::uint64_t go_number = 0x60;

class caf_run {
 public:
  explicit caf_run(const request& asked);

  [[nodiscard]] std::uint64_t parameter(std::string_view name) const {
    return asked_.parameter(name);
  }
  [[nodiscard]] actor_bench::finish_line& line() noexcept { return line_; }

  /// An actor that lives until finish().
  template <class A, class... Arguments>
  [[nodiscard]] caf::actor spawn(Arguments&&... arguments) {
    spawned_.push_back(system_.spawn<A>(*this, std::forward<Arguments>(arguments)...));
    return spawned_.back();
  }

  /// Something that actors share: it lives as long as the system.
  template <class T, class... Arguments>
  [[nodiscard]] T& keep(Arguments&&... arguments) {
    auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    kept_.push_back(made);
    return *made;
  }

  /// A message from outside.
  template <class... Parts>
  void tell(const caf::actor& to, Parts... parts) {
    ++sent_from_outside_;
    caf::anon_send(to, parts...);
  }
  void begin(const caf::actor& first) { tell(first, go_number, go_atom::value); }

  /// Seconds from before `begin_it` until `parties` actors have arrived.
  template <class BeginIt>
  [[nodiscard]] double time(std::uint64_t parties, BeginIt&& begin_it) {
    line_.arm(parties);
    const auto started_at = actor_bench::bench_clock::now();
    begin_it();
    return wait_from(started_at);
  }

  /// Waits until `alive` actors live.
  void await_alive(std::uint64_t alive);
  /// `alive` actors live; then they end, and exactly `messages` were sent and handled.
  void finish(std::uint64_t messages, std::uint64_t alive);

  /// What an ending actor sent and handled.
  void count(std::uint64_t sent, std::uint64_t handled) noexcept {
    // Relaxed: counts; the registry's own, which finish() waits for, orders them.
    sent_.fetch_add(sent, std::memory_order_relaxed);
    handled_.fetch_add(handled, std::memory_order_relaxed);
  }

 private:
  double wait_from(actor_bench::bench_clock::time_point started_at);
  void await_living(std::size_t wanted, const char* promise);

  const request& asked_;
  actor_bench::finish_line line_;
  std::uint64_t sent_from_outside_ = 0;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> handled_{0};
  std::vector<std::shared_ptr<void>> kept_;
  caf::actor_system_config config_;
  caf::actor_system system_;
  std::vector<caf::actor> spawned_;
  std::size_t living_before_;
};

/// An actor whose every message carries a number, the message's first part.
class numbered_actor : public caf::event_based_actor {
 public:
  numbered_actor(caf::actor_config& config, caf_run& run)
      : caf::event_based_actor(config), run_(run) {}

  void on_exit() override {
    run_.count(sent_, handled_);
    forget();
  }

 protected:
  /// Drops the references to other actors: a circle of them would never be freed.
  virtual void forget() {}

  /// For each message handled.
  void expect(std::uint64_t got, std::uint64_t wanted, const char* who) {
    ++handled_;
    run_.line().expect(got, wanted, who);
  }

  template <class... Parts>
  void tell(const caf::actor& to, std::uint64_t number, const Parts&... parts) {
    unsigned copies = 1;
    if (actor_bench::planted.concerns(number)) [[unlikely]] {
      copies = actor_bench::planted.spoil(this, number);
    }
    for (; copies != 0; --copies, ++sent_) send(to, number, parts...);
  }
  template <class... Parts>
  void answer(std::uint64_t number, const Parts&... parts) {
    tell(caf::actor_cast<caf::actor>(current_sender()), number, parts...);
  }

  caf_run& run_;
  std::uint64_t sent_ = 0;
  std::uint64_t handled_ = 0;
};

using caf_protocol = std::vector<figure> (*)(caf_run&);
/// Runs it on a system; `sharing`, a parameter, chooses CAF's other scheduler.
[[nodiscard]] std::vector<figure> run_on_caf(const request& asked, caf_protocol protocol);

/// A protocol as a workload's function.
template <caf_protocol Protocol>
std::vector<figure> on_caf(const request& asked) {
  return run_on_caf(asked, Protocol);
}

extern const workload caf_big;
extern const workload caf_call;
extern const workload caf_chameneos;
extern const workload caf_count;
extern const workload caf_fjcreate;
extern const workload caf_fjthrput;
extern const workload caf_idle;
extern const workload caf_mbox;
extern const workload caf_nn;
extern const workload caf_pingpong;
extern const workload caf_ring;

}  // namespace peers
