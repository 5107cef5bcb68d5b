#include "sup/restart_window.hpp"

#include <algorithm>

namespace sluice::inline v0::sup {

bool restart_window::admit(base::nanoseconds_t now_ns) {
  if (limit_.restarts_max == restart_limit::unlimited) return true;
  const auto is_within = [&](base::nanoseconds_t each) {
    return now_ns - each < limit_.period.count();
  };
  restarts_ns_.erase(restarts_ns_.begin(), std::ranges::find_if(restarts_ns_, is_within));
  if (restarts_ns_.size() >= limit_.restarts_max) return false;
  restarts_ns_.push_back(now_ns);
  return true;
}

}  // namespace sluice::inline v0::sup
