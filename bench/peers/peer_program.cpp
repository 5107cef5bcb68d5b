#include "peer_program.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "../actor/plant.hpp"

namespace peers {

namespace {

constexpr const char* usage_text =
    " --workload NAME|all [--threads N] [--runs N] [--param NAME=VALUE]...\n"
    "      [--pin cores|none] [--patience SECONDS] [--tiny]\n"
    "      [--plant drop|duplicate|reorder|wrong-value [--plant-at NUMBER]]\n"
    "      --list\n"
    "\n"
    "The options and the lines are those of actor-bench; bench/peers/README.md.\n"
    "Exit codes: 0 all runs verified, 1 a run failed and has no figure, 2 usage.\n";

struct command_line {
  std::vector<const workload*> workloads{};
  settings given{};
  actor_bench::defect planted = actor_bench::defect::none;
  std::uint64_t planted_at = 2;
  bool is_list_wanted = false;
  bool is_help_wanted = false;
  std::string error{};
};

std::optional<std::uint64_t> number_in(std::string_view text, std::uint64_t least,
                                       std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value >= least && value <= most ? std::optional{value} : std::nullopt;
}

bool set_workload(command_line& line, std::span<const workload* const> listed,
                  std::string_view value) {
  const auto before = line.workloads.size();
  for (const workload* each : listed) {
    if (value == "all" || value == each->name) line.workloads.push_back(each);
  }
  return line.workloads.size() != before;
}

bool set_parameter(settings& given, std::string_view value) {
  const auto equals = value.find('=');
  if (equals == value.npos) return false;
  const auto number = number_in(value.substr(equals + 1), 0, UINT64_MAX);
  if (number) given.parameters[std::string{value.substr(0, equals)}] = *number;
  return number.has_value();
}

bool set_plant(command_line& line, std::string_view value) {
  using actor_bench::defect;
  if (value == "drop") line.planted = defect::drop;
  if (value == "duplicate") line.planted = defect::duplicate;
  if (value == "reorder") line.planted = defect::reorder;
  if (value == "wrong-value") line.planted = defect::wrong_value;
  return line.planted != defect::none;
}

template <class T>
bool set_number(T& to, std::string_view value, std::uint64_t least, std::uint64_t most) {
  const auto number = number_in(value, least, most);
  if (number) to = T(*number);
  return number.has_value();
}

// False: the option does not take this value, or there is no such option.
bool set_option(command_line& line, std::span<const workload* const> listed, std::string_view name,
                std::string_view value) {
  if (name == "--workload") return set_workload(line, listed, value);
  if (name == "--threads") return set_number(line.given.threads, value, 1, 1024);
  if (name == "--runs") return set_number(line.given.runs, value, 1, 1'000'000);
  if (name == "--patience") return set_number(line.given.patience, value, 1, 86'400);
  if (name == "--param") return set_parameter(line.given, value);
  if (name == "--plant") return set_plant(line, value);
  if (name == "--plant-at") return set_number(line.planted_at, value, 0, UINT64_MAX);
  if (name != "--pin") return false;
  line.given.is_pinned = value == "cores";
  return value == "cores" || value == "none";
}

bool has_parameter(const workload& what, std::string_view name) {
  return std::any_of(std::begin(what.parameters), std::end(what.parameters),
                     [name](const parameter& one) { return one.name == name; });
}

bool is_choice(std::string_view name) {
  return name == "batch" || name == "timeout_s" || name == "sharing";
}

// A size may not be 0; a choice may.
std::string check_parameters(const command_line& line) {
  for (const auto& [name, value] : line.given.parameters) {
    bool is_known = false;
    for (const workload* each : line.workloads) is_known = is_known || has_parameter(*each, name);
    if (!is_known) return "no such parameter: " + name;
    if (value == 0 && !is_choice(name)) return name + " may not be 0";
  }
  return {};
}

command_line parse(std::span<const workload* const> listed, int words_count,
                   const char* const* words) {
  command_line line;
  for (int i = 1; i < words_count && line.error.empty(); ++i) {
    const std::string word = words[i];
    if (word == "--list") {
      line.is_list_wanted = true;
    } else if (word == "--help") {
      line.is_help_wanted = true;
    } else if (word == "--tiny") {
      line.given.is_tiny = true;
    } else if (i + 1 == words_count) {
      line.error = "no such option, or it needs a value: " + word;
    } else if (!set_option(line, listed, word, words[++i])) {
      line.error = word + " does not take " + words[i];
    }
  }
  if (!line.error.empty() || line.is_list_wanted || line.is_help_wanted) return line;
  line.error = line.workloads.empty() ? "--workload is missing" : check_parameters(line);
  return line;
}

// The parameters of one workload only: `all` is given those of every workload.
settings settings_for(const workload& what, settings given) {
  std::erase_if(given.parameters, [&](const auto& one) { return !has_parameter(what, one.first); });
  return given;
}

const char* program_name = "peer";

void complain(const request& asked, const char* why) {
  std::fprintf(stderr, "%s: %.*s with %u threads: %s\n", program_name,
               static_cast<int>(asked.what.name.size()), asked.what.name.data(),
               asked.given.threads, why);
}

// In a child. True: all of `runs` were verified.
bool run_times(const request& asked, std::uint32_t runs, std::FILE* out) {
  if (asked.given.is_pinned) stay_on(first_cores(asked.given.threads));
  try {
    for (std::uint32_t i = 0; i < runs; ++i) {
      const std::vector<figure> figures = asked.what.run(asked);
      if (!sluice::bench::print_figures(out, asked.what.name, asked.given.threads, figures)) {
        return false;
      }
    }
    return true;
  } catch (const std::exception& why) {
    complain(asked, why.what());
    return false;
  }
}

// The parent has no thread and nothing of the peer in it, so a fork is a clean process.
bool run_in_child(const request& asked, std::uint32_t runs, sluice::bench::figure_book& figures) {
  const auto body = [&](std::FILE* out) { return run_times(asked, runs, out); };
  const sluice::bench::child_end end = sluice::bench::run_in_child(body, figures);
  if (end.signal != 0) complain(asked, "the process died of a signal");
  return end.is_good;
}

bool run_workload(const workload& what, const settings& all_given) {
  const settings given = settings_for(what, all_given);
  const std::uint32_t children = what.needs_cold_memory ? given.runs : 1;
  sluice::bench::figure_book all;
  for (std::uint32_t i = 0; i < children; ++i) {
    if (!run_in_child({what, given}, given.runs / children, all)) return false;
  }
  return all.print_medians(given.threads);
}

void print_list(std::span<const workload* const> listed) {
  for (const workload* each : listed) {
    sluice::bench::print_listed(each->name, each->what, each->parameters);
  }
}

}  // namespace

std::uint64_t request::parameter(std::string_view name) const {
  if (const auto found = given.parameters.find(name); found != given.parameters.end()) {
    return found->second;
  }
  for (const auto& each : what.parameters) {
    if (each.name == name) return given.is_tiny ? each.tiny : each.value;
  }
  throw void_run{"the workload has no parameter " + std::string{name}};
}

int run_program(const char* program, std::span<const workload* const> listed, int words_count,
                const char* const* words) {
  program_name = program;
  const command_line line = parse(listed, words_count, words);
  if (!line.error.empty()) {
    std::fprintf(stderr, "%s: %s\n%s%s", program, line.error.c_str(), program, usage_text);
    return 2;
  }
  if (line.is_help_wanted) {
    std::printf("%s%s", program, usage_text);
  } else if (line.is_list_wanted) {
    print_list(listed);
  }
  if (line.is_help_wanted || line.is_list_wanted) return 0;
  actor_bench::planted.arm(line.planted, line.planted_at);
  bool is_good = true;
  for (const workload* each : line.workloads) is_good = run_workload(*each, line.given) && is_good;
  return is_good ? 0 : 1;
}

std::vector<int> first_cores(std::uint32_t count) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE && cores.size() < count; ++core) {
    if (CPU_ISSET(static_cast<unsigned>(core), &allowed)) cores.push_back(core);
  }
  return cores;
}

void stay_on(const std::vector<int>& cores) {
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  for (const int core : cores) CPU_SET(static_cast<unsigned>(core), &wanted);
  if (::sched_setaffinity(0, sizeof wanted, &wanted) != 0) throw void_run{"no affinity"};
}

void give_up(const request& asked, const char* why) {
  complain(asked, why);
  std::_Exit(1);
}

}  // namespace peers
