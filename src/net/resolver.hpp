// resolver: looks one host name up on a thread of its own and tells who asked.
//
// A blocking meta, below the meta that asked: getaddrinfo cannot be interrupted, so one that hangs
// at node stop is named and quarantined like any start() that will not return. An answer that comes
// too late finds nobody, or a token that is over.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <sluice/meta.hpp>
#include <sluice/result.hpp>
#include <sluice/tcp_client.hpp>

#include "base/atomic.hpp"
#include "io/socket_address.hpp"

namespace sluice::inline v0::net {

/// To the asker: addresses, or why not.
struct resolved {
  std::uint64_t token = 0;
  error why{};
  std::vector<io::socket_address> addresses{};
};

/// The system's answer. Blocks.
[[nodiscard]] result<std::vector<io::socket_address>> look_up(const std::string& host,
                                                              std::uint16_t port);

struct resolve_order {
  std::uint64_t token = 0;
  alias asker;
  std::string host;
  std::uint16_t port = 0;
  tcp::resolve_function instead;
};

class resolver final : public meta<resolver> {
 public:
  /// Look-ups of a node under way at a time.
  static constexpr std::uint32_t count_max = 16;
  static constexpr std::size_t addresses_max = 16;

  /// Counts itself out of `busy` when it is done; the caller has counted it in.
  resolver(resolve_order order, std::shared_ptr<base::atomic<std::uint32_t>> busy);
  ~resolver() { count_out(); }

  void start(std::stop_token);

 private:
  void count_out() noexcept;

  resolve_order order_;
  std::shared_ptr<base::atomic<std::uint32_t>> busy_;
};

/// Spawns a resolver below `asker_slot`; limit_reached when count_max are at work.
[[nodiscard]] result<void> begin_to_resolve(core::meta_state& asker, resolve_order order);

}  // namespace sluice::inline v0::net
