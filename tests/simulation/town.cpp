#include "town.hpp"

#include <unistd.h>

#include <filesystem>

#include "mem/block_pool.hpp"

namespace simulation {

namespace {

constexpr std::size_t complaints_max = 20;
constexpr std::int64_t slice_ns = 60'000'000'000;
constexpr std::int64_t recovery_ns = 3'600'000'000'000;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

town::town(const plan& how)
    : people(how.people),
      callers(how.callers),
      plan_(how),
      random_(how.seed),
      descriptors_before_(open_descriptors()),
      blocks_before_(sluice::mem::pool().statistics().outstanding_blocks()) {
  sluice::testing::stepped_node::setup setup;
  setup.seed = how.seed;
  setup.steps_max = 20'000'000;
  setup.node.log = [](sluice::log_severity, std::string_view) {};
  in_ = std::make_unique<sluice::testing::stepped_node>(std::move(setup));
  if (auto done = settle(in_->get(), *this); !done)
    complain("nobody can settle: " + std::string{done.error().place});
  has_mishaps_ = how.has_mishaps;
}

town::~town() = default;

std::int64_t town::now() { return in_->elapsed(); }

void town::complain(std::string what) {
  if (broken_.size() < complaints_max) {
    broken_.push_back(std::to_string(in_ == nullptr ? 0 : now()) + " ns: " + std::move(what));
  }
}

bool town::happens(mishap kind, std::uint64_t one_in) {
  if (!has_mishaps_ || draw(one_in) != 0) return false;
  mishaps_[static_cast<std::size_t>(kind)] += 1;
  return true;
}

void town::inject_io_fault() {
  static const std::vector<sluice::io::fault> all = simulation::io_faults();
  sluice::io::fault chosen = all[draw(all.size())];
  sluice::io::simulation& of = in_->simulation();
  chosen.nth = of.completion_count(chosen.site) + 1 + draw(3);
  of.inject(chosen);
  io_faults_[describe(chosen)] += 1;
}

void town::advance(std::int64_t time_ns) {
  if (!in_->advance(time_ns)) complain("liveness: the node does not come to rest");
  const auto sums = in_->get().messages();
  events_ = sums.handled + sums.dropped + sums.rejected;
}

void town::live(std::int64_t time_ns) {
  for (std::int64_t passed = 0; passed < time_ns && broken_.empty(); passed += slice_ns) {
    if (has_mishaps_) inject_io_fault();
    advance(std::min(slice_ns, time_ns - passed));
  }
}

void town::recover() {
  has_mishaps_ = false;
  advance(recovery_ns);
  std::vector<std::uint64_t> answers;
  for (const place& each : callers) answers.push_back(each.answers);
  if (is_planted(defect::dead_person)) {
    in_->get().exit(people.front().who, sluice::exit_reason::killed());
  }
  advance(recovery_ns);
  for (std::size_t i = 0; i < people.size(); ++i) {
    const auto answer = in_->get().call(people[i].who, question{i}, {.timeout = 1min});
    if (!answer || answer.value() != i + 1) {
      complain("liveness: person " + std::to_string(i) + " does not answer after the faults");
    }
  }
  for (std::size_t i = 0; i < callers.size(); ++i) {
    if (callers[i].answers == answers[i]) {
      complain("liveness: caller " + std::to_string(i) + " hears no echo after the faults");
    }
  }
}

void town::end() {
  hash_ = in_->trace_hash();
  const auto report = in_->get().stop(std::chrono::hours{1});
  for (const auto& name : report.not_stopped) complain("end: " + name + " does not stop");
  auto sums = in_->get().messages();
  if (is_planted(defect::kept_message)) sums.sent += 1;
  if (sums.sent != sums.handled + sums.dropped + sums.rejected + sums.queued || sums.queued != 0) {
    complain("conservation: " + std::to_string(sums.sent) + " sent, " +
             std::to_string(sums.handled) + " handled, " + std::to_string(sums.dropped) +
             " dropped, " + std::to_string(sums.rejected) + " rejected, " +
             std::to_string(sums.queued) + " queued");
  }
  if (sums.alive != 0) complain("end: " + std::to_string(sums.alive) + " live on");
  in_.reset();
  if (is_planted(defect::kept_descriptor)) static_cast<void>(::dup(0));
  if (sluice::mem::pool().statistics().outstanding_blocks() != blocks_before_) {
    complain("end: blocks of the pool are outstanding");
  }
  if (open_descriptors() != descriptors_before_) complain("end: descriptors are open");
}

}  // namespace simulation
