// The log: what processes and the runtime say, and where it goes.
//
//   sluice::node node{"gw", {.log_outputs = {{sluice::console_log()},
//                                            {sluice::file_log("gw.log").value()}}}};
//   log(log_severity::info, "begins");                       // in a process or meta
//   const auto scope = with_log_field("peer", text);          // in each line until it goes
//
// Lines are handed over on the thread that has something to say and written on a thread of the
// output's own: a sink that is slow, blocks or throws loses its own lines, which are counted and
// said, and holds up nobody. A line that repeats itself is written once, with the number of times.
// Text may come from peers: control bytes and what is not UTF-8 are escaped, and long text is cut.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/pid.hpp>
#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

enum class log_severity : std::uint8_t { debug, info, warning, error };
[[nodiscard]] const char* to_string(log_severity severity) noexcept;

struct log_field {
  std::string name;
  std::string value;
  friend bool operator==(const log_field&, const log_field&) = default;
};

/// One line. Also a message: see log_receiving (receive_log).
struct log_record {
  std::chrono::system_clock::time_point time{};
  log_severity severity = log_severity::info;
  address from;        ///< whose line; of the runtime itself: nobody
  std::string source;  ///< its name, or its pid or alias as text; of the runtime: empty
  std::string text;    ///< escaped
  std::vector<log_field> fields;
};

/// Where lines go. write() is called on one thread of the output's own, never twice at once.
class log_sink {
 public:
  log_sink() noexcept = default;
  log_sink(const log_sink&) = delete;
  log_sink& operator=(const log_sink&) = delete;
  virtual ~log_sink() = default;
  virtual void write(const log_record& line) = 0;
};

enum class log_format : std::uint8_t {
  text,  ///< 2026-05-01T12:00:00.123456Z warning name: what happened {peer=10.0.0.1}
  json,  ///< an object a line
};
/// Without the end of the line.
[[nodiscard]] std::string format_log(const log_record& line, log_format as);

/// To standard error.
[[nodiscard]] std::shared_ptr<log_sink> console_log(log_format as = log_format::text);
/// Appends to a file, which is made if need be. Errors: of open().
[[nodiscard]] result<std::shared_ptr<log_sink>> file_log(const std::string& path,
                                                         log_format as = log_format::json);

struct log_output {
  std::shared_ptr<log_sink> sink;
  log_severity from = log_severity::info;  ///< lines below it are left out
  std::uint32_t waiting_max = 8192;        ///< lines that wait to be written; more are lost
};

/// For logs and terminals: control bytes and what is not UTF-8 as \xNN, cut at `bytes_max`.
[[nodiscard]] std::string escape_for_log(std::string_view text, std::size_t bytes_max);

}  // namespace v0
}  // namespace sluice
