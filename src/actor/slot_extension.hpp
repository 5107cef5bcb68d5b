// slot_extension: what processes and metas alike have beside the two lines of a slot.
//
//   slot ── process_extension ── seldom_used     each made when its process first needs it
//        └─ meta_state                           from the spawn on
#pragma once

#include <memory>

#include "actor/environment.hpp"
#include "actor/handler_states.hpp"
#include "actor/log_settings.hpp"
#include "actor/message_stash.hpp"
#include "actor/process_books.hpp"
#include "actor/receiving.hpp"
#include "actor/relations.hpp"
#include "actor/requests.hpp"

namespace sluice::inline v0::core {

/// Owner only, but for what the request book says of blocking metas.
struct slot_extension {
  std::unique_ptr<request_book> requests;  ///< null until there is one
  shared_environment env;                  ///< null = the node's; from the spawn on
  std::unique_ptr<relations> related;      ///< null until there is one
};

class kept_mail;

/// Of a process, made when it is first needed.
struct process_extension : slot_extension {
  std::unique_ptr<attachments> attached;   ///< events and groups; null until there are some
  std::unique_ptr<log_settings> logging;   ///< null until something is set
  std::unique_ptr<handler_states> states;  ///< null until it has become one
  std::unique_ptr<message_stash> stash;    ///< null until something is put aside
  suspension waiting;
  std::unique_ptr<receive_marks> receives;  ///< null until a handler receives
  std::shared_ptr<kept_mail> heir;          ///< takes what is unread at the end; null = nobody
  std::vector<std::uint32_t> aliases;       ///< their slots
  std::shared_ptr<process_books> books;     ///< null until somebody inspects it
};

}  // namespace sluice::inline v0::core
