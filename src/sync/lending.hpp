// Whether what one thread owns is now and then taken from by others.
#pragma once

namespace sluice::inline v0::sync {

enum class lending : bool { never, sometimes };

}  // namespace sluice::inline v0::sync
