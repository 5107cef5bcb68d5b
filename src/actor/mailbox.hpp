// mailbox: the one word that queues messages and says who may run their receiver.
//
// What: a take-all stack of chains. Any thread pushes a chain of envelopes with one CAS; the owner
//   takes everything with one exchange and gets it oldest first, sorted into its lanes. The same
//   word says asleep, waiting or closed, so the push itself answers "you schedule" (Pony, CAF).
// When not: as a work queue with several consumers.
// Who: push by anybody; take, try_park, try_wait and close by the owner; open by the spawner.
// Progress: push is lock-free, everything else wait-free. No ABA: nobody pops single nodes.
//
//                push           push control    take       try_park       try_wait         close
//   owned        queued         queued          (nothing)  parked→idle    waiting→waiting  →closed
//   owned+mail   queued         queued          →owned     more           more (M6)        →closed
//   idle         schedule→mail  schedule→mail   -          -              -                -
//   waiting      queued         schedule→mail   -          -              -                -
//   wait+mail    queued         schedule→mail   -          -              -                -
//   closed       closed         closed          -          -              -                -
//   The owner may also hold: handle the one lone envelope while it stays in the word (owned+mail),
//   and leave by try_park_after(it), which is one read-modify-write less for a lone message. Or not
//   leave at all for a while (activation.hpp, A4): the next push needs to grant nothing, and the
//   held one is dropped from beneath it.
//   "-" = a bug: only the owner takes, parks, waits and closes, and idle or waiting has none.
//
// Rules:
//   M1 The right to run is granted only by the push that clears idle or waiting, to its caller.
//   M2 Only read-modify-writes touch an open word; open() is the one plain store.
//   M3 A push on a closed word leaves the chain with its caller.
//   M4 A chain is circular: it is named by its last envelope, whose `next` is its first. `older` of
//      the last links to the chain pushed before.
//   M5 A held envelope keeps its block until it is out of the word: a sender may link to it.
//   M6 A word waits only when its owner has seen all mail, so none of it is control.
//   M7 A chain in the word grows (push_own) only by the thread that takes it; a held envelope
//      never.
#pragma once

#include <cstdint>

#include <sluice/message.hpp>

#include "base/assert.hpp"
#include "base/atomic.hpp"

namespace sluice::inline v0::core {

enum class push_outcome : unsigned char { queued, schedule, closed };

class mailbox {
 public:
  /// A new mailbox is closed.
  mailbox() noexcept = default;

  /// Any thread. `last` names a circular chain of one lane (M4). `is_control` lanes clear waiting.
  [[nodiscard]] push_outcome push(envelope* last, bool is_control) noexcept {
    std::uintptr_t seen = word_.load(base::relaxed);  // Relaxed: the CAS checks it.
    while (true) {
      if (seen == closed) return push_outcome::closed;  // M3
      last->older = chain_of(seen);
      const std::uintptr_t kept = is_control ? 0 : (seen & waiting);
      // [MB1] acq_rel: publishes the envelopes, and who clears idle receives what the last owner
      // left in the slot; pairs MB2 (take), MB3 (park), MB4 (close), MB5 (open), MB6 (lone).
      // Ends: a failure means that another push or the owner succeeded.
      if (word_.compare_exchange_weak(seen, reinterpret_cast<std::uintptr_t>(last) | kept,
                                      base::acq_rel, base::relaxed)) {
        const bool grants = (seen & idle) != 0 || (is_control && (seen & waiting) != 0);
        return grants ? push_outcome::schedule : push_outcome::queued;  // M1
      }
    }
  }

  /// As push, by the one thread that ever takes from this mailbox: what it pushed last, if that is
  /// on top and of the same lane, and `last` become one chain, so that a long backlog is taken
  /// as a list and not link by link.
  [[nodiscard]] push_outcome push_own(envelope* last, bool is_control) noexcept {
    // [MB6] acquire: sees what is on top, as in lone; another thread may have pushed it.
    std::uintptr_t seen = word_.load(base::acquire);
    if (seen == owned || (seen & flags) != 0) return push(last, is_control);
    envelope* const top = chain_of(seen);
    constexpr std::uint8_t compared = lane_mask | lane_may_grow;
    if ((top->lane & compared) != ((last->lane & lane_mask) | lane_may_grow)) {
      return push(last, is_control);
    }
    last->older = top->older;
    // [MB1] as in push. A failure: somebody else pushed on top.
    if (!word_.compare_exchange_strong(seen, reinterpret_cast<std::uintptr_t>(last), base::acq_rel,
                                       base::relaxed)) {
      return push(last, is_control);
    }
    // Nobody but this thread looks into a chain that is in the word (M4, M7).
    std::swap(top->next, last->next);
    top->older = nullptr;  // Within a chain it is a hint (X4).
    return push_outcome::queued;
  }

  /// Owner. The newest chain, linked to older ones, or null; leaves the word owned and empty.
  [[nodiscard]] envelope* take() noexcept {
    // Relaxed first look: an empty word needs no exchange, and a later push is seen by try_park.
    if (word_.load(base::relaxed) == owned) return nullptr;
    // [MB2] acquire: sees the envelopes; pairs MB1 (push).
    return chain_of(word_.exchange(owned, base::acquire));
  }

  /// Owner. The envelope that is alone in the word, or null. It is held from here: it stays in the
  /// word until try_park_after or take_above (M5).
  [[nodiscard]] envelope* lone() noexcept {
    // [MB6] acquire: sees the envelope; pairs MB1 (push).
    envelope* const newest = chain_of(word_.load(base::acquire));
    const bool is_lone = newest != nullptr && newest->older == nullptr && newest->next == newest;
    if (!is_lone) return nullptr;
    newest->lane = static_cast<std::uint8_t>(newest->lane & ~lane_may_grow);  // M7
    return newest;
  }

  /// Owner. The newest chain in the word, linked to older ones, or null: to look at, not to take.
  [[nodiscard]] const envelope* newest() const noexcept {
    // [MB6] acquire: sees the envelopes, as in lone.
    return chain_of(word_.load(base::acquire));
  }

  /// Owner, `held` handled. True: the word says idle and the caller owns nothing but held's block.
  [[nodiscard]] bool try_park_after(envelope* held) noexcept { return leave_as(idle, held); }

  /// Owner, `held` handled. As take(): the newest chain, whose links end at the held envelope, or
  /// null if there is nothing but that.
  [[nodiscard]] envelope* take_above(envelope* held) noexcept {
    envelope* const newest = chain_of(word_.exchange(owned, base::acquire));  // [MB2]
    return newest == held ? nullptr : newest;
  }

  /// Owner. Nothing was pushed since `held`, which is handled, was left alone in the word.
  [[nodiscard]] bool has_only(const envelope* held) const noexcept {
    // Relaxed: who gives the right to run back decides by try_park_after; for a hand-off what was
    // pushed before is what the owner can know of, and coherence shows that.
    return word_.load(base::relaxed) == reinterpret_cast<std::uintptr_t>(held);
  }

  /// Owner, `held` handled and no longer alone in the word: takes it out from under the one chain
  /// above it, and its block is the caller's. False: there are more.
  [[nodiscard]] bool drop_beneath_one(const envelope* held) noexcept {
    // [MB6] acquire: sees the envelopes, as in lone. A push that still sees `held` on top fails.
    envelope* const newest = chain_of(word_.load(base::acquire));
    if (newest->older != held) return false;
    newest->older = nullptr;
    return true;
  }

  /// Owner, mailbox seen empty. True: the word says idle and the caller owns nothing any more.
  [[nodiscard]] bool try_park() noexcept { return leave_as(idle, nullptr); }

  /// Owner, in a call, mailbox seen empty: as try_park, but only control mail wakes it (M6). False:
  /// there is new mail, which may be control.
  [[nodiscard]] bool try_wait() noexcept { return leave_as(waiting, nullptr); }

  /// The same; `held` began the call.
  [[nodiscard]] bool try_wait_after(envelope* held) noexcept { return leave_as(waiting, held); }

  /// Owner. Nothing can be pushed from here on; returns what was left, as take() does.
  [[nodiscard]] envelope* close() noexcept {
    // [MB4] acq_rel: sees the last pushes; pairs MB1 (push).
    return chain_of(word_.exchange(closed, base::acq_rel));
  }

  /// Spawner, closed and drained slot: opens the mailbox, owned by the caller.
  void open() noexcept {
    // [MB5] release: the slot's new tenant; pairs MB1 (push, by its acquire half).
    word_.store(owned, base::release);
  }

  [[nodiscard]] bool is_closed() const noexcept {
    return word_.load(base::relaxed) == closed;  // Relaxed: a hint; push decides.
  }

 private:
  static constexpr std::uintptr_t owned = 0;
  static constexpr std::uintptr_t idle = 1;
  static constexpr std::uintptr_t waiting = 2;
  static constexpr std::uintptr_t closed = 4;
  static constexpr std::uintptr_t flags = 7;

  static envelope* chain_of(std::uintptr_t word) noexcept {
    return reinterpret_cast<envelope*>(word & ~flags);
  }

  // `held` is all that is in the word, or null.
  bool leave_as(std::uintptr_t state, envelope* held) noexcept {
    auto expected = reinterpret_cast<std::uintptr_t>(held);
    // [MB3] release: what the owner wrote to the slot; pairs MB1 (push, by its acquire half).
    // A failure means new mail, on top of the held one: take again.
    return word_.compare_exchange_strong(expected, state, base::release, base::relaxed);
  }

  base::atomic<std::uintptr_t> word_{closed};
};

}  // namespace sluice::inline v0::core
