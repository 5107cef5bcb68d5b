#include "plant.hpp"

namespace savina {

constinit plant planted;

void plant::arm(defect kind, std::uint64_t at) noexcept {
  kind_ = kind;
  at_ = at;
}

}  // namespace savina
