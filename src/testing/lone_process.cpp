#include "testing/lone_process.hpp"

#include <utility>

#include "actor/control_send.hpp"
#include "actor/life.hpp"
#include "actor/message_stash.hpp"
#include "actor/process_extension.hpp"
#include "actor/relation_signals.hpp"
#include "actor/requests.hpp"
#include "actor/rundown.hpp"
#include "base/assert.hpp"

namespace sluice {
inline namespace v0 {
namespace testing {

namespace {

stepped_node::setup setup_of(const process_options& options, std::vector<logged_line>& logged) {
  stepped_node::setup wanted;
  wanted.seed = options.seed;
  wanted.node.io = false;
  wanted.node.processes_max = 1u << 20;
  wanted.node.env = options.env;
  wanted.node.log = [&logged](log_severity level, std::string_view text) {
    logged.push_back({level, std::string{text}});
  };
  return wanted;
}

std::uint32_t generation_of(const core::slot& self) noexcept {
  return self.generation.load(base::relaxed);  // Relaxed: one thread.
}

address sender_of(const core::envelope& carried, std::uint32_t node_id) noexcept {
  if (carried.from_generation == 0) return {};
  if ((carried.block & core::block_from_meta) != 0) {
    return alias{node_id, carried.from_slot, carried.from_generation};
  }
  return pid{node_id, carried.from_slot, carried.from_generation};
}

}  // namespace

lone_process::lone_process(const process_options& options)
    : inner(setup_of(options, logged_lines)) {
  inner.core().tap = this;
}

lone_process::~lone_process() {
  if (is_alive()) {
    core::foreign_access access{*inner.core().way_in, inner.core().id};
    static_cast<void>(core::send_exit(access.by(), id.slot, id.generation, exit_reason::killed()));
  }
  static_cast<void>(inner.run_until_idle());
  clear();
  inner.core().tap = nullptr;
}

void lone_process::start(const core::spawn_order& order) {
  {
    core::foreign_access access{*inner.core().way_in, inner.core().id};
    auto made = core::spawn_process(access.by(), order);
    if (!made) {
      has_ended_ = true;
      begun = made.error();
      return;
    }
    id = made.value();
    place_ = inner.core().slots.find(id.slot);
    if (generation_of(*place_) != id.generation) has_ended_ = true;
  }
  static_cast<void>(inner.run_until_idle());
}

core::slot& lone_process::take_place() {
  core::slot* const place = inner.core().slots.take(inner.own().free_slots);
  SLUICE_ASSERT(place != nullptr, "no place is left for a peer");
  return *place;
}

pid lone_process::make_peer(std::string_view name) {
  const core::slot& place = take_place();
  const pid who{inner.core().id, place.index, generation_of(place)};
  peers_.emplace(place.index, who);
  if (!name.empty()) {
    const bool is_added = inner.core().names.add(name, who);
    SLUICE_ASSERT(is_added, "somebody has this name already");
  }
  return who;
}

alias lone_process::make_meta_peer() {
  const core::slot& place = take_place();
  const alias who{inner.core().id, place.index, generation_of(place)};
  peers_.emplace(place.index, who);
  return who;
}

address lone_process::known_as(core::party who) const {
  const auto found = peers_.find(who.slot);
  if (found != peers_.end()) return found->second;
  return pid{id.node, who.slot, who.generation};
}

// From here it is as any process that is gone: its name is free, sends to it are refused, and who
// has asked it something is answered.
void lone_process::bury_peer(core::execution& by, address who) {
  core::slot& place = *inner.core().slots.find(who.slot);
  place.generation.store(who.generation + 1, base::relaxed);  // Relaxed: one thread.
  static_cast<void>(inner.core().names.remove(pid{id.node, who.slot, who.generation}));
  for (std::size_t at = 0; at < sent.size(); ++at) {  // What is answered may send.
    core::envelope& each = *sent[at].carried;
    if (sent[at].to != who || each.type->when_lost == nullptr) continue;
    if (core::is_relation_signal(each)) continue;
    each.type->when_lost(by, each.payload(), error_code::receiver_ended);
  }
}

void lone_process::end_peer(address who, const exit_reason& reason) {
  const auto known = peers_.find(who.slot);
  if (known == peers_.end() || known->second != who) return;
  if (generation_of(*inner.core().slots.find(who.slot)) != who.generation) return;
  const core::party ended{who.slot, who.generation};
  core::foreign_access access{*inner.core().way_in, inner.core().id};
  core::execution& by = access.by();
  const auto watched = monitors();
  bury_peer(by, who);
  for (const address& each : links()) {
    if (each != who) continue;
    static_cast<void>(core::send_exit(by, id.slot, id.generation, reason, core::exit_kind::link,
                                      known_as(ended)));
  }
  for (const armed_monitor& each : watched) {
    if (each.who.slot != who.slot || each.who.generation != who.generation) continue;
    static_cast<void>(core::send_control(by, id.slot, id.generation, priority::system,
                                         core::down_signal{{each.id, {}, reason}}));
  }
}

void lone_process::post(core::envelope* carried, address from, priority lane) noexcept {
  carried->from_node = 0;
  carried->from_slot = from.slot;
  carried->from_generation = from.generation;
  if (from.is_meta) carried->block |= core::block_from_meta;
  core::foreign_access access{*inner.core().way_in, inner.core().id};
  // Counted as made here; see core::open_envelope.
  base::add_single_writer(access.by().counters.envelopes_made, std::uint64_t{1});
  static_cast<void>(access.by().deliver(carried, id.slot, id.generation, lane));
}

core::envelope* lone_process::find_answer(const core::message_type& type, ref number) noexcept {
  for (const sent_message& each : sent) {
    if (each.carried->type->identity != type.identity) continue;
    // A completion begins with its ref.
    if (static_cast<const ref*>(each.carried->payload())->number == number.number) {
      return each.carried;
    }
  }
  return nullptr;
}

void lone_process::clear() {
  // What is let go of may answer, and so send.
  const auto forgotten = std::exchange(sent, {});
  {
    core::foreign_access access{*inner.core().way_in, inner.core().id};
    for (const sent_message& each : forgotten) access.by().free_envelope(each.carried);
  }
  children.clear();
  logged_lines.clear();
}

std::vector<address> lone_process::links() {
  std::vector<address> found;
  core::relations* const known = is_alive() ? core::relations_or_null(*place_) : nullptr;
  if (known == nullptr) return found;
  std::uint32_t cursor = 0;
  std::uint32_t room = UINT32_MAX;
  static_cast<void>(known->links.step(cursor, room, [&](const core::link_entry& each) {
    if (each.state != core::link_state::linked) return;
    found.push_back(known_as(
        {static_cast<std::uint32_t>(each.key), static_cast<std::uint32_t>(each.key >> 32)}));
  }));
  return found;
}

std::vector<armed_monitor> lone_process::monitors() {
  std::vector<armed_monitor> found;
  core::relations* const known = is_alive() ? core::relations_or_null(*place_) : nullptr;
  if (known == nullptr) return found;
  std::uint32_t cursor = 0;
  std::uint32_t room = UINT32_MAX;
  static_cast<void>(known->monitors.step(cursor, room, [&](const core::monitor_entry& each) {
    if (!each.is_told) found.push_back({{each.key}, each.target});
  }));
  return found;
}

bool lone_process::is_alive() const noexcept { return place_ != nullptr && !has_ended_; }

// -- send_tap

bool lone_process::take(core::execution& by, core::slot& to, core::envelope* last) {
  const auto found = peers_.find(to.index);
  if (found == peers_.end()) return false;
  core::envelope* each = last->next;
  while (true) {
    core::envelope* const following = each->next;
    const bool is_last = each == last;
    sent.push_back({found->second, sender_of(*each, id.node),
                    static_cast<priority>(each->lane & core::lane_mask), each->type->name, each});
    base::add_single_writer(by.counters.handled, std::uint64_t{1});
    if (is_last) return true;
    each = following;
  }
}

result<pid> lone_process::spawned(core::execution& by, core::slot& spawner,
                                  const core::spawn_order& order) {
  if (!order.name.empty() && inner.core().names.find(order.name).is_valid()) {
    return error{error_code::name_taken, 0, "spawn: name"};
  }
  const pid who = make_peer(order.name);
  // The spawner's half of its relations; the other half is the test's.
  const core::party born{who.slot, who.generation};
  if (order.link) {
    core::make_relations(spawner).links.add({.key = born.key(), .state = core::link_state::linked});
  }
  if (order.monitor) {
    const ref watched = core::new_ref(by);
    core::make_relations(spawner).monitors.add({.key = watched.number, .target = who, .of = born});
    if (order.monitored_as != nullptr) *order.monitored_as = watched;
  }
  children.push_back({who, std::string{order.what->name}, std::string{order.name},
                      order.mailbox_max, order.link, order.monitor});
  return who;
}

alias lone_process::spawned_meta(const core::meta_order& order) {
  const alias who = make_meta_peer();
  children.push_back({who, std::string{order.what->name}, {}, order.mailbox_max, false, false});
  return who;
}

void lone_process::ended(core::slot& self, const exit_reason& reason) {
  // The first process with a behaviour of its own is the one under test; the root ends after it.
  if (place_ != nullptr && &self != place_) return;
  if (has_ended_) return;
  has_ended_ = true;
  why_ended = reason;
}

// -- the public face

process_base::process_base(const process_options& options)
    : inner_(std::make_unique<lone_process>(options)) {}
process_base::~process_base() = default;

void process_base::start(const core::spawn_order& order) { inner_->start(order); }
pid process_base::peer(std::string_view name) { return inner_->make_peer(name); }
alias process_base::meta_peer() { return inner_->make_meta_peer(); }
void process_base::end_peer(address who, exit_reason reason) {
  inner_->end_peer(who, reason);
  run();
}
void process_base::run() {
  const bool is_idle = inner_->inner.run_until_idle();
  SLUICE_ASSERT(is_idle, "the process under test keeps itself busy for ever");
}
void process_base::advance(std::chrono::nanoseconds time) {
  const bool is_idle = inner_->inner.advance(time.count());
  SLUICE_ASSERT(is_idle, "the process under test keeps itself busy for ever");
}
std::chrono::nanoseconds process_base::elapsed() const {
  return std::chrono::nanoseconds{inner_->inner.elapsed()};
}
const std::vector<sent_message>& process_base::all_sent() const noexcept { return inner_->sent; }
const std::vector<spawned_child>& process_base::spawned() const noexcept {
  return inner_->children;
}
const std::vector<logged_line>& process_base::logged() const noexcept {
  return inner_->logged_lines;
}
std::vector<asked_exit> process_base::exits() const {
  std::vector<asked_exit> found;
  for (const sent_message& each : inner_->sent) {
    auto* const asked = any_message{*each.carried}.get<core::exit_request>();
    if (asked != nullptr && asked->kind == core::exit_kind::asked) {
      found.push_back({each.to, asked->told.reason});
    }
  }
  return found;
}
void process_base::clear() { inner_->clear(); }
std::vector<address> process_base::links() const { return inner_->links(); }
std::vector<armed_monitor> process_base::monitors() const { return inner_->monitors(); }
std::size_t process_base::timer_count() const { return inner_->inner.work().timer_count(); }
std::optional<std::chrono::nanoseconds> process_base::next_timer() const {
  if (timer_count() == 0) return std::nullopt;
  return std::chrono::nanoseconds{inner_->inner.next_timer_in()};
}
std::size_t process_base::stashed() const {
  return inner_->is_alive() ? core::count_stashed(inner_->place()) : 0;
}
const result<void>& process_base::started() const noexcept { return inner_->begun; }
bool process_base::is_alive() const noexcept { return inner_->is_alive(); }
const exit_reason& process_base::reason() const noexcept { return inner_->why_ended; }
pid process_base::id() const noexcept { return inner_->id; }

void* process_base::object() const noexcept {
  SLUICE_ASSERT(inner_->is_alive(), "the process under test has ended");
  const core::slot& place = inner_->place();
  const core::seldom_used* const more = core::seldom_or_null(place);
  const bool has_become = more != nullptr && more->states != nullptr;
  return has_become ? more->states->own_object : place.object;
}
core::outgoing process_base::open(std::uint8_t block, std::size_t bytes) noexcept {
  return core::open_envelope(inner_->inner.core().way_in, inner_->inner.core().id, block, bytes);
}
void process_base::post(core::envelope* carried, address from, priority lane) noexcept {
  inner_->post(carried, from, lane);
}
core::reply_address process_base::way_back(const core::completion_kind& kind,
                                           std::chrono::nanoseconds timeout) {
  const pid asker = inner_->make_peer({});
  core::reply_address back;
  back.node = inner_->inner.core().way_in;
  back.kind = &kind;
  back.id = {++inner_->last_question.number};
  back.deadline_ns = inner_->inner.deadline_after(timeout.count());
  back.node_id = asker.node;
  back.slot = asker.slot;
  back.generation = asker.generation;
  return back;
}
core::envelope* process_base::find_answer(const core::message_type& type, ref id) noexcept {
  return inner_->find_answer(type, id);
}

}  // namespace testing
}  // namespace v0
}  // namespace sluice
