#include "plant.hpp"

namespace sluice::bench {

constinit plant planted;

void plant::arm(defect kind, std::uint64_t at) noexcept {
  kind_ = kind;
  at_ = at;
}

}  // namespace sluice::bench
