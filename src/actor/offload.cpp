#include "actor/offload.hpp"

#include "actor/caller.hpp"
#include "actor/offload_pool.hpp"
#include "actor/requests.hpp"
#include "actor/suspension.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

bool begin_offload(wait& what, process_promise_base& awaiter, offloaded* job) noexcept {
  offload_done owned{job};  // Until it is submitted.
  if (job == nullptr) {
    what.settle(what, nullptr, {error_code::out_of_memory, 0, "offload"});
    return false;
  }
  slot& self = *what.process;
  caller from{self};
  execution& by = from.by();
  what.id = new_ref(by);
  job->node = by.node.way_in;
  job->node_id = by.node.id;
  job->slot = self.index;
  job->generation = own_generation(self);
  job->id = what.id;
  if (!begin_wait(what, awaiter)) return false;
  by.flush_chain();  // X2: the function may be seen before this handler's sends else.
  const error refused = by.node.helpers.submit(job);
  if (refused.code == error_code::none) {
    owned.release();
    return true;
  }
  end_wait(self);
  what.settle(what, nullptr, refused);
  return false;
}

void take_offloaded(slot& self, envelope& carried) {
  auto& done = payload_of<offload_done>(carried);
  static_cast<void>(settle_wait(self, done.job().id, &done));
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
