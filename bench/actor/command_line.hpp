// The command line of actor-bench.
#pragma once

#include <string>
#include <vector>

#include "plant.hpp"
#include "trial.hpp"
#include "workload.hpp"

namespace actor_bench {

struct command_line {
  std::vector<const workload*> workloads{};
  settings given{};
  std::uint32_t runs = 1;
  defect planted = defect::none;
  std::uint64_t planted_at = 2;
  bool counts_crossings = false;
  bool is_list_wanted = false;
  bool is_help_wanted = false;
  bool has_own_processes = true;
  std::string error{};  ///< empty when all was understood
};

[[nodiscard]] command_line parse(int words_count, const char* const* words);

extern const char* const usage_text;

}  // namespace actor_bench
