// Options of TCP connections, and how workers are named: shared by tcp::server and tcp::client.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sluice/handle.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace tcp {

/// What happens when a connection's write queue stands above its high mark.
enum class write_policy : std::uint8_t {
  pause_reading,  ///< read no more from this peer until the queue is below the low mark
  drop,           ///< refuse further writes until it is below the high mark
  close,          ///< end the connection
};

/// Of each connection that a server accepts or a client makes.
struct connection_options {
  bool nodelay = true;
  std::uint32_t write_bytes_high = 256 * 1024;
  std::uint32_t write_bytes_low = 64 * 1024;
  write_policy policy = write_policy::pause_reading;
  /// Bytes read and not yet let go by their holders, before this socket is read no further.
  std::uint32_t read_bytes_max = 256 * 1024;
  /// Closing waits this long for queued bytes to be sent, draining as long for the worker.
  std::chrono::milliseconds flush_time_max{5000};
};

/// A process that serves connections: by its pid or handle, or by the name it has or will have.
struct worker_name {
  pid who{};
  std::string name{};

  worker_name() = default;
  worker_name(pid who_) noexcept : who(who_) {}
  template <class A>
  worker_name(const handle<A>& who_) noexcept : who(who_.id()) {}
  worker_name(std::string name_) noexcept : name(std::move(name_)) {}
  worker_name(std::string_view name_) : name(name_) {}
  worker_name(const char* name_) : name(name_) {}

  [[nodiscard]] bool is_given() const noexcept { return who.is_valid() || !name.empty(); }
};

/// Workers in the order of their turns; made from names, pids, handles, or lists of these.
struct worker_list : std::vector<worker_name> {
  using std::vector<worker_name>::vector;
  worker_list(const std::vector<pid>& pids) : std::vector<worker_name>(pids.begin(), pids.end()) {}
  worker_list(const std::vector<std::string>& names)
      : std::vector<worker_name>(names.begin(), names.end()) {}
  template <class A>
  worker_list(const std::vector<handle<A>>& handles)
      : std::vector<worker_name>(handles.begin(), handles.end()) {}
};

}  // namespace tcp
}  // namespace v0
}  // namespace sluice
