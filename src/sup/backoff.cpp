#include "sup/backoff.hpp"

#include <algorithm>

namespace sluice::inline v0::sup {

base::nanoseconds_t backoff::next_wait_ns(base::nanoseconds_t ran_ns, double chance) noexcept {
  if (options_.first.count() <= 0) return 0;
  const auto max_ns = static_cast<double>(options_.max.count());
  if (static_cast<double>(ran_ns) >= max_ns) wait_ns_ = 0;
  wait_ns_ = wait_ns_ == 0 ? static_cast<double>(options_.first.count())
                           : wait_ns_ * std::max(1.0, options_.factor);
  wait_ns_ = std::min(wait_ns_, max_ns);
  const double jitter = std::clamp(options_.jitter, 0.0, 1.0);
  return static_cast<base::nanoseconds_t>(wait_ns_ * (1 + jitter * (2 * chance - 1)));
}

}  // namespace sluice::inline v0::sup
