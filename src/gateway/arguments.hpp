// The gateway's command line: a mode, and options, each of which belongs to some of the modes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sluice/node.hpp>
#include <sluice/tcp_client.hpp>

#include "location.hpp"

namespace gateway {

enum class mode_name : std::uint8_t {
  echo,          ///< bytes go back where they came from, over TCP or a unix socket
  unix_echo,     ///< the same, on a path
  udp_echo,      ///< datagrams go back to their senders
  forward,       ///< connections (or datagrams) are handed on to a target
  port_program,  ///< each connection talks to a program of its own
};

struct arguments {
  mode_name mode = mode_name::echo;
  location listen{transport::tcp, "127.0.0.1", 7000};
  location target{};
  std::vector<std::string> program{};

  std::uint32_t workers = 0;     ///< 0 = one a scheduler
  std::uint32_t schedulers = 0;  ///< 0 = one a core
  std::uint32_t io_threads = 0;
  sluice::pinning pin = sluice::pinning::cores;
  std::vector<int> pin_list{};
  sluice::driver_choice driver = sluice::driver_choice::automatic;
  std::uint32_t ring_buffers = 0;       ///< 0 = the library's own number
  std::uint32_t ring_buffer_bytes = 0;  ///< the same
  std::uint32_t connections_max = 0;    ///< 0 = none of ours
  std::chrono::seconds status_every{0};
  std::chrono::seconds connect_time_max{5};
  std::chrono::seconds idle_time_max{60};
  std::chrono::seconds stall_time_max{300};
  std::uint32_t sessions_max = 65536;
  std::vector<std::string> proxy_from{};  ///< peers that begin with a PROXY header
  sluice::tcp::proxy_version proxy_send = sluice::tcp::proxy_version::none;
  std::uint32_t sockets = 1;

  bool wants_help = false;
  bool wants_version = false;
};

/// Null: not understood; `complaint` says what.
[[nodiscard]] std::optional<arguments> parse(int count, const char* const* words,
                                             std::string& complaint);

[[nodiscard]] std::string help_text(mode_name mode);
/// "echo", "forward", …
[[nodiscard]] std::string_view name_of(mode_name mode) noexcept;

}  // namespace gateway
