#include "command_line.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace actor_bench {

const char* const usage_text =
    "usage: actor-bench --workload NAME|all [--threads N] [--runs N] [--param NAME=VALUE]...\n"
    "                   [--pin cores|none] [--patience SECONDS] [--tiny] [--here]\n"
    "                   [--plant drop|duplicate|reorder|wrong-value|wrong-content]\n"
    "                   [--plant-at NUMBER] [--costs] [--crossings]\n"
    "       actor-bench --list\n"
    "\n"
    "  --param     another size than the definition's; --list shows the names\n"
    "  --pin       cores: scheduler i on the i-th allowed core (default)\n"
    "  --patience  a run that takes longer has failed (120)\n"
    "  --tiny      sizes that end at once, to see that all is well\n"
    "  --here      everything in this process, for debuggers and profilers\n"
    "  --costs     NAME-wakes and NAME-steals too, of schedulers in a second of the timed part,\n"
    "              and NAME-grown, the most memory\n"
    "  --plant     spoils one message: the run must fail (wrong-content: where there is one)\n"
    "  --crossings counts what goes between threads and prints that: -crossed in % of the\n"
    "              messages, -moved of big's receivers, -activations, -steals and -wakes for a "
    "million of them, and how\n"
    "              many workers were -busy on the mean. Counting takes time, so no speed is said\n"
    "\n"
    "Prints `NAME THREADS VALUE UNIT` for each run that was verified, then `median ...`.\n"
    "Exit codes: 0 all runs verified, 1 a run failed and has no figure, 2 usage.\n";

namespace {

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The setters answer false for a value that makes no sense.

bool set_workload(command_line& line, std::string_view value) {
  if (value == "all") {
    line.workloads.assign(all_workloads().begin(), all_workloads().end());
    return true;
  }
  const workload* const found = find_workload(value);
  if (found != nullptr) line.workloads.push_back(found);
  return found != nullptr;
}

bool set_threads(command_line& line, std::string_view value) {
  const auto number = number_in(value);
  if (number) line.given.threads = static_cast<std::uint32_t>(*number);
  return number && *number >= 1 && *number <= 1024;
}

bool set_runs(command_line& line, std::string_view value) {
  const auto number = number_in(value);
  if (number) line.runs = static_cast<std::uint32_t>(*number);
  return number && *number >= 1 && *number <= 1'000'000;
}

bool set_patience(command_line& line, std::string_view value) {
  const auto number = number_in(value);
  if (number) line.given.patience = std::chrono::seconds{*number};
  return number && *number >= 1 && *number <= 86'400;
}

bool set_pin(command_line& line, std::string_view value) {
  line.given.pin = value == "cores" ? sluice::pinning::cores : sluice::pinning::none;
  return value == "cores" || value == "none";
}

bool set_parameter(command_line& line, std::string_view value) {
  const auto equals = value.find('=');
  if (equals == value.npos) return false;
  const auto number = number_in(value.substr(equals + 1));
  if (number) line.given.parameters[std::string{value.substr(0, equals)}] = *number;
  return number.has_value();
}

bool set_plant(command_line& line, std::string_view value) {
  if (value == "drop") line.planted = defect::drop;
  if (value == "duplicate") line.planted = defect::duplicate;
  if (value == "reorder") line.planted = defect::reorder;
  if (value == "wrong-value") line.planted = defect::wrong_value;
  if (value == "wrong-content") line.planted = defect::wrong_content;
  return line.planted != defect::none;
}

bool set_plant_at(command_line& line, std::string_view value) {
  const auto number = number_in(value);
  if (number) line.planted_at = *number;
  return number.has_value();
}

struct option {
  std::string_view name;
  bool (*set)(command_line&, std::string_view);
};
constexpr option options[] = {{"--workload", &set_workload}, {"--threads", &set_threads},
                              {"--runs", &set_runs},         {"--patience", &set_patience},
                              {"--pin", &set_pin},           {"--param", &set_parameter},
                              {"--plant", &set_plant},       {"--plant-at", &set_plant_at}};

struct flag {
  std::string_view name;
  void (*set)(command_line&);
};
constexpr flag flags[] = {{"--list", [](command_line& line) { line.is_list_wanted = true; }},
                          {"--help", [](command_line& line) { line.is_help_wanted = true; }},
                          {"--tiny", [](command_line& line) { line.given.is_tiny = true; }},
                          {"--costs", [](command_line& line) { line.given.has_costs = true; }},
                          {"--crossings", [](command_line& line) { line.counts_crossings = true; }},
                          {"--here", [](command_line& line) { line.has_own_processes = false; }}};

// Each parameter is one of some workload that was asked for.
std::string check_parameters(const command_line& line) {
  for (const auto& [name, value] : line.given.parameters) {
    bool is_known = false;
    for (const workload* each : line.workloads) {
      for (const parameter& one : each->parameters) is_known = is_known || one.name == name;
    }
    if (!is_known) return "no such parameter: " + name;
    if (value == 0 && name != "batch") return "the parameter may not be 0: " + name;
  }
  return {};
}

std::string check_crossings(const command_line& line) {
  if (!line.counts_crossings) return {};
  if (line.planted != defect::none) return "--crossings and --plant exclude each other";
  for (const workload* each : line.workloads) {
    if (!each->can_count_crossings) {
      return "crossings of " + std::string{each->name} + " cannot be counted";
    }
  }
  return {};
}

bool take_flag(command_line& line, std::string_view word) {
  for (const flag& each : flags) {
    if (each.name != word) continue;
    each.set(line);
    return true;
  }
  return false;
}

}  // namespace

command_line parse(int words_count, const char* const* words) {
  command_line line;
  for (int i = 1; i < words_count; ++i) {
    const std::string_view word = words[i];
    if (take_flag(line, word)) continue;
    const option* found = nullptr;
    for (const option& each : options) {
      if (each.name == word) found = &each;
    }
    if (found == nullptr) {
      line.error = "no such option: " + std::string{word};
    } else if (i + 1 == words_count) {
      line.error = std::string{word} + " needs a value";
    } else if (!found->set(line, words[++i])) {
      line.error = std::string{word} + " does not take " + words[i];
    }
    if (!line.error.empty()) return line;
  }
  if (!line.is_list_wanted && !line.is_help_wanted && line.workloads.empty()) {
    line.error = "--workload is missing";
  } else {
    line.error = check_parameters(line);
    if (line.error.empty()) line.error = check_crossings(line);
  }
  return line;
}

}  // namespace actor_bench
