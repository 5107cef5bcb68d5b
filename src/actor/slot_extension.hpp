// slot_extension: what processes and metas alike have beside the two lines of a slot.
//
//   slot ── process_extension ── seldom_used     each made when its process first needs it
//        └─ meta_state                           from the spawn on
#pragma once

#include <memory>

#include "actor/environment.hpp"
#include "actor/relations.hpp"
#include "actor/requests.hpp"

namespace sluice::inline v0::core {

/// Owner only, but for what the request book says of blocking metas.
struct slot_extension {
  std::unique_ptr<request_book> requests;  ///< null until there is one
  shared_environment env;                  ///< null = the node's; from the spawn on
  std::unique_ptr<relations> related;      ///< null until there is one
};

}  // namespace sluice::inline v0::core
