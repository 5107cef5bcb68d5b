#include "io/driver_choice.hpp"

#include <string>
#include <utility>

#include "io/epoll_driver.hpp"
#include "io/simulated_driver.hpp"

namespace sluice::inline v0::io {
namespace {

[[nodiscard]] result<chosen_driver> create_epoll(const driver_plan& plan, std::string refusal) {
  auto made = epoll_driver::create({plan.options.common, std::move(refusal)});
  if (!made) return made.error();
  return chosen_driver{std::move(*made), driver_kind::epoll};
}

[[nodiscard]] result<chosen_driver> create_simulated(const driver_plan& plan) {
  if (plan.simulated == nullptr) {
    return error{error_code::bad_argument, 0, "driver: a simulated one needs a simulation"};
  }
  auto made = simulated_driver::create(*plan.simulated, plan.options.common);
  if (!made) return made.error();
  return chosen_driver{std::move(*made), driver_kind::simulated};
}

}  // namespace

result<chosen_driver> create_driver(const driver_plan& plan) {
  if (plan.kind == driver_kind::epoll) return create_epoll(plan, {});
  if (plan.kind == driver_kind::simulated) return create_simulated(plan);
  auto made = uring_driver::create(plan.options);
  if (made) return chosen_driver{std::move(*made), driver_kind::io_uring};
  const bool is_refused = made.error().code == error_code::io_unavailable;
  if (plan.kind == driver_kind::automatic && is_refused) {
    return create_epoll(plan, refusal_of(made.error()));
  }
  return made.error();
}

}  // namespace sluice::inline v0::io
