// lone_process: the node behind a testing::process, and everybody else in it.
//
// Peers are slots that are taken and never opened: addresses that are right and take nothing, so
// what is sent to one comes here (send_tap). Who: the thread of its stepped_node.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sluice/testing_process.hpp>

#include "actor/relations.hpp"
#include "actor/send_tap.hpp"
#include "testing/stepped_node.hpp"

namespace sluice::inline v0::testing {

class lone_process final : public core::send_tap {
 public:
  explicit lone_process(const process_options& options);
  ~lone_process();

  void start(const core::spawn_order& order);
  [[nodiscard]] pid make_peer(std::string_view name);
  [[nodiscard]] alias make_meta_peer();
  void end_peer(address who, const exit_reason& reason);
  void post(core::envelope* carried, address from, priority lane) noexcept;
  [[nodiscard]] core::envelope* find_answer(const core::message_type& type, ref id) noexcept;
  void clear();

  [[nodiscard]] std::vector<address> links();
  [[nodiscard]] std::vector<armed_monitor> monitors();
  [[nodiscard]] bool is_alive() const noexcept;
  /// Only while it lives.
  [[nodiscard]] core::slot& place() noexcept { return *place_; }

  bool take(core::execution& by, core::slot& to, core::envelope* last) override;
  result<pid> spawned(core::execution& by, core::slot& spawner,
                      const core::spawn_order& order) override;
  alias spawned_meta(const core::meta_order& order) override;
  void ended(core::slot& self, const exit_reason& reason) override;

  // What the test looks at.
  std::vector<logged_line> logged_lines;
  std::vector<sent_message> sent;
  std::vector<spawned_child> children;
  result<void> begun;
  pid id;
  exit_reason why_ended;
  ref last_question{std::uint64_t{1} << 62};  ///< far from what a node gives away

  stepped_node inner;

 private:
  [[nodiscard]] core::slot& take_place();
  [[nodiscard]] address known_as(core::party who) const;
  void bury_peer(core::execution& by, address who);

  core::slot* place_ = nullptr;
  bool has_ended_ = false;
  std::unordered_map<std::uint32_t, address> peers_;  // by slot
};

}  // namespace sluice::inline v0::testing
