// Process groups: sets of processes with a name.
//
//   struct worker : sluice::actor<worker, job> {
//     void on_start() { static_cast<void>(join_group("workers")); }   // leaves when it ends
//   };
//   send_to_group("workers", job{7});                                 // from any process or meta
//
// A group exists while it has members. Sending reaches who is a member at that moment, one message
// each, within the caller's handler; for very many receivers use an event.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sluice/context.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

[[nodiscard]] result<void> join_group(slot& self, std::string_view name) noexcept;
bool leave_group(slot& self, std::string_view name) noexcept;
[[nodiscard]] std::vector<pid> members_of_group(slot& self, std::string_view name);

/// What processes and metas can do with groups.
template <class Base>
class group_sending : public Base {
 public:
  /// Who is in it now, in no order.
  [[nodiscard]] std::vector<pid> group_members(std::string_view name) const {
    return members_of_group(*this->self_, name);
  }
  /// A copy to each member, this process too if it is one. How many accepted it.
  template <message M>
  std::size_t send_to_group(std::string_view name, const M& message) {
    static_assert(std::is_copy_constructible_v<M>,
                  "sluice: a message to a group is copied for each member: make its type copyable");
    std::size_t accepted = 0;
    for (const pid who : members_of_group(*this->self_, name)) {
      if (this->send(address{who}, M(message)) == send_outcome::accepted) ++accepted;
    }
    return accepted;
  }
};

/// What processes alone can do.
template <class Base>
class grouping : public group_sending<Base> {
 public:
  /// Until it leaves or ends; joining twice is joining once. Errors: bad_argument (the name is
  /// empty or longer than 255 bytes).
  result<void> join_group(std::string_view name) noexcept {
    return core::join_group(*this->self_, name);
  }
  /// False: it was not in it.
  bool leave_group(std::string_view name) noexcept { return core::leave_group(*this->self_, name); }
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
