#include "actor/group_directory.hpp"

#include <sluice/groups.hpp>

#include <algorithm>

#include "actor/attachments.hpp"
#include "actor/caller.hpp"
#include "base/out_of_memory.hpp"

namespace sluice::inline v0::core {

bool group_directory::join(std::string_view name, pid who) {
  stripe& in = stripes_[stripe_of(name)];
  const std::lock_guard lock{in.guard};
  auto found = in.groups.find(name);
  if (found == in.groups.end()) found = in.groups.try_emplace(std::string{name}).first;
  base::undo_unless_kept made{[&]() noexcept {
    if (found->second.members.empty()) in.groups.erase(found);
  }};
  group& joined = found->second;
  const auto place = static_cast<std::uint32_t>(joined.members.size());
  joined.members.push_back(who);
  base::undo_unless_kept listed{[&]() noexcept { joined.members.pop_back(); }};
  if (!joined.places.try_emplace(who, place).second) return false;
  listed.keep();
  made.keep();
  return true;
}

bool group_directory::leave(std::string_view name, pid who) noexcept {
  stripe& in = stripes_[stripe_of(name)];
  const std::lock_guard lock{in.guard};
  const auto found = in.groups.find(name);
  if (found == in.groups.end()) return false;
  group& left = found->second;
  const auto known = left.places.find(who);
  if (known == left.places.end()) return false;
  const std::uint32_t place = known->second;
  left.places.erase(known);
  const pid last = left.members.back();
  left.members.pop_back();
  if (last != who) {
    left.members[place] = last;
    left.places.find(last)->second = place;
  }
  if (left.members.empty()) in.groups.erase(found);
  return true;
}

std::vector<pid> group_directory::members(std::string_view name) const {
  const stripe& in = stripes_[stripe_of(name)];
  const std::lock_guard lock{in.guard};
  const auto found = in.groups.find(name);
  return found == in.groups.end() ? std::vector<pid>{} : found->second.members;
}

result<void> join_group(slot& self, std::string_view name) noexcept {
  if (name.empty() || name.size() > name_registry::name_bytes_max) {
    return error{error_code::bad_argument, 0, "join_group"};
  }
  caller from{self};
  from.by().flush_chain();  // X2: who sees the member sees what it sent before.
  return base::or_out_of_memory("join_group", [&]() -> result<void> {
    std::vector<std::string>& joined = attachments_of(self).groups;
    joined.emplace_back(name);
    base::undo_unless_kept noted{[&]() noexcept { joined.pop_back(); }};
    if (from.by().node.groups.join(name, pid_of(self))) noted.keep();
    return {};
  });
}

bool leave_group(slot& self, std::string_view name) noexcept {
  attachments* const own = find_attachments(self);
  if (own == nullptr) return false;
  const auto found = std::find(own->groups.begin(), own->groups.end(), name);
  if (found == own->groups.end()) return false;
  caller from{self};
  from.by().node.groups.leave(name, pid_of(self));
  own->groups.erase(found);
  return true;
}

std::vector<pid> members_of_group(slot& self, std::string_view name) {
  caller from{self};
  return from ? from.by().node.groups.members(name) : std::vector<pid>{};
}

}  // namespace sluice::inline v0::core
