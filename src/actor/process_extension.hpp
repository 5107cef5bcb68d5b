// process_extension: what few processes need beside their slots (slot_extension.hpp).
//
// A process that waits needs the first alone, a block of 64 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "actor/attachments.hpp"
#include "actor/handler_states.hpp"
#include "actor/log_settings.hpp"
#include "actor/message_stash.hpp"
#include "actor/meta_state.hpp"
#include "actor/process_books.hpp"
#include "actor/receiving.hpp"
#include "actor/slot_extension.hpp"
#include "actor/suspension.hpp"

namespace sluice::inline v0::core {

class kept_mail;

/// Owner only, as all of this.
struct seldom_used {
  std::unique_ptr<attachments> attached;    ///< events and groups; null until there are some
  std::unique_ptr<log_settings> logging;    ///< null until something is set
  std::unique_ptr<handler_states> states;   ///< null until it has become one
  std::unique_ptr<message_stash> stash;     ///< null until something is put aside
  std::unique_ptr<receive_marks> receives;  ///< null until a handler receives
  std::shared_ptr<kept_mail> heir;          ///< takes what is unread at the end; null = nobody
  std::vector<std::uint32_t> aliases;       ///< their slots
  std::shared_ptr<process_books> books;     ///< null until somebody inspects it
};

struct process_extension : slot_extension {
  suspension waiting;
  std::unique_ptr<seldom_used> seldom;

  // From the block pool.
  static void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept;
  static void operator delete(void* memory, std::size_t bytes) noexcept;
};
static_assert(sizeof(process_extension) <= 64, "one block of the smallest class");

/// What the tenant has beside its slot, or null.
[[nodiscard]] inline slot_extension* extension_of(const slot& self) noexcept {
  if (is_meta(self)) return self.meta;
  return self.extension;
}
/// Null when memory is out.
[[nodiscard]] process_extension* extension_or_made(slot& process) noexcept;
[[nodiscard]] seldom_used* seldom_or_made(slot& process) noexcept;
/// Also of a meta, which always has one.
[[nodiscard]] slot_extension* any_extension_or_made(slot& self) noexcept;
/// Throw std::bad_alloc when memory is out.
[[nodiscard]] process_extension& make_extension(slot& process);
[[nodiscard]] seldom_used& make_seldom(slot& process);
/// Null: nothing of it was ever needed, or it is a meta.
[[nodiscard]] inline seldom_used* seldom_or_null(const slot& self) noexcept {
  return is_meta(self) || self.extension == nullptr ? nullptr : self.extension->seldom.get();
}

}  // namespace sluice::inline v0::core
