// What actors, metas and handles call in the library: the erased core under the typed skin.
//
// Nothing here is for users; actor.hpp, meta.hpp, handle.hpp and node.hpp are.
#pragma once

#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include <sluice/exit_reason.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>
#include <sluice/request.hpp>
#include <sluice/result.hpp>
#include <sluice/spawn_order.hpp>
#include <sluice/timer.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

class gate;
struct slot;

/// A message under way: who carries it, and the envelope; null envelope = no memory or no node.
struct outgoing {
  envelope* carried = nullptr;
  send_outcome refused = send_outcome::full;
};

/// What an actor that has not been spawned yet is bound to.
[[nodiscard]] slot& unbound_slot() noexcept;

// -- from inside: `self` is the slot of the actor or meta whose flow this is
[[nodiscard]] outgoing open_envelope(slot& self, std::uint8_t block, std::size_t bytes) noexcept;
send_outcome post(slot& self, envelope* carried, address to, priority lane) noexcept;
send_outcome post_named(slot& self, envelope* carried, std::string_view name,
                        priority lane) noexcept;
[[nodiscard]] timer post_later(slot& self, envelope* carried, address to, priority lane,
                               std::chrono::nanoseconds delay) noexcept;
[[nodiscard]] timer post_every(slot& self, envelope* carried, address to, priority lane,
                               std::chrono::nanoseconds period, const repeat_kind& copies) noexcept;
[[nodiscard]] timer exit_later(slot& self, address who, exit_reason reason,
                               std::chrono::nanoseconds delay) noexcept;
[[nodiscard]] result<pid> spawn_from(slot& self, const spawn_order& order) noexcept;
[[nodiscard]] result<alias> spawn_meta_from(slot& self, const meta_order& order) noexcept;
[[nodiscard]] result<void> register_name(slot& self, std::string_view name) noexcept;
bool unregister_name(slot& self) noexcept;
[[nodiscard]] result<alias> create_alias(slot& self) noexcept;
bool destroy_alias(slot& self, alias own) noexcept;
void want_exit(slot& self, exit_reason reason) noexcept;
send_outcome exit_from(slot& self, address to, exit_reason reason) noexcept;
[[nodiscard]] address sender_of(const slot& self) noexcept;
[[nodiscard]] pid pid_of(const slot& self) noexcept;
[[nodiscard]] alias alias_of(const slot& self) noexcept;
[[nodiscard]] pid parent_of(const slot& self) noexcept;
[[nodiscard]] pid find_name(slot& self, std::string_view name) noexcept;
[[nodiscard]] gate* gate_of(const slot& self) noexcept;
/// Metas: the priority of sends that name none.
[[nodiscard]] priority usual_lane_of(const slot& self) noexcept;
[[nodiscard]] std::optional<std::string_view> find_variable(const slot& self,
                                                            std::string_view name) noexcept;
void log_line(slot& self, log_severity level, std::string_view text);

// -- from anywhere: through the gate of a node, which outlives it
[[nodiscard]] outgoing open_envelope(gate* node, std::uint32_t node_id, std::uint8_t block,
                                     std::size_t bytes) noexcept;
send_outcome post(gate* node, envelope* carried, address to, priority lane) noexcept;
send_outcome exit_through(gate* node, address to, exit_reason reason) noexcept;

/// Builds `message` in an envelope described by `type` and hands it to `post_it`.
template <class M, class Open, class Post>
send_outcome carry(const message_type& type, M&& message, Open&& open, Post&& post_it) noexcept {
  using payload = std::remove_cvref_t<M>;
  constexpr std::size_t bytes = payload_offset<payload>() + sizeof(payload);
  const outgoing out = open(block_class_for(bytes), bytes);
  if (out.carried == nullptr) [[unlikely]]
    return out.refused;
  out.carried->type = &type;
  new (reinterpret_cast<std::byte*>(out.carried) + payload_offset<payload>())
      payload(std::forward<M>(message));
  return post_it(out.carried);
}

/// Builds `message` in an envelope, to be sent later; null when memory is out.
template <message M>
[[nodiscard]] envelope* prepare(slot& self, M&& message) noexcept {
  constexpr std::size_t bytes = payload_offset<M>() + sizeof(M);
  const outgoing out = open_envelope(self, block_class_for(bytes), bytes);
  if (out.carried == nullptr) return nullptr;
  out.carried->type = &message_type_of<M>;
  new (reinterpret_cast<std::byte*>(out.carried) + payload_offset<M>()) M(std::move(message));
  return out.carried;
}

template <message M>
send_outcome send_from(slot& self, const message_type& type, address to, M&& message,
                       priority lane) noexcept {
  return carry(
      type, std::move(message),
      [&](std::uint8_t block, std::size_t bytes) { return open_envelope(self, block, bytes); },
      [&](envelope* carried) { return post(self, carried, to, lane); });
}

template <message M>
send_outcome send_through(gate* node, const message_type& type, address to, M&& message,
                          priority lane) noexcept {
  return carry(
      type, std::move(message),
      [&](std::uint8_t block, std::size_t bytes) {
        return open_envelope(node, to.node, block, bytes);
      },
      [&](envelope* carried) { return post(node, carried, to, lane); });
}

/// Asks `to`; the completion will come back as `kind` says.
template <class M>
[[nodiscard]] result<ref> request_from(slot& self, const message_type& type,
                                       const completion_kind& kind, address to, M&& asked,
                                       const request_options& options) noexcept {
  using payload = request_of<M>;
  constexpr std::size_t bytes = payload_offset<payload>() + sizeof(payload);
  auto opened = open_request(self, to, kind, options, block_class_for(bytes), bytes);
  if (!opened) return opened.error();
  const auto [carried, answer] = opened.value();
  carried->type = &type;
  new (reinterpret_cast<std::byte*>(carried) + payload_offset<payload>())
      payload{reply_to<M>{answer}, std::forward<M>(asked)};
  // A refusal answers it.
  static_cast<void>(post(self, carried, to, options.lane));
  return answer.id;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
