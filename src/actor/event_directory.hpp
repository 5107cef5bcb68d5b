// event_directory: the events of a node by name, and what their publishers share.
//
// Records are type-stable: a publisher with an old token may still count in one that is another
// event's by now; its message finds nobody and it takes its count back.
//   ED1 The list of free records has room for all that there are: giving one back needs no memory.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include <sluice/message.hpp>

#include "actor/name_registry.hpp"
#include "base/atomic.hpp"

namespace sluice::inline v0::core {

struct event_record {
  base::atomic<const message_type*> type{nullptr};  // of the values; written by the registrar
  base::atomic<bool> is_open{false};                // likewise
  base::atomic<std::uint32_t> unsent_max{0};        // likewise
  base::atomic<std::uint32_t> unsent{0};            // any: published, not yet sent to all
};

class event_directory {
 public:
  /// Name → the event's process, tagged with its record. Any thread.
  name_registry names;

  [[nodiscard]] event_record& take();
  void give_back(event_record& record) noexcept;

 private:
  std::mutex guard_;
  std::deque<event_record> records_;
  std::vector<event_record*> free_;
};

}  // namespace sluice::inline v0::core
