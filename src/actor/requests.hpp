// requests: what a process or meta has asked and not yet heard the end of.
//
// A request is noted in the book of who asks before it is sent. Answer, time-out, cancel and loss
// all come back as one kind of message, a completion with the request's ref, and only the handler
// flow of who asked decides: the first that finds the ref in the book is handed over, later ones
// are counted (PROTOCOLS 10). The book is made when it is first needed.
//
//              completion comes   time-out comes     cancel        owner ends
//   noted      handed over        handed over        cancelled     forgotten
//   cancelled  says cancelled     says cancelled     refused       forgotten
//   (none)     counted as late    counted as late    refused       -
//
// Rules:
//   Q1 Noted before it is sent: an answer, however fast, finds it.
//   Q2 Owner only; a blocking meta's two flows are two threads, so its book has a lock, made with
//      the meta.
//   Q3 A closed book notes nothing: who ends asks nobody, for no completion would come.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include <sluice/pid.hpp>
#include <sluice/request.hpp>
#include <sluice/timer.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

struct pending_request {
  std::uint64_t number = 0;  ///< of the ref; 0 = a free place
  std::uint64_t label = 0;
  const completion_kind* kind = nullptr;
  timer limit{};
  bool is_cancelled = false;
};

/// Refs and what is noted of them: open addressing by the ref's number, at most half full.
class request_table {
 public:
  request_table() noexcept = default;
  request_table(const request_table&) = delete;
  request_table& operator=(const request_table&) = delete;

  /// False when memory is out.
  [[nodiscard]] bool add(pending_request&& asked) noexcept;
  /// Null when there is none; stays until the next add or remove.
  [[nodiscard]] pending_request* find(ref id) noexcept;
  void remove(pending_request* known) noexcept;
  void swap(request_table& other) noexcept;
  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::uint32_t i = 0; count_ != 0 && i <= mask_; ++i) {
      if (places_[i].number != 0) visit(places_[i]);
    }
  }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

 private:
  [[nodiscard]] std::uint32_t next(std::uint32_t at) const noexcept { return (at + 1) & mask_; }
  [[nodiscard]] bool grow() noexcept;
  void place(pending_request&& asked) noexcept;

  std::unique_ptr<pending_request[]> places_;
  std::uint32_t mask_ = 0;
  std::uint32_t count_ = 0;
};

struct request_book {
  std::mutex guard;  ///< taken for blocking metas only (Q2)
  request_table table;
  bool is_closed = false;
};

/// More numbers for this thread to give away.
void take_refs(execution& by) noexcept;
/// A number that no request or timer of the node had before.
[[nodiscard]] inline ref new_ref(execution& by) noexcept {
  if (by.next_ref == by.refs_end) [[unlikely]]
    take_refs(by);
  return {by.next_ref++};
}

/// Owner: forgets what is noted; nothing more is (Q3).
void close_requests(slot& self) noexcept;

/// Owner, or a blocking meta's start: how many are noted.
[[nodiscard]] std::uint64_t count_requests(slot& self) noexcept;

/// Sends who asked the completion of `request` that says `why`.
void send_failed_completion(execution& by, std::uint32_t to_slot, std::uint32_t to_generation,
                            const completion_kind& kind, ref request, error why) noexcept;

/// The code that who asked hears when the request is lost.
[[nodiscard]] error_code code_of(dead_letter why) noexcept;

}  // namespace sluice::inline v0::core
