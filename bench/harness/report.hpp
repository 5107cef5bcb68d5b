// report: the verified iterations of one program, printed as they come and summed up.
#pragma once

#include <string>
#include <vector>

#include "iteration.hpp"

namespace sluice::bench {

class series {
 public:
  series(const program& what, const settings& given) : what_(what), given_(given) {}

  /// Keeps the times of a finished iteration and prints them.
  void add(const iteration& done);
  /// Medians and the runner's statistics, to standard output.
  void print_summary() const;
  [[nodiscard]] bool write_json(const std::string& path) const;

 private:
  struct figures {
    std::string name;  // with its suffix
    std::string unit;
    std::vector<double> values;
  };

  void add_measured(const measurement& one);
  void print_statistics() const;
  [[nodiscard]] bool has_times() const noexcept { return what_.is_bound != bound::by_rule; }

  const program& what_;
  const settings& given_;
  std::vector<double> total_ms_;
  std::vector<double> inner_ms_;
  std::vector<figures> measured_;
  std::vector<std::pair<std::string, std::vector<double>>> notes_;
  std::string checked_against_;
  std::uint64_t messages_ = 0;  // of the last iteration
};

}  // namespace sluice::bench
