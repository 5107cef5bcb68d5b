// forward: passing on the message being handled, in the name of who sent it.
//
//   void on(sluice::any_message& any) { forward(worker_, any); }        // of whatever type
//   void on(job one) { forward(worker_, std::move(one)); }
//   void on(job_status asked, sluice::reply_to<job_status> answer) {
//     forward(worker_, asked, std::move(answer));                         // the worker answers
//   }
//
// The next one sees the first sender as sender() and gets the message in the lane in which it came.
// A request keeps its deadline and takes the duty to answer along: the answer goes straight to who
// asked, and a forward that is refused answers it with the error.
#pragma once

#include <string_view>
#include <utility>

#include <sluice/context.hpp>
#include <sluice/handle.hpp>
#include <sluice/message.hpp>
#include <sluice/request.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

/// Sends `carried` in the name and lane of the message that `self` handles.
send_outcome post_forwarded(slot& self, envelope* carried, address to) noexcept;
/// The same with the payload of `seen`, which is moved from.
send_outcome forward_payload(slot& self, envelope& seen, address to) noexcept;

template <class Base>
class forwarding : public Base {
 public:
  /// Passes on what a catch-all handler got. `message` is left moved from.
  send_outcome forward(address to, any_message& message) noexcept {
    return forward_payload(*this->self_, message.carried(), to);
  }
  template <class A, class Address>
  send_outcome forward(const basic_handle<A, Address>& to, any_message& message) noexcept {
    return forward(static_cast<address>(to), message);
  }
  send_outcome forward(std::string_view name, any_message& message) noexcept {
    return forward(this->find(name), message);
  }
  /// Passes on `message`, perhaps changed, as if the sender of the one being handled had sent it.
  template <message M>
  send_outcome forward(address to, M message) noexcept {
    return carry_on(message_type_of<M>, to, std::move(message));
  }
  template <class A, class Address, message M>
  send_outcome forward(const basic_handle<A, Address>& to, M message) noexcept {
    static_assert(accepts<A, M>,
                  "sluice: this actor has no handler for the message: add void on(that type)");
    return carry_on(basic_handle<A, Address>::template type_for<M>(), to, std::move(message));
  }
  template <message M>
  send_outcome forward(std::string_view name, M message) noexcept {
    return forward(this->find(name), std::move(message));
  }
  /// Passes a request on, with the duty to answer it.
  template <request_type M>
  send_outcome forward(address to, M asked, reply_to<M> answer) noexcept {
    return carry_on(message_type_of<request_of<M>>, to,
                    request_of<M>{std::move(answer), std::move(asked)});
  }
  template <class A, class Address, request_type M>
  send_outcome forward(const basic_handle<A, Address>& to, M asked, reply_to<M> answer) noexcept {
    return carry_on(basic_handle<A, Address>::template type_for_request<M>(), to,
                    request_of<M>{std::move(answer), std::move(asked)});
  }
  template <request_type M>
  send_outcome forward(std::string_view name, M asked, reply_to<M> answer) noexcept {
    return forward(this->find(name), std::move(asked), std::move(answer));
  }

 protected:
  forwarding() noexcept = default;
  ~forwarding() = default;

 private:
  template <class Payload>
  send_outcome carry_on(const message_type& type, address to, Payload&& payload) noexcept {
    return carry(
        type, std::move(payload),
        [this](std::uint8_t block, std::size_t bytes) {
          return open_envelope(*this->self_, block, bytes);
        },
        [&](envelope* carried) { return post_forwarded(*this->self_, carried, to); });
  }
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
