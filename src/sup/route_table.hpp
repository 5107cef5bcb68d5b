// route_table: where a router's messages go. Pure but for the names, which a function looks up.
//
// Who: the router's process. Finding a route costs a look into a hash table; a key costs one
// multiplication for each member.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include <sluice/router.hpp>

namespace sluice::inline v0::core {

class route_table {
 public:
  route_table(const routes& by, const route_members& first);

  /// False: it is one already.
  bool join(const route_member& who);
  bool leave(const route_member& who);
  /// By what it is watched: its monitor, or nothing.
  [[nodiscard]] ref watch_of(const route_member& who) const noexcept;
  void watch(const route_member& who, ref by) noexcept;
  [[nodiscard]] const route_members& members() const noexcept { return members_; }

  /// Who gets a message of this type; null: nobody.
  [[nodiscard]] const route_member* find(const message_type& type, const void* payload) const;
  /// The member that has this key; null: there is none.
  [[nodiscard]] const route_member* member_for(std::uint64_t key_hash) const noexcept;

 private:
  routes by_;
  std::unordered_map<const message_type*, const route*> by_type_;  // into by_
  route_members members_;
  std::vector<std::uint64_t> seeds_;  // of members_
  std::vector<ref> watches_;          // likewise
};

}  // namespace sluice::inline v0::core
