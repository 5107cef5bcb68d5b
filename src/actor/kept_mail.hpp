// kept_mail: what a process has not read when it ends, on its way to the one that follows it.
//
// Who: the owner of the one that ends fills it, the owner of its successor (or whoever lets go of
// it) empties it; their order is that of the end and of what tells of it. Rules:
//   KM1 Messages of users in the main and log lanes are kept, in their order; what the runtime
//       says, answers, and stale mail are about the one that ended and go with it.
//   KM2 A kept message is still queued: it is handled by the successor, or buried here.
//   KM3 What waits in a successor that does not start stays here.
#pragma once

#include <memory>

#include <sluice/message.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

class kept_mail {
 public:
  explicit kept_mail(node_core& of) noexcept : node_(of) {}
  kept_mail(const kept_mail&) = delete;
  kept_mail& operator=(const kept_mail&) = delete;
  ~kept_mail();

  /// Whether `left`, which holds no credit any more and was meant for who ended, is kept.
  [[nodiscard]] bool take(envelope& left) noexcept;
  /// Owner of a tenant that has just begun: puts all in front of its mailbox.
  void give_to(slot& successor) noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return mail_.is_empty(); }

 private:
  node_core& node_;
  lanes mail_;
};

/// Owner: who takes the unread mail of `self` at its end, or null.
[[nodiscard]] kept_mail* heir_of(const slot& self) noexcept;
/// Owner of one that has just begun: it reads what `mail` holds first, and leaves its own there.
void inherit_mail(slot& self, const std::shared_ptr<kept_mail>& mail) noexcept;

}  // namespace sluice::inline v0::core
