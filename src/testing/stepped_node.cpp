#include "testing/stepped_node.hpp"

#include <algorithm>
#include <utility>

#include "actor/activation.hpp"
#include "actor/delayed_send.hpp"
#include "base/assert.hpp"

namespace sluice::inline v0::testing {

namespace {

// All worlds begin at one time, so that equal seeds meet equal slots of the timer wheels.
constinit base::atomic<base::nanoseconds_t> begin_of_time{base::nanoseconds_t{1} << 40};

constexpr std::uint32_t poll_interval = 8;  // On average so many steps between two looks at I/O.

std::unique_ptr<io::simulation> make_simulation(std::uint64_t seed) {
  static_cast<void>(base::ticks_per_us());  // Measured by the system's clock, once.
  base::use_virtual_clock(&begin_of_time);
  io::simulation_options options;
  options.seed = seed;
  return std::make_unique<io::simulation>(options);
}

bool is_of_a_slot(const sched::work& item) noexcept {
  return item.run == &core::run_process || item.run == &core::run_suspended ||
         item.run == &core::run_receiver || item.run == &core::run_meta;
}

}  // namespace

/// While it lives this thread is the node's worker, and on its clock.
class stepped_node::inside {
 public:
  explicit inside(stepped_node& of) : of_(of), before_(core::current_execution()) {
    of_.simulation_->enter_clock();
    core::set_current_execution(&of_.own());
  }
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;
  ~inside() {
    core::set_current_execution(before_);
    of_.simulation_->leave_clock();
  }

 private:
  stepped_node& of_;
  core::execution* before_;
};

stepped_node::stepped_node(setup options)
    : options_(std::move(options)),
      simulation_(make_simulation(options_.seed)),
      random_(options_.seed) {
  simulation_->enter_clock();
  begin_ns_ = base::now_ns();
  node_options plan = options_.node;
  plan.schedulers = 1;
  plan.io_threads = 0;
  plan.driver = driver_choice::simulated;
  plan.simulation = simulation_.get();
  plan.activation_messages_max = 1;
  node_ = std::make_unique<node>("world", std::move(plan));
  state_ = &core::node_access::state_of(*node_);
  state_->is_stepped = true;
  const auto started = node_->start();
  SLUICE_ASSERT(started.has_value(), "a node for tests could not be made");
  stepper_ = std::make_unique<sched::stepper>(state_->scheduler->worker_at(0));
}

stepped_node::~stepped_node() {
  simulation_->enter_clock();
  static_cast<void>(node_->stop(std::chrono::hours{1}));
  node_.reset();
  simulation_->leave_clock();
  simulation_->leave_clock();
}

bool stepped_node::step() {
  const inside now{*this};
  const bool has_polled = random_.next_below(poll_interval) == 0 && stepper_->poll();
  const std::size_t count = stepper_->collect();
  if (count == 0) return has_polled || stepper_->poll() || stepper_->collect() != 0;
  const std::size_t chosen = random_.next_below(static_cast<std::uint32_t>(count));
  note(stepper_->runnable(chosen));
  stepper_->run(chosen);
  return true;
}

bool stepped_node::run_until_idle() {
  for (std::uint64_t steps = 0; steps < options_.steps_max; ++steps) {
    if (!step()) return true;
  }
  return false;
}

bool stepped_node::advance(base::nanoseconds_t by_ns) {
  const inside now{*this};
  const base::nanoseconds_t target_ns = base::now_ns() + std::max<base::nanoseconds_t>(by_ns, 0);
  while (true) {
    if (!run_until_idle()) return false;
    if (base::now_ns() >= target_ns) return true;
    wait_until(target_ns);
  }
}

void stepped_node::turn(base::nanoseconds_t until_ns) {
  if (stepper_ == nullptr || step()) return;
  const inside now{*this};
  wait_until(until_ns);
}

void stepped_node::wait_until(base::nanoseconds_t until_ns) {
  const base::nanoseconds_t next_ns = std::min(stepper_->next_timer(), until_ns);
  if (next_ns <= base::now_ns()) return;
  if (options_.node.io) {
    stepper_->wait(next_ns);
  } else {
    simulation_->advance_clock(next_ns);
  }
}

base::nanoseconds_t stepped_node::elapsed() {
  const inside now{*this};
  return base::now_ns() - begin_ns_;
}

base::nanoseconds_t stepped_node::deadline_after(base::nanoseconds_t delay_ns) {
  const inside now{*this};
  return core::deadline_after(delay_ns);
}

base::nanoseconds_t stepped_node::next_timer_in() {
  const inside now{*this};
  return std::max<base::nanoseconds_t>(stepper_->next_timer() - base::now_ns(), 0);
}

void stepped_node::note(const sched::work& next) {
  const auto mix = [this](std::uint64_t value) {
    trace_hash_ = (trace_hash_ ^ value) * 0x100000001b3u;
    trace_hash_ ^= trace_hash_ >> 29;
  };
  const base::nanoseconds_t time_ns = base::now_ns() - begin_ns_;
  mix(static_cast<std::uint64_t>(time_ns));
  if (!is_of_a_slot(next)) return mix(UINT64_MAX);
  const core::slot& who = core::slot_of(const_cast<sched::work*>(&next));
  const std::uint32_t generation = who.generation.load(base::relaxed);  // Relaxed: one thread.
  mix(std::uint64_t{generation} << 32 | who.index);
  if (!options_.keeps_trace) return;
  trace_.push_back(std::to_string(time_ns) + " ns " +
                   std::string{who.what == nullptr ? "?" : who.what->name} + ' ' +
                   std::to_string(who.index) + '.' + std::to_string(generation));
}

}  // namespace sluice::inline v0::testing
