#include "measurement.hpp"

#include <cmath>
#include <cstdio>
#include <map>

#include "cpu_time.hpp"

namespace sluice::bench {
namespace {

double us(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000.0; }

}  // namespace

void measurement::start(std::uint64_t now) {
  from_ = now + warmup_ns_;
  to_ = from_ + window_ns_;
}

void measurement::advance(std::uint64_t now) {
  if (!is_open_ && now >= from_) {
    is_open_ = true;
    watched_cpu_ns_ = watch_pid_ != 0 ? cpu_ns_of(watch_pid_) : 0;
    own_cpu_ns_ = own_cpu_ns();
  }
  if (is_open_ && !is_closed_ && now >= to_) {
    is_closed_ = true;
    if (watch_pid_ != 0) watched_cpu_ns_ = cpu_ns_of(watch_pid_) - watched_cpu_ns_;
    own_cpu_ns_ = own_cpu_ns() - own_cpu_ns_;
  }
}

void measurement::end(std::uint64_t now) {
  if (is_closed_) return;
  to_ = now > from_ ? now : from_ + 1;
  advance(to_);
}

void measurement::print_percentiles() const {
  const auto p = [this](double share) { return us(latency_.percentile(share)); };
  std::printf("p50 %.1f p90 %.1f p99 %.1f p99.9 %.1f max %.1f us", p(0.5), p(0.9), p(0.99),
              p(0.999), us(latency_.max()));
}

void measurement::print_buckets() const {
  constexpr double an_octave = 8;
  std::map<int, std::uint64_t> buckets;
  latency_.for_each([&](std::uint64_t nanoseconds, std::uint64_t count) {
    const auto value = static_cast<double>(nanoseconds < 1 ? 1 : nanoseconds);
    buckets[static_cast<int>(std::ceil(std::log2(value) * an_octave))] += count;
  });
  for (const auto& [edge, count] : buckets) {
    std::printf("bucket %.3f us %llu\n", std::exp2(edge / an_octave) / 1000.0,
                static_cast<unsigned long long>(count));
  }
}

void measurement::print_figures(std::uint64_t bytes_an_answer, std::uint64_t errors) const {
  const auto p = [this](double share) { return us(latency_.percentile(share)); };
  if (answered_ != 0 && is_closed_) {
    const auto answers = static_cast<double>(answered_);
    const auto own = static_cast<double>(own_cpu_ns_);
    std::printf("load_cpu_ns=%.0f load_cpu_share=%.2f", own / answers, own * 1e-9 / seconds());
    if (watch_pid_ != 0) {
      const auto watched = static_cast<double>(watched_cpu_ns_);
      std::printf(" server_cpu_ns=%.0f server_cpu_share=%.2f", watched / answers,
                  watched * 1e-9 / seconds());
    }
    std::printf("\n");
  }
  std::printf("rate=%.0f MB_s=%.2f p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f errors=%llu\n",
              rate(), rate() * static_cast<double>(bytes_an_answer) * 1e-6, p(0.5), p(0.99),
              p(0.999), us(latency_.max()), static_cast<unsigned long long>(errors));
}

}  // namespace sluice::bench
