// child_keeper: performs what the machine of supervision decides; the one executor behind
// supervisors and pools.
//
// Who: the process that owns it, from its own handlers and hooks only.
// Rules:
//   CK1 Children are linked to the keeper's process from their first moment, which traps exits: the
//       end of a child is an exit signal of that link, and the keeper's end is theirs.
//   CK2 A child is known by its pid from its start to the signal of its end; any other signal of a
//       link is late and changes nothing.
//   CK3 Whoever asked for something is answered when the child has settled, in perform(), or by the
//       keeper's end.
//   CK4 A keeper whose process is no child of another keeper stands in its node's stop_order.
#pragma once

#include <memory>
#include <unordered_map>
#include <variant>
#include <vector>

#include <sluice/linking.hpp>
#include <sluice/supervisor.hpp>
#include <sluice/timer.hpp>

#include "actor/kept_mail.hpp"
#include "sup/supervision.hpp"

namespace sluice::inline v0::core {

/// Told which children run; for pools.
class child_listener {
 public:
  virtual void on_child_up(sup::child_key key, pid who) = 0;
  virtual void on_child_down(sup::child_key key) = 0;

 protected:
  ~child_listener() = default;
};

/// How children are asked to end.
enum class asking_lane : std::uint8_t {
  urgent,      ///< before they handle what waits in their mailboxes
  after_mail,  ///< behind it
};

class child_keeper {
 public:
  child_keeper(const supervisor_options& options, children first);
  child_keeper(const child_keeper&) = delete;
  child_keeper& operator=(const child_keeper&) = delete;
  ~child_keeper();

  void listen(child_listener& to, asking_lane lane) noexcept {
    listener_ = &to;
    asking_ = lane;
  }

  /// In on_start.
  [[nodiscard]] result<void> begin(slot& self);
  void on_exit(const exit_signal& told);
  void on_stop(const exit_reason& reason);
  void on_timer(const child_timer& fired);

  void add(child_spec spec, reply_to<add_child> answer);
  template <class M>
  void command(M asked, reply_to<M> answer, result<void> (sup::supervision::*act)(sup::child_key)) {
    const sup::child_key key = find(asked.which);
    if (key == sup::no_child) {
      answer.reply_error({error_code::unknown_address, 0, "supervisor: no such child"});
      return;
    }
    places_[key].waiting.emplace_back(std::move(answer));
    finish_command(key, (machine_.*act)(key));
  }
  /// Of alike children: starts more, or takes the youngest away.
  [[nodiscard]] result<void> resize(std::uint32_t count, const child_spec& like);

  [[nodiscard]] std::vector<child_info> list() const;
  [[nodiscard]] child_counts count() const;
  void describe(inspect_items& items) const;

 private:
  using waiter = std::variant<reply_to<add_child>, reply_to<start_child>, reply_to<stop_child>,
                              reply_to<restart_child>, reply_to<enable_child>,
                              reply_to<disable_child>, reply_to<delete_child>>;
  struct place {
    child_spec spec;
    pid who{};
    timer clock{};
    error failure{};  // of its last start
    std::shared_ptr<kept_mail> mail{};
    std::vector<waiter> waiting{};
  };

  [[nodiscard]] sup::child_key find(const child_name& which) const;
  [[nodiscard]] result<sup::child_key> know(child_spec spec);
  void finish_command(sup::child_key key, const result<void>& begun);
  void perform();
  void perform(const sup::action& next);
  void start(sup::child_key key);
  [[nodiscard]] result<pid> spawn(place& at);
  void ask(const sup::action& next);
  void arm(const sup::action& next);
  void settle(sup::child_key key);
  void answer_all(place& at, const error& why);
  void forget(sup::child_key key);
  void finish();
  void note_ended(sup::child_key key, const exit_reason& reason);

  sup::supervision machine_;
  std::vector<place> places_;  // by key
  std::unordered_map<pid, sup::child_key> by_pid_;
  children first_;  // until begin
  slot* self_ = nullptr;
  child_listener* listener_ = nullptr;  // lives in the same process
  asking_lane asking_ = asking_lane::urgent;
  bool notes_failure_ = false;  // the first one, for who waits within begin or resize
  node_core* node_ = nullptr;   // from begin on: may stand in its stop_order (CK4)
  pid who_{};
  error first_failure_{};
  exit_reason stop_reason_ = exit_reason::shutdown();
  std::string last_end_;  // "child id: reason", for the log
  std::uint32_t supervisors_ = 0;
};

}  // namespace sluice::inline v0::core
