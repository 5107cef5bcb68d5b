// figures: what a program of workloads prints, and the processes that its runs are.
//
// A run prints `NAME THREADS VALUE UNIT` for each of its figures, in a child of the program; the
// program passes the lines on, keeps the values and prints `median ...` at the end. Peers print the
// same lines by the same code: nothing of the library is in here.
// Who: the driver, a thread without others beside it, so that a fork is a clean process.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

/// A size of a workload: its value by definition, and one that ends within milliseconds.
struct parameter {
  std::string_view name{};
  std::uint64_t value = 0;
  std::uint64_t tiny = 0;
};

/// One line of output. `suffix` is "" for the figure that has the workload's own name.
struct figure {
  std::string_view suffix;
  double value;
  std::string_view unit;
};

/// False: the lines could not be written.
[[nodiscard]] bool print_figures(std::FILE* out, std::string_view workload, std::uint32_t threads,
                                 std::span<const figure> figures);

/// A line of --list; parameters without a name do not exist.
void print_listed(std::string_view workload, std::string_view what,
                  std::span<const parameter> parameters);

/// The figures of one workload's runs.
class figure_book {
 public:
  /// Passes lines on until their end and keeps their figures.
  void copy_lines(std::FILE* from);
  /// False: they could not be written.
  [[nodiscard]] bool print_medians(std::uint32_t threads) const;

 private:
  struct series {
    std::string name;
    std::string unit;
    std::vector<double> values;
  };
  std::vector<series> all_;
};

struct child_end {
  bool is_good = false;
  int signal = 0;  ///< that it died of; 0 = none
};

/// Runs `body` in a process of its own; what it prints goes into `figures`. The process is good if
/// `body` answers true.
[[nodiscard]] child_end run_in_child(const std::function<bool(std::FILE* out)>& body,
                                     figure_book& figures);

}  // namespace sluice::bench
