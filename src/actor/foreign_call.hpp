// foreign_call: a thread that is no part of a node waits for the answer to a request.
//
//   word        answered        gave up
//   waiting     answered, wake  (the answer will come in vain)
//   answered    -               -
//
// Two owners, the waiting thread and the reply_to; who lets go last frees it. It is the host's
// memory and needs no node: an answer after the node's end still finds it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sluice/foreign_wait.hpp>
#include <sluice/request.hpp>

#include "base/atomic.hpp"

namespace sluice::inline v0::core {

struct foreign_call {
  base::atomic<std::uint32_t> is_answered{0};  // a futex
  base::atomic<std::uint32_t> owners{2};
  void (*destroy)(void*) noexcept = nullptr;
  alignas(std::max_align_t) std::byte place[1];  // the completion; as long as it needs
};

/// Who has the reply_to; any thread.
send_outcome answer_waiting(foreign_call& waiting, ref id, const answer_builder& build,
                            void* answer) noexcept;

}  // namespace sluice::inline v0::core
