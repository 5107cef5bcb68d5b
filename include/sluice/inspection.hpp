// inspection: what a process or meta process says about itself when it is asked.
//
//   auto seen = node.inspect(alias, 1s);                    // blocks the calling thread only
//   request_inspect(alias);  void on(completion<inspect>);  // from a process or meta
//
// The question travels in the urgent lane: no full mailbox refuses it and no data is in front of
// it. It is answered between two handlers, a meta's on the thread where its handlers run. What the
// behaviour itself wants to say it adds in `void on_inspect(sluice::inspect_items&)`.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

struct inspect_item {
  std::string name;
  std::string value;
};

/// What on_inspect fills.
class inspect_items {
 public:
  void add(std::string_view name, std::string_view value) {
    items_.push_back({std::string{name}, std::string{value}});
  }
  void add(std::string_view name, const char* value) { add(name, std::string_view{value}); }
  void add(std::string_view name, bool value) {
    add(name, std::string_view{value ? "true" : "false"});
  }
  template <class Number>
  requires std::integral<Number> || std::floating_point<Number>
  void add(std::string_view name, Number value) { add(name, std::to_string(value)); }
  /// Bytes that this meta has read and written: shown among the library's own fields.
  void set_traffic(std::uint64_t bytes_in, std::uint64_t bytes_out) noexcept {
    bytes_in_ = bytes_in;
    bytes_out_ = bytes_out;
  }

  [[nodiscard]] std::vector<inspect_item>& items() noexcept { return items_; }
  [[nodiscard]] std::uint64_t bytes_in() const noexcept { return bytes_in_; }
  [[nodiscard]] std::uint64_t bytes_out() const noexcept { return bytes_out_; }

 private:
  std::vector<inspect_item> items_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

enum class flow_state : std::uint8_t {
  absent,    ///< a process has no start flow
  pending,   ///< not begun yet
  running,   ///< alive
  stopping,  ///< asked to end
  ended,
};
[[nodiscard]] const char* to_string(flow_state state) noexcept;

/// Fields that say "metas" or "processes" are 0 for the others.
struct inspection {
  address who;
  address parent;         ///< metas; the process, or the meta it is tied to
  std::string name;       ///< registered, or empty
  std::string behaviour;  ///< the type
  std::string state;      ///< the type that it has become, or empty
  flow_state handler = flow_state::running;
  flow_state start = flow_state::absent;
  /// Messages waiting, by lane; counted one by one, at most queued_count_max in all.
  std::uint64_t queued[4] = {};
  std::uint32_t mailbox_max = 0;  ///< 0 = unbounded
  /// How long the oldest of them has waited; 0 when none does. Kept without reading a clock per
  /// message: from the last time that its scheduler looked at its clock before the receiver took
  /// the message, so off by one stay in a run queue, or by 32 activations.
  std::chrono::nanoseconds oldest_age{};
  std::chrono::nanoseconds oldest_ages[4] = {};  ///< the same, by lane
  std::uint64_t stashed = 0;                     ///< put aside, beside what is queued
  std::uint64_t requests = 0;                    ///< made, without a completion so far
  std::uint64_t links = 0;
  std::uint64_t monitors = 0;  ///< of others, by this one
  std::uint64_t watchers = 0;  ///< monitors of this one, by others
  std::uint64_t aliases = 0;   ///< processes: beside the pid
  std::uint64_t events_owned = 0;
  std::uint64_t events_heard = 0;
  std::vector<std::string> groups;
  std::uint64_t metas = 0;  ///< that live below it
  /// Of metas since the spawn. Of processes since they were first inspected (counted_for), without
  /// the activation that answers: who is never inspected pays nothing.
  std::uint64_t messages_in = 0;   ///< handled, the runtime's own too
  std::uint64_t messages_out = 0;  ///< sent; of a meta from either flow
  std::uint64_t activations = 0;   ///< processes, as the next two
  std::chrono::nanoseconds running{};
  std::chrono::nanoseconds counted_for{};
  std::uint64_t bytes_in = 0;  ///< metas of sockets and files
  std::uint64_t bytes_out = 0;
  std::chrono::nanoseconds up_time{};  ///< metas
  std::vector<inspect_item> items;     ///< of on_inspect

  static constexpr std::uint64_t queued_count_max = 1'000'000;
};

/// One of node::processes(): what is known without asking it.
struct process_info {
  address who;
  std::string name;            ///< registered, or empty
  std::string_view behaviour;  ///< the type
};

/// The request behind inspecting; the runtime answers it, also in the name of those that have no
/// handler for it.
struct inspect {
  using reply = inspection;
};

}  // namespace v0
}  // namespace sluice
