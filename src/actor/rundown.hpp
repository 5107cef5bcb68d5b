// rundown: how threads that a node does not own may call it, and how its end waits for them.
//
// A gate stands for one node and outlives it: gates are never unmapped, only used again with
// another node id. A cell stands for one thread. To enter, a thread writes the gate into its cell
// and then looks whether the gate is still open; to close, the node shuts the gate and then waits
// for every cell that names it. Cells and gates are the only things in the library with
// process-wide life. Progress: enter and leave are wait-free; close waits for those inside.
// Rules (PROTOCOLS 8): D1 enter: exchange (seq_cst), then load (seq_cst). D2 close: store
// (seq_cst), then read the cells (seq_cst). One of the two sees the other.
#pragma once

#include <cstdint>

#include "actor/execution.hpp"
#include "base/atomic.hpp"

namespace sluice::inline v0::core {

struct node_core;

class gate {
 public:
  /// A closed gate, new or used before.
  [[nodiscard]] static gate& acquire();

  /// Opens it for `core`, whose id is unique in the program.
  void open(node_core& core) noexcept;
  /// Nobody is inside when this returns, and nobody comes in.
  void close() noexcept;
  /// Whether the calling thread is inside, so that it would wait for itself in close().
  [[nodiscard]] bool holds_this_thread() const noexcept;
  /// For the next node; closed and unused by then.
  void give_back() noexcept;

  [[nodiscard]] static std::uint32_t next_node_id() noexcept;

 private:
  friend class foreign_access;

  base::atomic<std::uint32_t> open_id_{0};
  node_core* core_ = nullptr;
  gate* next_free_ = nullptr;
};

/// Inside a node's API on a thread that the node does not own, for the life of the object. Nests.
class foreign_access {
 public:
  static constexpr unsigned depth_max = 8;

  /// `node_id` 0 = whatever node the gate stands for.
  foreign_access(gate& through, std::uint32_t node_id) noexcept;
  foreign_access(const foreign_access&) = delete;
  foreign_access& operator=(const foreign_access&) = delete;
  ~foreign_access();

  /// False: the node stops, has stopped, or is gone, or there is no memory for this thread's part
  /// in it (its first use of the node).
  explicit operator bool() const noexcept { return by_ != nullptr; }
  [[nodiscard]] execution& by() noexcept { return *by_; }

 private:
  void enter(gate& through, std::uint32_t node_id);

  execution* by_ = nullptr;
  bool has_place_ = false;
};

}  // namespace sluice::inline v0::core
