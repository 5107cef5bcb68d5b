#include "actor/requests.hpp"

#include <new>
#include <utility>

#include "actor/caller.hpp"
#include "actor/delayed_send.hpp"
#include "actor/foreign_call.hpp"
#include "actor/hand_off.hpp"
#include "actor/process_alias.hpp"
#include "actor/process_extension.hpp"
#include "actor/waiting_handler.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

constexpr std::uint32_t places_first = 8;
// So many numbers a thread takes at once.
constexpr std::uint64_t refs_at_once = 4096;

request_book* book_or_null(slot& self) noexcept {
  slot_extension* const more = extension_of(self);
  return more == nullptr ? nullptr : more->requests.get();
}

// Null when memory is out.
request_book* make_book(slot& self) noexcept {
  if (request_book* const book = book_or_null(self)) return book;
  slot_extension* const more = any_extension_or_made(self);
  if (more == nullptr) return nullptr;
  more->requests.reset(new (std::nothrow) request_book);
  return more->requests.get();
}

// Q2
std::unique_lock<std::mutex> lock(const slot& self, request_book& book) noexcept {
  return kind_of(self) == slot_kind::blocking_meta ? std::unique_lock{book.guard}
                                                   : std::unique_lock<std::mutex>{};
}

error no_memory() noexcept { return {error_code::out_of_memory, 0, "request"}; }

result<void> note(execution& by, slot& self, request_book& book, pending_request&& asked,
                  base::nanoseconds_t deadline_ns) noexcept {
  // With the time-out in one step: a completion that is fast finds both (Q1).
  const auto held = lock(self, book);
  if (book.is_closed) return error{error_code::stopping, 0, "request: the requester ends"};  // Q3
  asked.limit = timer{arm_time_out(by, {self.index, own_generation(self), priority::system},
                                   {asked.number}, *asked.kind, deadline_ns)};
  if (!asked.limit.is_valid()) return no_memory();
  if (book.table.add(std::move(asked))) return {};
  asked.limit.cancel();
  return no_memory();
}

// To a caller that lingers here: made where it waits for it. False: it does not, or has other mail.
[[gnu::always_inline]] inline bool answer_in_place(execution& by, const reply_address& to, ref id,
                                                   const answer_builder& build,
                                                   void* answer) noexcept {
  slot* const caller = lingering_tenant(by, to.slot, to.generation);
  if (caller == nullptr || by.has_chain() || !take_quiet(by, *caller, &run_suspended)) return false;
  wait* const what = open_call_with(*caller, id);
  if (what == nullptr) [[unlikely]] {  // It has been answered.
    by.worker->linger_on(&caller->job);
    return false;
  }
  base::add_single_writer(by.counters.sent, std::uint64_t{1});  // X1
  build.place(reinterpret_cast<std::byte*>(what) + what->result_at, answer);
  what->stage = call_stage::answered;
  note_settled(by, *caller, *what);
  give_in_hand(by, *caller, caller->job.kept);
  return true;
}

[[gnu::noinline]] send_outcome send_answer(execution& by, const reply_address& to, ref id,
                                           const answer_builder& build, void* answer,
                                           answer_by whom) noexcept {
  if constexpr (
      watches_calls) {  // Who has its answer waits for nobody, though it does not know yet.
    if (to.kind->type->is_call_reply) by.node.calls.forget(pid{by.node.id, to.slot, to.generation});
  }
  envelope* const carried = by.make_urgent_envelope(to.kind->block, to.kind->bytes);
  carried->type = to.kind->type;
  build.complete(carried->payload(), id, answer);
  if (whom == answer_by::nobody) {
    leave_unsigned(*carried);
  } else {
    sign_by_flow(by, *carried);
  }
  return by.deliver(carried, to.slot, to.generation, priority::system);
}

}  // namespace

void take_refs(execution& by) noexcept {
  // Relaxed: only uniqueness matters.
  by.next_ref = by.node.next_refs.fetch_add(refs_at_once, base::relaxed);
  by.refs_end = by.next_ref + refs_at_once;
}

bool request_table::add(pending_request&& asked) noexcept {
  if (2 * (count_ + 1) > mask_ + 1 && !grow()) return false;
  place(std::move(asked));
  return true;
}

void request_table::place(pending_request&& asked) noexcept {
  auto at = static_cast<std::uint32_t>(asked.number) & mask_;
  while (places_[at].number != 0) at = next(at);
  places_[at] = std::move(asked);
  ++count_;
}

bool request_table::grow() noexcept {
  const std::uint32_t before = places_ == nullptr ? 0 : mask_ + 1;
  const std::uint32_t wanted = before == 0 ? places_first : 2 * before;
  std::unique_ptr<pending_request[]> old{new (std::nothrow) pending_request[wanted]};
  if (old == nullptr) return false;
  old.swap(places_);
  mask_ = wanted - 1;
  count_ = 0;
  for (std::uint32_t i = 0; i < before; ++i) {
    if (old[i].number != 0) place(std::move(old[i]));
  }
  return true;
}

pending_request* request_table::find(ref id) noexcept {
  if (count_ == 0 || id.number == 0) return nullptr;
  auto at = static_cast<std::uint32_t>(id.number) & mask_;
  while (places_[at].number != id.number) {
    if (places_[at].number == 0) return nullptr;
    at = next(at);
  }
  return &places_[at];
}

// Moves back what the hole would hide.
void request_table::remove(pending_request* known) noexcept {
  auto hole = static_cast<std::uint32_t>(known - places_.get());
  places_[hole] = {};
  --count_;
  for (auto at = next(hole); places_[at].number != 0; at = next(at)) {
    const auto wanted = static_cast<std::uint32_t>(places_[at].number) & mask_;
    if (((at - wanted) & mask_) < ((at - hole) & mask_)) continue;
    places_[hole] = std::exchange(places_[at], {});
    hole = at;
  }
}

void request_table::swap(request_table& other) noexcept {
  places_.swap(other.places_);
  std::swap(mask_, other.mask_);
  std::swap(count_, other.count_);
}

void close_requests(slot& self) noexcept {
  request_book* const book = book_or_null(self);
  if (book == nullptr) return;
  request_table forgotten;
  {
    const auto held = lock(self, *book);
    book->is_closed = true;
    forgotten.swap(book->table);
  }
  forgotten.for_each([](pending_request& each) { each.limit.cancel(); });
}

std::uint64_t count_requests(slot& self) noexcept {
  request_book* const book = book_or_null(self);
  if (book == nullptr) return 0;
  const auto held = lock(self, *book);
  return book->table.count();
}

void send_failed_completion(execution& by, std::uint32_t to_slot, std::uint32_t to_generation,
                            const completion_kind& kind, ref request, error why) noexcept {
  envelope* const carried = by.make_urgent_envelope(kind.block, kind.bytes);
  carried->type = kind.type;
  kind.fail(carried->payload(), request, why);
  leave_unsigned(*carried);
  by.deliver(carried, to_slot, to_generation, priority::system);
}

error_code code_of(dead_letter why) noexcept {
  switch (why) {
    case dead_letter::unknown:
    case dead_letter::stale: return error_code::unknown_address;
    case dead_letter::full:
    case dead_letter::overflowed: return error_code::mailbox_full;
    case dead_letter::stopping: return error_code::stopping;
    case dead_letter::receiver_ended: return error_code::receiver_ended;
    case dead_letter::unhandled: return error_code::unhandled;
    case dead_letter::cancelled: return error_code::cancelled;
  }
  return error_code::no_reply;
}

result<request_opening> open_request(slot& self, address to, const completion_kind& kind,
                                     const request_options& options, std::uint8_t block,
                                     std::size_t bytes) noexcept {
  caller from{self};
  if (!from) return error{error_code::stopping, 0, "request"};
  execution& by = from.by();
  const std::uint32_t generation = own_generation(self);
  to = resolve_alias(by.node, to);
  if (to.slot == self.index && to.generation == generation && to.node == by.node.id) {
    return error{error_code::bad_argument, 0, "request: to oneself"};
  }
  if (!is_meta(self) && self.state == life::ending) {  // Q3
    return error{error_code::stopping, 0, "request: the requester ends"};
  }
  request_book* const book = make_book(self);
  if (book == nullptr) return no_memory();
  const ref id = new_ref(by);
  const base::nanoseconds_t deadline_ns = deadline_after(options.timeout.count());
  // An urgent one is as control: memory is never out for it.
  envelope* const carried = options.lane == priority::urgent ? by.make_urgent_envelope(block, bytes)
                                                             : by.make_envelope(block, bytes);
  if (carried == nullptr) return no_memory();
  const auto noted =
      note(by, self, *book, {id.number, options.label, &kind, {}, false}, deadline_ns);
  if (!noted) {
    by.free_block(carried);
    return noted.error();
  }
  reply_address answer;
  answer.node = by.node.way_in;
  answer.kind = &kind;
  answer.id = id;
  answer.deadline_ns = deadline_ns;
  answer.node_id = by.node.id;
  answer.slot = self.index;
  answer.generation = generation;
  return request_opening{carried, answer};
}

request_state settle_request(slot& self, ref id, std::uint64_t& label) noexcept {
  timer limit;
  request_state state = request_state::over;
  if (request_book* const book = book_or_null(self)) {
    const auto held = lock(self, *book);
    if (pending_request* const known = book->table.find(id)) {
      label = known->label;
      limit = std::move(known->limit);
      state = known->is_cancelled ? request_state::cancelled : request_state::answered;
      book->table.remove(known);
    }
  }
  if (state == request_state::over) {
    caller from{self};
    if (from) base::add_single_writer(from.by().counters.late_completions, std::uint64_t{1});
  }
  limit.cancel();
  return state;
}

bool cancel_request(slot& self, ref id) noexcept {
  caller from{self};
  request_book* const book = book_or_null(self);
  if (!from || book == nullptr) return false;
  const completion_kind* kind = nullptr;
  timer limit;
  {
    const auto held = lock(self, *book);
    pending_request* const known = book->table.find(id);
    if (known == nullptr || known->is_cancelled) return false;
    known->is_cancelled = true;
    kind = known->kind;
    limit = std::move(known->limit);
  }
  limit.cancel();
  send_failed_completion(from.by(), self.index, own_generation(self), *kind, id,
                         {error_code::cancelled, 0, "request"});
  return true;
}

send_outcome give_answer(const reply_address& to, ref id, const answer_builder& build, void* answer,
                         answer_by whom) noexcept {
  if (to.kind == nullptr) return answer_waiting(*to.waiting, id, build, answer);
  if (execution* const here = own_thread_of(to.node_id)) {
    if (here->worker != nullptr && answer_in_place(*here, to, id, build, answer)) {
      return send_outcome::accepted;
    }
    return send_answer(*here, to, id, build, answer, whom);
  }
  foreign_access access{*to.node, to.node_id};
  if (!access) return send_outcome::stopping;
  return send_answer(access.by(), to, id, build, answer, whom);
}

void give_answer(slot& self, const reply_address& to, ref id, const answer_builder& build,
                 void* answer) noexcept {
  execution& by = *self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
  const bool is_here = to.kind != nullptr && to.node_id == by.node.id;
  if (is_here && answer_in_place(by, to, id, build, answer)) [[likely]]
    return;
  give_answer(to, id, build, answer, answer_by::whose_flow_it_is);
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
