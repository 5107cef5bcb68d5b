// Ports: a meta process that runs a program and speaks with it over its standard descriptors.
//
//   auto made = spawn_meta<port::program>({.argv = {"sort", "-n"}, .deliver = port::lines{}});
//   send(made.value(), port::input{{}, bytes::copy_of("2\n1\n")});
//   send(made.value(), port::close_input{});
//
// The worker is told started, output…, exited (port_messages.hpp). There is no shell: argv is what
// the program gets. It sees descriptors 0, 1 and 2 and no other, default signal dispositions, an
// empty signal mask, and the environment that is given here.
// How it ends:
//   by itself                   its output is read to the end, then exited is told
//   exit of any reason but      its input is closed, it gets SIGTERM, and after kill_after SIGKILL;
//   killed; its parent ends     what it writes meanwhile is still told
//   exit killed                 SIGKILL at once; what it wrote and was not read is lost
// Its parent's end, node stop and the death of the worker are ends of the second kind. No zombie
// stays. Descendants of the program are its own affair, unless own_group is set.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <sluice/framing.hpp>
#include <sluice/meta.hpp>
#include <sluice/port_messages.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace port {

/// How output becomes messages.
/// Bytes as they are read, at most 32 KiB a message.
struct chunks {};
/// A message a line, without its line feed (and a carriage return before it).
struct lines {
  std::uint32_t line_bytes_max = 64 * 1024;  ///< a longer one comes in pieces of this size
};

enum class error_route : std::uint8_t {
  apart,    ///< messages of its own: channel::error
  merged,   ///< into the output, in the order written
  discard,  ///< /dev/null
  inherit,  ///< where the host's goes
};

struct program_options {
  /// argv[0] is the file: with a slash as it stands, seen from `directory`; without one it is
  /// looked for in the host's PATH.
  std::vector<std::string> argv{};
  /// "NAME=value". All that the program gets, unless inherit_env.
  std::vector<std::string> env{};
  /// The host's environment too; `env` wins.
  bool inherit_env = false;
  std::string directory{};  ///< empty: the host's
  /// With a framing each message of output is a frame, and each input is made one. Output that is
  /// malformed ends the program at once.
  std::variant<chunks, lines, framing> deliver = chunks{};
  error_route error = error_route::apart;  ///< what is told comes as `deliver` says
  bool has_output = true;                  ///< false: /dev/null
  bool has_input = true;                   ///< false: /dev/null
  /// Who is told; default the process that spawned the port (the node itself is none).
  pid worker{};
  /// Of each channel: bytes told and not let go of, with what holds each piece of them, before it
  /// is read no further and the program waits.
  std::uint32_t output_bytes_max = 256 * 1024;
  std::uint32_t input_bytes_high = 256 * 1024;  ///< above it `writable` will come
  std::uint32_t input_bytes_low = 64 * 1024;
  std::uint32_t input_bytes_max =
      4 * 1024 * 1024;  ///< input that would pass this is lost, and told
  /// Signals go to the program and its descendants, as long as they stay in its process group;
  /// those that are left when an ordered end is over are killed.
  bool own_group = false;
  /// Sent by the kernel when the thread that spawned the program ends, also when the host crashes.
  /// Of use only when that thread lives as long as the node. 0 = none.
  int parent_death_signal = 0;
  std::chrono::milliseconds kill_after{2000};
  /// After the program's end its own output is read whole, however slowly the worker takes it; that
  /// of descendants who hold it open for this long.
  std::chrono::milliseconds leftover_time_max{1000};
  meta_options meta{};
};

/// Errors of its spawn: what the system said to the exec (ENOENT, EACCES, E2BIG, …), the working
/// directory, the pipes or the process, with os_error and the place; bad_argument (argv, env,
/// marks, framing, worker); not_supported (a node without rings). The spawner waits until the
/// program runs.
class program : public meta_base {
 public:
  using options = program_options;
  using listed_messages = messages<>;

  explicit program(program_options asked);
  ~program();

  void on(port::input&& message);
  void on(const port::close_input& message);
  void on(const port::send_signal& message);
  void on_inspect(inspect_items& items);

  struct implementation;  ///< src/net/port_program.hpp
  [[nodiscard]] implementation& inner() noexcept { return *inner_; }

 private:
  std::unique_ptr<implementation> inner_;
};

}  // namespace port

template <>
struct behaviour_of<port::program> {
  static const core::meta_behaviour value;
};

}  // namespace v0
}  // namespace sluice
