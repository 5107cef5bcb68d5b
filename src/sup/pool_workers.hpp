// pool_workers: who of a pool gets the next message.
//
// Who: the pool's process. The keeper starts, restarts and stops the workers; here are those that
// take mail: from their start to their end, or until they are asked to end.
#pragma once

#include <cstdint>
#include <vector>

#include <sluice/pool.hpp>

#include "actor/slot.hpp"
#include "sup/child_keeper.hpp"

namespace sluice::inline v0::core {

class pool_workers final : private child_listener {
 public:
  pool_workers(const pool_options& options, child_spec worker);

  [[nodiscard]] result<void> begin(slot& self);
  [[nodiscard]] result<void> resize(std::uint32_t count);
  void hand_on(slot& self, envelope& seen) noexcept;
  [[nodiscard]] child_keeper& keeper() noexcept { return keeper_; }
  [[nodiscard]] const child_keeper& keeper() const noexcept { return keeper_; }

 private:
  struct target {
    pid who;
    sup::child_key key;
    slot* place;  // type-stable; another's once the worker has ended
  };

  void on_child_up(sup::child_key key, pid who) override;
  void on_child_down(sup::child_key key) override;
  [[nodiscard]] pid choose() noexcept;
  [[nodiscard]] pid choose_next() noexcept;
  [[nodiscard]] pid choose_least() noexcept;

  pool_options options_;
  child_spec worker_;
  child_keeper keeper_;
  std::vector<target> targets_;
  std::size_t next_ = 0;
  slot* self_ = nullptr;
};

}  // namespace sluice::inline v0::core
