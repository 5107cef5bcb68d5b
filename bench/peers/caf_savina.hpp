// caf_savina: the programs of the Savina suite that are bound by messages, on CAF 0.17.
//
// A program is what it is in bench/savina, with the same protocol, sizes, seeds and checks; only
// the runtime is another. This is what the command line knows of them; nothing of CAF is in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caf_savina {

class iteration;

enum class size : std::uint8_t { normal, small, tiny };

/// CAF's schedulers: queues of the workers' own and theft, or one queue for all.
enum class scheduler : std::uint8_t { stealing, sharing };

/// What the command line asks of every iteration.
struct settings {
  std::uint32_t threads = 2;
  bool is_pinned = true;
  std::chrono::seconds patience{300};
  caf_savina::size size = size::normal;
  std::optional<caf_savina::scheduler> scheduler{};  ///< the program's own unless given
  std::map<std::string, std::uint64_t, std::less<>> parameters{};
};

struct program {
  /// As `savina --sizes` has it: check.py compares the two.
  struct parameter {
    std::string_view name{};
    std::uint64_t normal = 0;
    std::uint64_t small = 0;
    std::uint64_t tiny = 0;
  };

  std::string_view name;
  parameter parameters[4];          ///< those without a name do not exist
  caf_savina::scheduler scheduler;  ///< the default unless it is far behind the other here
  void (*run)(iteration& it);
};

/// A verified iteration.
struct outcome {
  double total_ms = 0;
  double inner_ms = 0;
  std::uint64_t messages = 0;
  std::string_view checked_against{};  ///< "ci", "default", ...; empty: the protocol only
  std::vector<std::pair<std::string, double>> notes{};
};

/// Ends the process with 1 and the reason where a check fails: a system whose actors live waits for
/// them for ever when it is destroyed.
[[nodiscard]] outcome run_once(const program& what, const settings& given);

extern const program banking;
extern const program barber;
extern const program big;
extern const program bitonicsort;
extern const program chameneos;
extern const program count;
extern const program facloc;
extern const program fib;
extern const program filterbank;
extern const program fjcreate;
extern const program fjthrput;
extern const program logmap;
extern const program philosopher;
extern const program pingpong;
extern const program radixsort;
extern const program sor;
extern const program threadring;
extern const program uct;

}  // namespace caf_savina
