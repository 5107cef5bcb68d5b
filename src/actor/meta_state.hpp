// meta_state: what a slot of a meta process has beside a process's.
//
// Flows: a meta has two, its handler and its start(). Each leaves once; who leaves last runs
// terminate, once (PROTOCOLS 6). The handler flow leaves only after closing the mailbox; start on
// return asks for that by an urgent envelope.
//
//   link      child ends            parent sweeps
//   linked    dead (parent frees)   orphan (child frees itself)
//   orphan    freed by the child    -
//   dead      -                     freed by the parent
#pragma once

#include <cstdint>
#include <stop_token>

#include <sluice/exit_reason.hpp>
#include <sluice/log.hpp>
#include <sluice/meta_behaviour.hpp>
#include <sluice/pid.hpp>

#include "actor/slot.hpp"
#include "actor/slot_extension.hpp"
#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

class io_flow;

enum class child_link : std::uint8_t { linked, orphan, dead };

struct meta_state : slot_extension {
  meta_state(slot& place, const meta_behaviour& kind) noexcept
      : self(place), what(kind), generation(place.generation.load(base::relaxed)) {}

  slot& self;
  const meta_behaviour& what;
  const std::uint32_t generation;  ///< of the alias; the slot's own moves on when it dies
  std::uint32_t parent_slot = slot::no_slot;
  std::uint32_t parent_generation = 0;
  std::uint32_t next_sibling = slot::no_slot;  // set before the push, then by the parent's owner
  bool parent_is_meta = false;
  priority send_priority = priority::main;
  log_severity log_level = log_severity::debug;
  base::atomic<std::uint8_t> flows{2};
  base::atomic<child_link> link{child_link::linked};

  // Handler flow only, until it left.
  bool has_begun = false;
  bool is_stopping = false;
  std::uint64_t messages_in = 0;  // handled
  exit_reason reason{};

  base::atomic<std::uint64_t> messages_out{0};  // both flows of a blocking meta, else the owner
  base::nanoseconds_t spawned_ns = base::now_ns();
  sched::worker* home = nullptr;  ///< I/O metas: the worker whose ring they live on

  std::stop_source stop{std::nostopstate};  ///< blocking metas: from before their thread is made
  io_flow* flow = nullptr;  ///< I/O metas whose start is a coroutine, while it lives
};
static_assert(sizeof(meta_state) <= 160, "each connection has one");

}  // namespace sluice::inline v0::core
