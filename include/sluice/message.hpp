// Messages: what a message type is, how it travels, and any_message for those who take all.
//
// Any type that can be moved without throwing is a message. It is moved into an envelope (one pool
// block: a 40-byte header, then the payload in place; up to 24 bytes make one cache line), handed
// to the handler by reference and destroyed after it. A type is known by the address of its
// descriptor, an inline variable: no RTTI. Names are for logs only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sluice/pid.hpp>
#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// Lanes of a mailbox, highest first. Within one lane order is kept; a higher lane overtakes a
/// lower one, and the lower ones are served at least once in 16 messages all the same.
enum class priority : std::uint8_t { urgent, system, main, log };

/// What became of a send. Must be looked at only where it can matter.
enum class send_outcome : std::uint8_t {
  accepted,  ///< it is in the mailbox (or in a chain that goes there before this handler ends)
  full,      ///< a bounded mailbox refused it
  unknown,   ///< nobody has this address, or no longer
  stopping,  ///< the node stops, has stopped or is gone
};

class any_message;

template <class M>
concept message = std::is_object_v<M> && std::is_same_v<M, std::remove_cvref_t<M>> &&
    std::is_nothrow_move_constructible_v<M> && std::is_nothrow_destructible_v<M> &&
    !std::is_same_v<M, any_message>;

namespace core {

class execution;
struct envelope;
struct behaviour;
struct slot;
using invoke_function = void (*)(void* object, envelope& carried);
/// `self` is the receiver's slot, for sends in its name.
using unhandled_function = void (*)(slot& self, envelope& carried);
/// Told to a message that will not be handled, before it is destroyed; `by` is whose thread it is.
using lose_function = void (*)(execution& by, void* payload, error_code why) noexcept;

/// The descriptor of a message type, or of one bound to the handler of one actor type.
struct message_type {
  const message_type* identity;       ///< the plain descriptor: equal for equal types
  void (*destroy)(void*) noexcept;    ///< null when trivial
  const behaviour* bound_to;          ///< for typed sends: whose handler `invoke` is
  invoke_function invoke;             ///< for typed sends
  std::string_view name;              ///< as the compiler spells it; for logs
  std::uint32_t hash;                 ///< of the name; places it in dispatch tables
  std::uint32_t payload_offset;       ///< from the start of the envelope
  unhandled_function when_unhandled;  ///< null: unhandled is unhandled
  lose_function when_lost;            ///< null: nobody waits for what becomes of it
  std::uint32_t envelope_bytes;       ///< header and payload
  void (*move_payload)(void* from, void* to) noexcept;  ///< `from` is still to be destroyed
  bool is_request = false;                              ///< the payload begins with its reply_to
  bool is_call_reply = false;  ///< nobody but the runtime has a handler for it
};

/// The header in front of every message. Layout is fixed: header 40 bytes, payload at 40 or, for
/// over-aligned types, at the next multiple of their alignment (64 at most).
struct envelope {
  envelope* next;   ///< in a chain or lane: circular, the last points to the first
  envelope* older;  ///< in the mailbox word's stack: the chain pushed before this one
  const message_type* type;
  std::uint32_t from_slot;
  std::uint32_t from_generation;
  std::uint32_t to_generation;
  std::uint16_t from_node;  ///< 0 = this node; others index the table of peers
  std::uint8_t lane;        ///< a priority, and lane_… bits
  std::uint8_t block;       ///< pool class in the low bits; high bit: from a meta

  [[nodiscard]] void* payload() noexcept {
    return reinterpret_cast<std::byte*>(this) + type->payload_offset;
  }
};
static_assert(sizeof(envelope) == 40, "the header is 40 bytes");

inline constexpr std::uint32_t payload_align_max = 64;

/// Pool classes an envelope comes in; larger ones come from the heap, marked block_on_heap.
inline constexpr std::uint16_t block_class_bytes[] = {64, 128, 192, 256, 384, 512, 1024};
inline constexpr std::uint8_t block_class_count = 7;
inline constexpr std::uint8_t block_on_heap = 0x7f;
inline constexpr std::uint8_t block_from_meta = 0x80;
inline constexpr std::uint8_t lane_mask = 0x03;
inline constexpr std::uint8_t lane_has_credit = 0x80;
/// It was put aside by a handler: accept_action was asked for it before.
inline constexpr std::uint8_t lane_was_accepted = 0x40;
/// Sent by the only worker: on top of a mailbox of its own, another one may join its chain.
inline constexpr std::uint8_t lane_may_grow = 0x20;

[[nodiscard]] constexpr std::uint8_t block_class_for(std::size_t bytes) noexcept {
  for (std::uint8_t i = 0; i < block_class_count; ++i) {
    if (bytes <= block_class_bytes[i]) return i;
  }
  return block_on_heap;
}

template <class M>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
  std::string_view text = __PRETTY_FUNCTION__;
  const auto begin = text.find("M = ");
  const auto end = text.find_first_of(";]", begin);
  return begin == text.npos ? text : text.substr(begin + 4, end - begin - 4);
}

[[nodiscard]] constexpr std::uint32_t name_hash(std::string_view name) noexcept {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash ^ (hash >> 15);
}

template <class M>
void destroy_payload(void* payload) noexcept {
  static_cast<M*>(payload)->~M();
}

template <class M>
void move_payload_of(void* from, void* to) noexcept {
  new (to) M(std::move(*static_cast<M*>(from)));
}

template <class M>
[[nodiscard]] constexpr std::uint32_t payload_offset() noexcept {
  constexpr std::uint32_t align = alignof(M);
  static_assert(align <= payload_align_max, "a message may be aligned to 64 bytes at most");
  return (static_cast<std::uint32_t>(sizeof(envelope)) + align - 1) / align * align;
}

/// What happens to an M whose receiver has no handler for it, instead of being counted as
/// unhandled. Set for the library's own messages only (beside the type, before its first use).
template <class M>
inline constexpr unhandled_function unhandled_action = nullptr;

/// Asked before a handler of M is called: false, it is no longer wanted. For the library's own
/// messages only, as above.
template <class M>
inline constexpr bool (*accept_action)(slot& self, const M& message) noexcept = nullptr;
/// Whether M has one: under UBSan g++ 12 cannot compare an address with null in a constant
/// expression.
template <class M>
inline constexpr bool has_accept_action = false;

/// What an M that is lost on its way does about it.
template <class M>
inline constexpr lose_function lose_action = nullptr;

/// Whether M is a request_of.
template <class M>
inline constexpr bool is_request_payload = false;

/// The one descriptor of M in the program; its address is the type's identity.
template <class M>
inline constexpr message_type message_type_of{
    &message_type_of<M>,
    std::is_trivially_destructible_v<M> ? nullptr : &destroy_payload<M>,
    nullptr,
    nullptr,
    type_name<M>(),
    name_hash(type_name<M>()),
    payload_offset<M>(),
    unhandled_action<M>,
    lose_action<M>,
    payload_offset<M>() + sizeof(M),
    &move_payload_of<M>,
    is_request_payload<M>};

}  // namespace core

/// A message of any type, as a catch-all handler `void on(sluice::any_message&)` sees it. Lives as
/// long as the handler runs; only that handler may touch it.
class any_message {
 public:
  explicit any_message(core::envelope& carried) noexcept : carried_(&carried) {}

  template <message M>
  [[nodiscard]] bool is() const noexcept {
    return carried_->type->identity == &core::message_type_of<M>;
  }
  /// The payload, or null when it is of another type. It may be moved from.
  template <message M>
  [[nodiscard]] M* get() noexcept {
    return is<M>() ? static_cast<M*>(carried_->payload()) : nullptr;
  }
  /// The type's name as the compiler spells it.
  [[nodiscard]] std::string_view type_name() const noexcept { return carried_->type->name; }
  /// For the library.
  [[nodiscard]] core::envelope& carried() const noexcept { return *carried_; }

 private:
  core::envelope* carried_;
};

}  // namespace v0
}  // namespace sluice
