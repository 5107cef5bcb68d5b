#include "program_main.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "iteration.hpp"
#include "report.hpp"

namespace sluice::bench {

namespace {

constexpr const char* usage_text =
    "usage: %s PROGRAM [--size normal|small|tiny] [--param NAME=VALUE]... [--threads N]\n"
    "                      [--iterations N] [--json FILE] [--pin cores|none] [--patience SECONDS]\n"
    "                      [--plant drop|duplicate|spoil [--plant-at NUMBER]]\n"
    "       %s --list | --sizes\n"
    "\n"
    "  --size        normal: the published default, or what two cores can run; small: the reduced\n"
    "                sets of the ports; tiny: for CI\n"
    "  --param       another size than these; --sizes shows names and values\n"
    "  --threads     schedulers (2), each on a core of its own unless --pin none\n"
    "  --iterations  12, as the suite's runner\n"
    "  --json        the raw series, the statistics and what was checked\n"
    "  --plant       spoils one message of each iteration: the checks must find it\n"
    "\n"
    "Prints `PROGRAM THREADS MS ms` and `PROGRAM-inner THREADS MS ms` for each iteration that was\n"
    "verified, then medians and the statistics of Savina's runner. Exit codes: 0 all verified,\n"
    "1 one was not, 2 usage, 3 what was planted met no message.\n";

struct command_line {
  const program* what = nullptr;
  settings given{};
  std::uint32_t iterations = 12;
  std::string json{};
  defect planted = defect::none;
  std::uint64_t planted_at = 0;
  std::string problem{};
};

// The executable: its name, in what it complains, and its programs.
struct suite {
  const char* name;
  std::span<const program* const> programs;
};

const program* find_program(const suite& all, std::string_view name) noexcept {
  const auto found = std::ranges::find(all.programs, name, &program::name);
  return found == all.programs.end() ? nullptr : *found;
}

bool take_parameter(command_line& line, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos) return false;
  const std::string name = text.substr(0, equals);
  const auto known = std::ranges::find(line.what->parameters, name, &program::parameter::name);
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + equals + 1, end, value);
  line.given.parameters[name] = value;
  return known != std::end(line.what->parameters) && parsed.ec == std::errc{} &&
         parsed.ptr == end && value >= known->least;
}

command_line read(const suite& all, arguments& words) {
  command_line line;
  line.given.threads = words.number<std::uint32_t>("--threads", line.given.threads, 1, 1024);
  line.iterations = words.number<std::uint32_t>("--iterations", line.iterations, 1, 1'000'000);
  line.given.patience =
      std::chrono::seconds{words.number<std::uint32_t>("--patience", 300, 1, 86'400)};
  line.given.size = static_cast<size>(words.choice("--size", {"normal", "small", "tiny"}));
  line.given.pin = words.choice("--pin", {"cores", "none"}) == 0 ? pinning::cores : pinning::none;
  line.planted =
      static_cast<defect>(words.choice("--plant", {"none", "drop", "duplicate", "spoil"}));
  line.planted_at = words.number<std::uint64_t>("--plant-at", 0, 0, UINT64_MAX);
  line.json = words.text("--json");
  line.problem = words.problem();
  if (line.problem.empty() && words.words().size() != 1) line.problem = "name one program";
  if (!line.problem.empty()) return line;
  line.what = find_program(all, words.words().front());
  if (line.what == nullptr) {
    line.problem = "no such program: " + words.words().front();
    return line;
  }
  for (const std::string& each : words.texts("--param")) {
    if (!take_parameter(line, each)) line.problem = "--param does not take " + each;
  }
  return line;
}

// One verified iteration, or the reason why not on standard error.
bool run_once(const suite& from, const command_line& line, series& all) {
  try {
    iteration it{*line.what, line.given};
    line.what->run(it);
    it.finish();
    all.add(it);
    return true;
  } catch (const std::exception& why) {
    std::fprintf(stderr, "%s: %s with %u threads: %s\n", from.name,
                 std::string{line.what->name}.c_str(), line.given.threads, why.what());
    return false;
  }
}

int run(const suite& from, const command_line& line) {
  planted.arm(line.planted, line.planted_at);
  series all{*line.what, line.given};
  for (std::uint32_t i = 0; i < line.iterations; ++i) {
    if (!run_once(from, line, all)) return 1;
    if (planted.kind() == defect::none || planted.has_met()) continue;
    std::fprintf(stderr, "%s: what is planted met no message\n", from.name);
    return 3;
  }
  all.print_summary();
  if (!line.json.empty() && !all.write_json(line.json)) {
    std::fprintf(stderr, "%s: cannot write %s\n", from.name, line.json.c_str());
    return 1;
  }
  return 0;
}

void print_list(const suite& all) {
  for (const program* each : all.programs) std::printf("%s\n", std::string{each->name}.c_str());
}

void print_sizes(const suite& all) {
  for (const program* each : all.programs) {
    std::printf("%-13s %s;", std::string{each->name}.c_str(), std::string{each->what}.c_str());
    for (const program::parameter& one : each->parameters) {
      if (one.name.empty()) continue;
      std::printf(" %s=%llu/%llu/%llu", std::string{one.name}.c_str(),
                  static_cast<unsigned long long>(one.normal),
                  static_cast<unsigned long long>(one.small),
                  static_cast<unsigned long long>(one.tiny));
    }
    std::printf("\n");
  }
}

void print_usage(const suite& all, std::FILE* to) {
  std::fprintf(to, usage_text, all.name, all.name);
}

}  // namespace

int run_programs(const char* name, std::span<const program* const> programs, int count,
                 char** texts) {
  const suite all{name, programs};
  arguments words{count,
                  texts,
                  {"--size", "--param", "--threads", "--iterations", "--json", "--pin",
                   "--patience", "--plant", "--plant-at"},
                  {"--list", "--sizes", "--help"},
                  words_allowed::yes};
  if (words.problem().empty()) {
    if (words.has("--help")) return print_usage(all, stdout), 0;
    if (words.has("--list")) return print_list(all), 0;
    if (words.has("--sizes")) return print_sizes(all), 0;
  }
  const command_line line = read(all, words);
  if (line.problem.empty()) return run(all, line);
  std::fprintf(stderr, "%s: %s\n", name, line.problem.c_str());
  print_usage(all, stderr);
  return 2;
}

}  // namespace sluice::bench
