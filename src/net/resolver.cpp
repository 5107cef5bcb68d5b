#include "net/resolver.hpp"

#include <netdb.h>

#include <cerrno>
#include <utility>

#include "actor/delivery.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"

namespace sluice::inline v0::net {

namespace {

error error_of(int answer) noexcept {
  if (answer == EAI_SYSTEM) return error_from_errno(errno, "resolve");
  if (answer == EAI_MEMORY) return {error_code::out_of_memory, 0, "resolve"};
  return {error_code::bad_address, 0, ::gai_strerror(answer)};
}

result<std::vector<io::socket_address>> parse_all(const result<std::vector<std::string>>& texts,
                                                  std::uint16_t port) {
  if (!texts) return texts.error();
  std::vector<io::socket_address> found;
  for (const std::string& text : texts.value()) {
    auto one = io::socket_address::parse(text, port);
    if (!one) return one.error();
    if (found.size() < resolver::addresses_max) found.push_back(one.value());
  }
  if (found.empty()) return error{error_code::bad_address, 0, "resolve: no address"};
  return found;
}

}  // namespace

result<std::vector<io::socket_address>> look_up(const std::string& host, std::uint16_t port) {
  ::addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  ::addrinfo* first = nullptr;
  const std::string service = std::to_string(port);
  if (const int answer = ::getaddrinfo(host.c_str(), service.c_str(), &wanted, &first);
      answer != 0) {
    return error_of(answer);
  }
  std::vector<io::socket_address> found;
  for (const ::addrinfo* each = first; each != nullptr; each = each->ai_next) {
    if (found.size() == resolver::addresses_max) break;
    found.push_back(io::socket_address::from_bytes(
        {reinterpret_cast<const std::byte*>(each->ai_addr), each->ai_addrlen}));
  }
  ::freeaddrinfo(first);
  if (found.empty()) return error{error_code::bad_address, 0, "resolve: no address"};
  return found;
}

resolver::resolver(resolve_order order, std::shared_ptr<base::atomic<std::uint32_t>> busy)
    : order_(std::move(order)), busy_(std::move(busy)) {}

void resolver::start(std::stop_token) {
  const auto found = order_.instead ? parse_all(order_.instead(order_.host), order_.port)
                                    : look_up(order_.host, order_.port);
  count_out();  // Before the answer: who hears it may ask again.
  resolved answer{order_.token, found.error(), {}};
  if (found) answer.addresses = found.value();
  send(order_.asker, std::move(answer));
}

void resolver::count_out() noexcept {
  // Relaxed: a limit; nothing is published by it.
  if (busy_ != nullptr) std::exchange(busy_, nullptr)->fetch_sub(1, base::relaxed);
}

result<void> begin_to_resolve(core::meta_state& asker, resolve_order order) {
  auto& by = core::execution_on(*asker.home);
  auto busy = by.node.resolving;
  // Relaxed: as in count_out.
  if (busy->fetch_add(1, base::relaxed) >= resolver::count_max) {
    busy->fetch_sub(1, base::relaxed);
    return error{error_code::limit_reached, 0, "resolve: look-ups at a time"};
  }
  const std::string name = "resolve " + order.host;
  core::meta_order how;
  how.thread_name = std::string_view{name}.substr(0, 15);
  how.is_pinned = false;
  auto made = core::order_and_spawn<resolver>(
      how,
      [&](const core::meta_order& filled) {
        return core::spawn_meta(by, filled, asker.self, asker.generation);
      },
      std::move(order), std::move(busy));
  if (made) return {};
  if (busy != nullptr)
    busy->fetch_sub(1, base::relaxed);  // It was never constructed. Relaxed: as above.
  return made.error();
}

}  // namespace sluice::inline v0::net
