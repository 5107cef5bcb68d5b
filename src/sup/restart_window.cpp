#include "sup/restart_window.hpp"

namespace sluice::inline v0::sup {

bool restart_window::admit(base::nanoseconds_t now_ns) {
  if (limit_.restarts_max == restart_limit::unlimited) return true;
  while (!restarts_ns_.empty() && now_ns - restarts_ns_.front() >= limit_.period.count()) {
    restarts_ns_.pop_front();
  }
  if (restarts_ns_.size() >= limit_.restarts_max) return false;
  restarts_ns_.push_back(now_ns);
  return true;
}

}  // namespace sluice::inline v0::sup
