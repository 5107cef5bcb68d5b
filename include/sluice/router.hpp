// router: one address, each message to the member that its content names.
//
//   sluice::routes by;
//   by.key<order>([](const order& one) { return one.customer; })       // one customer, one member
//       .to<alarm>(operators)                                          // a type, one receiver
//       .choose<query>([](const query& one, std::size_t count) {       // or the n-th member
//         return one.shard % count;
//       });
//
//   auto front = node.spawn<sluice::router>({.name = "orders"}, by,
//                                           sluice::route_members{"orders-1", "orders-2"});
//
// What arrives is handed on in one hop: the receiver sees the first sender and answers it straight.
// A member is a name or an address. A key stays with its member while others join and leave
// (rendezvous hashing, seeded by the name or the address): who leaves gives its keys to the rest,
// who joins takes its share from each. A member by name keeps its keys over a restart; while nobody
// has the name its messages are refused as to any process that is gone. A member by address that
// ends has left.
// What has no route, or no member to go to, is refused: who requested is answered unknown_address.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sluice/actor.hpp>
#include <sluice/message.hpp>
#include <sluice/request.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

struct route_member {
  std::string name{};
  address who{};

  route_member() = default;
  route_member(std::string_view name_) : name(name_) {}
  route_member(const char* name_) : name(name_) {}
  route_member(address who_) noexcept : who(who_) {}
  route_member(pid who_) noexcept : who(who_) {}
  friend bool operator==(const route_member&, const route_member&) = default;
};
using route_members = std::vector<route_member>;

namespace core {

/// The route of one message type, as a plain message or as a request.
struct route {
  enum class kind : std::uint8_t { key, choice, fixed };
  const message_type* type;
  kind what;
  /// Of a payload: a hash of its key, or an index below the count of members.
  std::function<std::uint64_t(const void* payload, std::size_t members)> find;
  route_member target;  ///< fixed
};

}  // namespace core

/// Which message goes where. A value; a function given to it is called by the router's process.
class routes {
 public:
  /// All messages with the same key go to the same member. `key` gives anything std::hash takes.
  template <message M, class Key>
  requires std::invocable<const Key&, const M&> routes& key(Key key_of) {
    using key_type = std::remove_cvref_t<std::invoke_result_t<const Key&, const M&>>;
    return add<M>(core::route::kind::key, [key_of](const M& one, std::size_t) {
      return static_cast<std::uint64_t>(std::hash<key_type>{}(key_of(one)));
    });
  }
  /// To the member with the index that it gives, in the order in which they joined.
  template <message M, class Choice>
  requires std::invocable<const Choice&, const M&, std::size_t> routes& choose(Choice choice) {
    return add<M>(core::route::kind::choice, [choice](const M& one, std::size_t count) {
      return static_cast<std::uint64_t>(choice(one, count));
    });
  }
  /// All to one, who need not be a member.
  template <message M>
  routes& to(route_member who) {
    add<M>(
        core::route::kind::fixed, [](const M&, std::size_t) { return std::uint64_t{0}; }, who);
    return *this;
  }
  /// What has no route of its own.
  routes& otherwise(route_member who) {
    otherwise_ = std::move(who);
    return *this;
  }

  [[nodiscard]] const std::vector<core::route>& all() const noexcept { return all_; }
  [[nodiscard]] const route_member& otherwise() const noexcept { return otherwise_; }

 private:
  template <message M, class Find>
  routes& add(core::route::kind what, Find find, const route_member& who = {}) {
    all_.push_back({&core::message_type_of<M>, what,
                    [find](const void* payload, std::size_t count) {
                      return find(*static_cast<const M*>(payload), count);
                    },
                    who});
    if constexpr (request_type<M>) {
      using asked = core::request_of<M>;
      all_.push_back({&core::message_type_of<asked>, what,
                      [find](const void* payload, std::size_t count) {
                        return find(static_cast<const asked*>(payload)->message, count);
                      },
                      who});
    }
    return *this;
  }

  std::vector<core::route> all_;
  route_member otherwise_{};
};

/// Requests. Joining twice is joining once.
struct join_router {
  using reply = void;
  route_member who;
};
struct leave_router {
  using reply = void;
  route_member who;
};
struct list_members {
  using reply = route_members;
};

namespace core {

class route_table;
struct free_route_table {
  void operator()(route_table* table) const noexcept;
};

}  // namespace core

class router : public actor<router, join_router, leave_router, list_members> {
 public:
  explicit router(const routes& by, const route_members& first = {});
  ~router();

  void on_start();
  void on(any_message& message);
  void on(const down& told);
  void on(join_router asked);
  void on(const leave_router& asked);
  route_members on(const list_members& asked);
  void on_inspect(inspect_items& items) const;

 private:
  std::unique_ptr<core::route_table, core::free_route_table> table_;
};

}  // namespace v0
}  // namespace sluice
