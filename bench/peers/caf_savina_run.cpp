#include "caf_savina_run.hpp"

#include <algorithm>
#include <atomic>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "peer_program.hpp"

namespace caf_savina {

namespace {

using namespace std::chrono_literals;
using peers::void_run;

// Where actors tell the driver. Of the process: iterations follow one another.
class finish_line {
 public:
  void arm(std::uint64_t parties) noexcept {
    // Relaxed: before the first message of the run.
    missing_.store(static_cast<std::int64_t>(parties), std::memory_order_relaxed);
    const std::lock_guard lock{guard_};
    failure_.clear();
    is_over_ = parties == 0;
  }
  // acq_rel: what each party did is seen by who comes last, and through the mutex by the driver.
  void arrive() noexcept {
    if (missing_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const std::lock_guard lock{guard_};
    ended_at_ = bench_clock::now();
    is_over_ = true;
    changed_.notify_all();
  }
  void fail(std::string why) {
    const std::lock_guard lock{guard_};
    if (failure_.empty()) failure_ = std::move(why);
    changed_.notify_all();
  }
  [[nodiscard]] bool wait_until(bench_clock::time_point deadline) {
    std::unique_lock lock{guard_};
    return changed_.wait_until(lock, deadline, [this] { return is_over_ || !failure_.empty(); });
  }
  // Throws what was failed for, and when more came than are expected.
  [[nodiscard]] bench_clock::time_point ended_at() {
    const std::lock_guard lock{guard_};
    if (!failure_.empty()) throw void_run{failure_};
    // Relaxed: whoever came too often is waited for first.
    if (missing_.load(std::memory_order_relaxed) < 0) throw void_run{"more arrived than there are"};
    return ended_at_;
  }

 private:
  std::atomic<std::int64_t> missing_{0};
  std::mutex guard_;
  std::condition_variable changed_;
  bench_clock::time_point ended_at_{};
  std::string failure_;
  bool is_over_ = false;
};

finish_line line;

// The sum over all threads that have ended, which a system's have when it is gone.
std::mutex sum_guard;
tally sum_of_threads;

class thread_tally {
 public:
  ~thread_tally() { flush(); }

  void flush() noexcept {
    const std::lock_guard lock{sum_guard};
    sum_of_threads.sent += own.sent;
    sum_of_threads.handled += own.handled;
    sum_of_threads.made += own.made;
    sum_of_threads.ended += own.ended;
    sum_of_threads.freed += own.freed;
    own = {};
  }

  tally own{};
};

thread_local thread_tally of_this_thread;

// Takes what the driver's own thread has done, and what those that have ended have.
tally take_sums() {
  of_this_thread.flush();
  const std::lock_guard lock{sum_guard};
  return std::exchange(sum_of_threads, {});
}

double ms_between(bench_clock::time_point begin, bench_clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

std::uint64_t value_at(const program::parameter& one, size wanted) noexcept {
  switch (wanted) {
    case size::normal: return one.normal;
    case size::small: return one.small;
    case size::tiny: return one.tiny;
  }
  return one.normal;
}

bool is_near(double got, double wanted, tolerance off) noexcept {
  const double difference = std::abs(got - wanted);
  return difference <= off.absolute || difference <= off.relative * std::abs(wanted);
}

std::vector<double> numbers_in(std::string_view text) {
  std::vector<double> all;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    double value = NAN;
    std::from_chars(one.data(), one.data() + one.size(), value);
    all.push_back(value);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return all;
}

// Threads made while this lives run on the first cores only; the driver does not, as beside ours.
class pinned_birth {
 public:
  explicit pinned_birth(const settings& given) {
    if (!given.is_pinned) return;
    before_ = peers::first_cores(UINT32_MAX);
    peers::stay_on(peers::first_cores(given.threads));
  }
  ~pinned_birth() {
    if (!before_.empty()) peers::stay_on(before_);
  }
  pinned_birth(const pinned_birth&) = delete;
  pinned_birth& operator=(const pinned_birth&) = delete;

 private:
  std::vector<int> before_;
};

}  // namespace

void arrive() noexcept { line.arrive(); }
void fail(std::string why) { line.fail(std::move(why)); }

tally& tally_of_this_thread() noexcept { return of_this_thread.own; }

void counting_actor::on_exit() {
  tally& all = tally_of_this_thread();
  all.sent += sent_;
  all.handled += handled_;
  ++all.ended;
  forget();
}

// CAF's own set of options is made before the clock starts.
iteration::iteration(const program& what, const settings& given)
    : given_(given), parameters_(given.parameters) {
  for (const auto& each : what.parameters) {
    if (!each.name.empty())
      parameters_.try_emplace(std::string{each.name}, value_at(each, given.size));
  }
  published_ = sluice::bench::find_published(what.name, parameters_);
  sluice::bench::planted.begin_iteration();
  line.arm(1);
  static_cast<void>(take_sums());
  config_.set("scheduler.max-threads", static_cast<std::size_t>(given.threads));
  if (given.scheduler.value_or(what.scheduler) == scheduler::sharing) {
    config_.set("scheduler.policy", caf::atom("sharing"));
  }
  begin_ = bench_clock::now();
  start_system();
}

void iteration::start_system() {
  const pinned_birth pinned{given_};
  system_.emplace(config_);
  if (system_->scheduler().num_workers() != given_.threads) {
    throw void_run{"CAF did not take the number of threads"};
  }
  living_before_ = system_->registry().running();
}

std::uint64_t iteration::parameter(std::string_view name) const {
  const auto found = parameters_.find(name);
  if (found == parameters_.end()) {
    throw void_run{"the program has no parameter " + std::string{name}};
  }
  return found->second;
}

void iteration::expect_arrivals(std::uint64_t parties) noexcept { line.arm(parties); }

void iteration::begin_inner() noexcept {
  if (inner_begin_ == bench_clock::time_point{}) inner_begin_ = bench_clock::now();
}

void iteration::await_arrivals() {
  if (!line.wait_until(bench_clock::now() + given_.patience)) throw void_run{"not done in time"};
  inner_ms_ = ms_between(inner_begin_, line.ended_at());
}

// CAF's own wait has no end. Who is still ending when the last has arrived takes microseconds.
void iteration::await_ends() {
  const auto deadline = bench_clock::now() + given_.patience;
  while (system_->registry().running() != living_before_) {
    if (bench_clock::now() > deadline) throw void_run{"not all actors end"};
    std::this_thread::sleep_for(20us);
  }
}

void iteration::wait() {
  await_arrivals();
  await_ends();
  shared_.clear();
  system_.reset();
  total_ms_ = ms_between(begin_, bench_clock::now());
  static_cast<void>(line.ended_at());  // Throws what came late.
  sums_ = take_sums();
  check_that(sums_.ended == sums_.made && sums_.freed == sums_.made, "every actor ends, is freed");
}

const std::string_view* iteration::published(std::string_view key) {
  if (published_ == nullptr) return nullptr;
  for (const auto& each : published_->values) {
    if (each.key != key) continue;
    looked_at_.insert(each.key);
    return &each.text;
  }
  throw void_run{"nothing is published as " + std::string{key}};
}

bool iteration::is_published(std::string_view key) const noexcept {
  return published_ != nullptr && std::ranges::any_of(published_->values, [key](const auto& each) {
           return each.key == key;
         });
}

void iteration::refuse(std::string_view key, const std::string& got, std::string_view wanted) {
  throw void_run{std::string{key} + " is " + got + ", published is " + std::string{wanted}};
}

void iteration::check_text(std::string_view key, const std::string& got) {
  const std::string_view* const wanted = published(key);
  if (wanted != nullptr && *wanted != got) refuse(key, got, *wanted);
}

void iteration::check(std::string_view key, double got, tolerance off) {
  check(key, std::span<const double>{&got, 1}, off);
}

void iteration::check(std::string_view key, std::span<const std::uint64_t> got) {
  std::string text;
  for (const std::uint64_t each : got) {
    if (!text.empty()) text += ',';
    text += std::to_string(each);
  }
  check_text(key, text);
}

void iteration::check(std::string_view key, std::span<const double> got, tolerance off) {
  const std::string_view* const wanted = published(key);
  if (wanted == nullptr) return;
  const std::vector<double> all = numbers_in(*wanted);
  bool is_good = all.size() == got.size();
  std::string text;
  for (std::size_t i = 0; i < got.size(); ++i) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%s%.17g", i == 0 ? "" : ",", got[i]);
    text += digits;
    is_good = is_good && is_near(got[i], all[i], off);
  }
  if (!is_good) refuse(key, text, *wanted);
}

void iteration::check_that(bool holds, const std::string& promise) const {
  if (holds) return;
  throw void_run{promise + ": no (sent " + std::to_string(sums_.sent) + ", handled " +
                 std::to_string(sums_.handled) + ", made " + std::to_string(sums_.made) +
                 ", ended " + std::to_string(sums_.ended) + ", freed " +
                 std::to_string(sums_.freed) + ")"};
}

void iteration::check_messages(std::uint64_t sent, std::optional<std::uint64_t> lost) const {
  check_that(sums_.sent == sent, "exactly " + std::to_string(sent) + " messages are sent");
  if (lost) {
    check_that(sums_.sent - sums_.handled == *lost,
               "exactly " + std::to_string(*lost) + " messages come too late");
  }
}

void iteration::finish() const {
  if (published_ == nullptr) return;
  for (const auto& each : published_->values) {
    if (!looked_at_.contains(each.key)) {
      throw void_run{"nobody looked at the published " + std::string{each.key}};
    }
  }
}

outcome iteration::result() const {
  return {total_ms_, inner_ms_, sums_.sent,
          published_ == nullptr ? std::string_view{} : published_->name, notes_};
}

outcome run_once(const program& what, const settings& given) {
  iteration it{what, given};
  try {
    what.run(it);
    it.finish();
    return it.result();
  } catch (const std::exception& why) {
    std::fprintf(stderr, "caf-savina: %s with %u threads: %s\n", std::string{what.name}.c_str(),
                 given.threads, why.what());
    std::_Exit(1);
  }
}

}  // namespace caf_savina
