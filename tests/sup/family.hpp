// Children for the tests of supervisors, and what they tell of themselves.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "actor/test_node.hpp"

/// What happened, in order: "start a", "end a shutdown". Any thread.
class diary {
 public:
  void note(const std::string& what) {
    const std::lock_guard lock{guard_};
    lines_.push_back(what);
  }
  /// All lines so far, as "start a, start b".
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock{guard_};
    std::string all;
    for (const std::string& each : lines_) all += (all.empty() ? "" : ", ") + each;
    return all;
  }
  [[nodiscard]] std::size_t count(const std::string& what) const {
    const std::lock_guard lock{guard_};
    return static_cast<std::size_t>(std::count(lines_.begin(), lines_.end(), what));
  }
  /// Waits for it to be said so often.
  void wait_for(const std::string& what, std::size_t times = 1) const {
    INFO("waiting for: " << what << "; so far: " << text());
    eventually([&] { return count(what) >= times; });
  }
  void clear() {
    const std::lock_guard lock{guard_};
    lines_.clear();
  }
  /// So many starts of members fail from here on.
  void let_starts_fail(int count) {
    const std::lock_guard lock{guard_};
    failures_ = count;
  }
  [[nodiscard]] bool takes_failure() {
    const std::lock_guard lock{guard_};
    if (failures_ == 0) return false;
    --failures_;
    return true;
  }

 private:
  mutable std::mutex guard_;
  std::vector<std::string> lines_;
  int failures_ = 0;
};

struct crash {};
struct leave {};
struct ask_name {
  using reply = std::string;
};
struct block_until {
  const test_counter* what;
};

/// Notes its start and end; crashes, leaves or blocks when told to.
struct member : sluice::actor<member, crash, leave, ask_name, block_until> {
  member(diary& to, std::string called) : out(to), name(std::move(called)) {}
  sluice::result<void> on_start() {
    if (out.takes_failure()) {
      out.note("fail " + name);
      return sluice::error{sluice::error_code::limit_reached, 0, "member"};
    }
    out.note("start " + name);
    return {};
  }
  void on(crash) { throw std::runtime_error("crash"); }
  void on(leave) { exit(); }
  std::string on(ask_name) { return name; }
  void on(block_until message) { static_cast<void>(message.what->reaches(1)); }
  void terminate(const sluice::exit_reason& why) {
    out.note("end " + name + " " + sluice::to_string(why.code));
  }
  diary& out;
  std::string name;
};

[[nodiscard]] inline sluice::child_spec member_child(diary& out, sluice::child_options options) {
  std::string name = options.id;
  return sluice::child<member>(std::move(options), std::ref(out), std::move(name));
}
[[nodiscard]] inline sluice::children members(diary& out, const std::string& names,
                                              const sluice::child_options& like = {}) {
  sluice::children all;
  for (const char each : names) {
    sluice::child_options options = like;
    options.id = std::string(1, each);
    all.push_back(member_child(out, std::move(options)));
  }
  return all;
}

/// The pid of a child; names nobody when it does not run.
[[nodiscard]] inline sluice::pid pid_of(sluice::node& node, sluice::pid top,
                                        const std::string& id) {
  auto listed = node.call(top, sluice::list_children{});
  REQUIRE(listed);
  for (const auto& each : listed.value()) {
    if (each.id == id) return each.who;
  }
  return {};
}
