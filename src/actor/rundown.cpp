#include "actor/rundown.hpp"

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "actor/node_core.hpp"
#include "base/assert.hpp"
#include "base/out_of_memory.hpp"

namespace sluice::inline v0::core {

namespace {

struct thread_cell {
  // Written by the thread, one place a nesting level; read by closing nodes.
  alignas(base::cache_line_bytes) base::atomic<const gate*> inside[foreign_access::depth_max] = {};
  base::atomic<bool> is_taken{true};
  thread_cell* next = nullptr;
};

// Process-wide and never freed: a lock-free list of cells, and the free gates.
constinit base::atomic<thread_cell*> all_cells{nullptr};
constinit base::atomic<std::uint32_t> last_node_id{0};
constinit std::mutex gates_guard;
constinit gate* free_gates = nullptr;

thread_cell& take_cell() {
  // [RD1] acquire: sees the cells; pairs RD2 (below).
  for (thread_cell* cell = all_cells.load(base::acquire); cell != nullptr; cell = cell->next) {
    bool taken = false;
    // [RD3] acquire: the last thread's use of it; pairs RD4 (thread end).
    if (cell->is_taken.compare_exchange_strong(taken, true, base::acquire, base::relaxed)) {
      return *cell;
    }
  }
  auto* made = new thread_cell;
  thread_cell* first = all_cells.load(base::relaxed);  // Relaxed: the CAS checks it.
  do {
    made->next = first;
    // [RD2] seq_cst: D1, the cell is in the list before its thread looks at a gate; pairs RD1 and,
    // in close, RD11. Ends: a failure means another cell was added.
  } while (!all_cells.compare_exchange_weak(first, made, base::seq_cst, base::relaxed));
  return *made;
}

// What one foreign thread has: its cell, and an execution per node it has talked to.
class foreign_thread {
 public:
  foreign_thread() : cell(take_cell()) {}
  foreign_thread(const foreign_thread&) = delete;
  foreign_thread& operator=(const foreign_thread&) = delete;
  ~foreign_thread() {
    for (auto& each : executions) {
      {
        // Within the gate: a node that is still there folds our counters in.
        const foreign_access access{*each.through, each.node_id};
        if (access) {
          each.by->node.detach(*each.by);
          continue;
        }
      }
      // The gate is closed, so the node's stop() is about to fold them in itself; it waits for
      // our cell, so this must wait outside of the gate.
      while (!is_detached(each)) std::this_thread::yield();
    }
    // [RD4] release: hands the cell on; pairs RD3 (take_cell).
    cell.is_taken.store(false, base::release);
  }

  execution& execution_for(node_core& core, gate& through) {
    for (auto& each : executions) {
      if (each.node_id == core.id) return *each.by;
    }
    std::erase_if(executions, is_detached);  // Those of nodes that are no more.
    executions.reserve(executions.size() + 1);
    auto made = std::make_unique<execution>(core, nullptr, mem::this_thread_cache());
    core.attach(*made);
    executions.push_back({core.id, &through, std::move(made)});
    return *executions.back().by;
  }

  struct per_node {
    std::uint32_t node_id;
    gate* through;
    std::unique_ptr<execution> by;
  };
  static bool is_detached(const per_node& each) noexcept {
    // [NC4] acquire: the node's last use of it; pairs NC3 (detach_foreign).
    return each.by->is_detached.load(base::acquire);
  }
  thread_cell& cell;
  unsigned depth = 0;  ///< nodes this thread is inside of: one node's API may lead into another's
  std::vector<per_node> executions;
};

// By a key of the thread library, not by a thread_local object: its end comes after those of all
// thread_locals, whose destructors may still call a node, and the main thread's never comes.
constinit thread_local foreign_thread* own_thread = nullptr;

void end_thread(void* ended) {
  delete static_cast<foreign_thread*>(ended);
  own_thread = nullptr;
}

foreign_thread& this_foreign_thread() {
  static const pthread_key_t key = [] {
    pthread_key_t made{};
    SLUICE_ASSERT(::pthread_key_create(&made, &end_thread) == 0, "no thread keys are left");
    return made;
  }();
  if (own_thread == nullptr) {
    own_thread = new foreign_thread;
    ::pthread_setspecific(key, own_thread);
  }
  return *own_thread;
}

}  // namespace

gate& gate::acquire() {
  const std::lock_guard lock{gates_guard};
  if (free_gates == nullptr) return *new gate;
  gate* const found = free_gates;
  free_gates = found->next_free_;
  return *found;
}

void gate::give_back() noexcept {
  const std::lock_guard lock{gates_guard};
  next_free_ = free_gates;
  free_gates = this;
}

std::uint32_t gate::next_node_id() noexcept {
  // Relaxed: only uniqueness matters.
  return last_node_id.fetch_add(1, base::relaxed) + 1;
}

void gate::open(node_core& core) noexcept {
  core_ = &core;
  // [RD5] seq_cst: core_ before; pairs RD6 (enter).
  open_id_.store(core.id, base::seq_cst);
}

void gate::close() noexcept {
  // [RD7] seq_cst: D2, before reading the cells; pairs RD6 (enter).
  open_id_.store(0, base::seq_cst);
  // [RD11] seq_cst: D2, after the gate is shut. Whose cell is not in this list will find it shut;
  // pairs RD2 (take_cell).
  for (thread_cell* cell = all_cells.load(base::seq_cst); cell != nullptr; cell = cell->next) {
    for (auto& place : cell->inside) {
      // [RD8] seq_cst: D2; pairs RD9 (enter), RD10 (leave).
      while (place.load(base::seq_cst) == this) std::this_thread::yield();
    }
  }
}

bool gate::holds_this_thread() const noexcept {
  if (own_thread == nullptr) return false;
  const auto* const places = own_thread->cell.inside;
  return std::any_of(places, places + own_thread->depth, [this](const auto& place) {
    return place.load(base::relaxed) == this;  // Relaxed: this thread's own.
  });
}

foreign_access::foreign_access(gate& through, std::uint32_t node_id) noexcept {
  static_cast<void>(base::has_memory_for([&] { enter(through, node_id); }));
}

void foreign_access::enter(gate& through, std::uint32_t node_id) {
  foreign_thread& own = this_foreign_thread();
  // Relaxed: this thread's own. Deeper into the same node needs no second place.
  const bool is_nested =
      own.depth != 0 && own.cell.inside[own.depth - 1].load(base::relaxed) == &through;
  if (!is_nested) {
    SLUICE_ASSERT(own.depth < depth_max, "a thread is inside too many nodes at once");
    // [RD9] seq_cst: D1, before looking at the gate; pairs RD8 (close).
    own.cell.inside[own.depth++].exchange(&through, base::seq_cst);
    has_place_ = true;
  }
  // [RD6] seq_cst: D1; pairs RD5 (open), RD7 (close).
  const std::uint32_t open_id = through.open_id_.load(base::seq_cst);
  if (open_id == 0 || (node_id != 0 && open_id != node_id)) return;
  execution* const current = current_execution();
  if (current != nullptr && &current->node == through.core_) {
    by_ = current;
  } else {
    if (current != nullptr) current->flush_chain();  // X2: another node is about to observe us.
    by_ = &own.execution_for(*through.core_, through);
  }
}

foreign_access::~foreign_access() {
  if (!has_place_) return;
  foreign_thread& own = this_foreign_thread();
  // [RD10] release: everything done inside; pairs RD8 (close).
  own.cell.inside[--own.depth].store(nullptr, base::release);
}

}  // namespace sluice::inline v0::core
