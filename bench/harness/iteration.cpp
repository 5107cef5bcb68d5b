#include "iteration.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace sluice::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto stop_patience = 60s;

// Where actors tell the driver. Of the process: iterations follow one another.
class finish {
  static constexpr const char* too_many = "more arrived than there are";

 public:
  // Of a new iteration.
  void arm() noexcept {
    const std::lock_guard lock{guard_};
    failure_.clear();
    missing_.store(1, std::memory_order_relaxed);
    is_over_ = false;
  }
  void expect(std::uint64_t parties) {
    const std::lock_guard lock{guard_};
    const auto left =
        missing_.exchange(static_cast<std::int64_t>(parties), std::memory_order_relaxed);
    if (left < 0 && failure_.empty()) failure_ = too_many;
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
  bench_clock::time_point ended_at() {
    const std::lock_guard lock{guard_};
    if (!failure_.empty()) throw void_run{failure_};
    if (missing_.load(std::memory_order_relaxed) < 0) throw void_run{too_many};
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

finish line;
std::atomic<std::uint32_t> hidden_works{0};  // Relaxed: a hint for who looks now and then.

void look(stall_watch& watch) {
  if (hidden_works.load(std::memory_order_relaxed) == 0) watch.look();
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

}  // namespace

void arrive() noexcept { line.arrive(); }
void fail(std::string why) { line.fail(std::move(why)); }

hidden_work::hidden_work() noexcept { hidden_works.fetch_add(1, std::memory_order_relaxed); }
hidden_work::~hidden_work() { hidden_works.fetch_sub(1, std::memory_order_relaxed); }

iteration::iteration(const program& what, const settings& given)
    : what_(what), given_(given), begin_(bench_clock::now()), parameters_(given.parameters) {
  for (const auto& each : what.parameters) {
    if (!each.name.empty())
      parameters_.try_emplace(std::string{each.name}, value_at(each, given.size));
  }
  published_ = find_published(what.name, parameters_);
  planted.begin_iteration();
  line.arm();
  sluice::node_options options;
  options.schedulers = given.threads;
  options.io = false;
  options.pin = given.pin;
  // Late messages are part of some protocols; counts tell of them, lines would be timed.
  options.log = [](sluice::log_severity, std::string_view) {};
  node_.emplace(std::string{what.name}, options);
  if (auto started = node_->start(); !started) {
    throw void_run{"the node does not start: " + started.error().message()};
  }
}

iteration::~iteration() { node_.reset(); }  // Before what its actors point to.

std::uint64_t iteration::parameter(std::string_view name) const {
  const auto found = parameters_.find(name);
  if (found == parameters_.end()) {
    throw void_run{"the program has no parameter " + std::string{name}};
  }
  return found->second;
}

void iteration::expect_arrivals(std::uint64_t parties) { line.expect(parties); }

void iteration::begin_inner() noexcept {
  if (inner_begin_ == bench_clock::time_point{}) inner_begin_ = bench_clock::now();
}

void iteration::wait_for_arrivals() {
  const auto deadline = bench_clock::now() + given_.patience;
  stall_watch watch{*node_};
  while (!line.wait_until(bench_clock::now() + watch.interval)) {
    look(watch);
    if (bench_clock::now() > deadline) {
      throw void_run{"not done in time" + describe(node_->messages())};
    }
  }
  const bench_clock::time_point end = line.ended_at();
  const bench_clock::time_point begin = std::exchange(inner_begin_, {});
  if (begin != bench_clock::time_point{}) inner_ms_ = ms_between(begin, end);
}

void iteration::settle() {
  wait_until([](const message_statistics& sums) { return sums.queued == 0; });
}

template <class Condition>
void iteration::wait_until(Condition is_met) {
  const auto deadline = bench_clock::now() + given_.patience;
  stall_watch watch{*node_};
  auto look_at = bench_clock::now() + watch.interval;
  for (auto sums = node_->messages(); !is_met(sums); sums = node_->messages()) {
    std::this_thread::sleep_for(20us);
    if (bench_clock::now() < look_at) continue;
    look(watch);
    look_at = bench_clock::now() + watch.interval;
    if (look_at > deadline) throw void_run{"not done in time" + describe(sums)};
  }
}

// Who is still ending when the last has arrived takes microseconds to end.
void iteration::wait() {
  wait_for_arrivals();
  wait_until([](const message_statistics& sums) { return sums.alive == 0 && sums.queued == 0; });
  sums_ = node_->messages();  // Now: the stop sends too.
  const sluice::stop_report report = node_->stop(stop_patience);
  total_ms_ = ms_between(begin_, bench_clock::now());
  static_cast<void>(line.ended_at());  // Throws what came late.
  check_that(report.is_clean(), "the node stops in time");
  for (const auto& each : node_->behaviours()) spawned_ += each.spawned;
  const sluice::message_statistics last = node_->messages();
  check_that(is_conserved(last) && last.queued == 0 && last.alive == 0,
             "messages are conserved, nothing is queued and nobody is alive after the stop");
  check_that(sums_.unhandled == 0 && sums_.cancelled == 0, "each message has a handler");
}

const std::string_view* iteration::published(std::string_view key) {
  if (published_ == nullptr) return nullptr;
  for (const published_value& each : published_->values) {
    if (each.key != key) continue;
    looked_at_.insert(each.key);
    return &each.text;
  }
  throw void_run{"nothing is published as " + std::string{key}};
}

bool iteration::is_published(std::string_view key) const noexcept {
  return published_ != nullptr &&
         std::ranges::find(published_->values, key, &published_value::key) !=
             published_->values.end();
}

void iteration::refuse(std::string_view key, const std::string& got,
                       std::string_view wanted) const {
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
  if (!holds) throw void_run{promise + ": no" + describe(sums_)};
}

void iteration::check_messages(std::uint64_t sent, std::optional<std::uint64_t> lost) const {
  check_that(sums_.sent == sent, "exactly " + std::to_string(sent) + " messages are sent");
  if (lost) {
    check_that(sums_.rejected + sums_.dropped == *lost,
               "exactly " + std::to_string(*lost) + " messages come too late");
  }
}

void iteration::finish() const {
  if (published_ == nullptr) return;
  for (const published_value& each : published_->values) {
    if (!looked_at_.contains(each.key)) {
      throw void_run{"nobody looked at the published " + std::string{each.key}};
    }
  }
}

}  // namespace sluice::bench
