// savina: the 30 programs of the Savina suite on sluice, through its public headers.
//
// As in the suite's runner the iterations of a program share a process, and each has an actor
// system of its own: its start, all actors' lives and its stop are timed. The inner time goes from
// the driver's first message to the last actor's end. Nothing is printed of an iteration whose
// checks fail.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "../harness/arguments.hpp"
#include "iteration.hpp"
#include "report.hpp"

namespace savina {

namespace {

constexpr const char* usage_text =
    "usage: savina PROGRAM [--size normal|small|tiny] [--param NAME=VALUE]... [--threads N]\n"
    "                      [--iterations N] [--json FILE] [--pin cores|none] [--patience SECONDS]\n"
    "                      [--plant drop|duplicate|spoil [--plant-at NUMBER]]\n"
    "       savina --list | --sizes\n"
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
    "verified, then medians and Savina's statistics. Exit codes: 0 all verified, 1 one was not,\n"
    "2 usage, 3 what was planted met no message.\n";

struct command_line {
  const program* what = nullptr;
  settings given{};
  std::uint32_t iterations = 12;
  std::string json{};
  defect planted = defect::none;
  std::uint64_t planted_at = 0;
  std::string problem{};
};

bool take_parameter(command_line& line, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos) return false;
  const std::string name = text.substr(0, equals);
  const bool is_known = std::ranges::any_of(
      line.what->parameters, [&](const parameter& each) { return each.name == name; });
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + equals + 1, end, value);
  line.given.parameters[name] = value;
  return is_known && parsed.ec == std::errc{} && parsed.ptr == end && value != 0;
}

command_line read(sluice::bench::arguments& words) {
  command_line line;
  line.given.threads = words.number<std::uint32_t>("--threads", line.given.threads, 1, 1024);
  line.iterations = words.number<std::uint32_t>("--iterations", line.iterations, 1, 1'000'000);
  line.given.patience =
      std::chrono::seconds{words.number<std::uint32_t>("--patience", 300, 1, 86'400)};
  line.given.size = static_cast<size>(words.choice("--size", {"normal", "small", "tiny"}));
  line.given.pin = words.choice("--pin", {"cores", "none"}) == 0 ? sluice::pinning::cores
                                                                 : sluice::pinning::none;
  line.planted =
      static_cast<defect>(words.choice("--plant", {"none", "drop", "duplicate", "spoil"}));
  line.planted_at = words.number<std::uint64_t>("--plant-at", 0, 0, UINT64_MAX);
  line.json = words.text("--json");
  line.problem = words.problem();
  if (line.problem.empty() && words.words().size() != 1) line.problem = "name one program";
  if (!line.problem.empty()) return line;
  line.what = find_program(words.words().front());
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
bool run_once(const command_line& line, series& all) {
  try {
    iteration it{*line.what, line.given};
    line.what->run(it);
    it.finish();
    all.add(it);
    return true;
  } catch (const std::exception& why) {
    std::fprintf(stderr, "savina: %s with %u threads: %s\n", std::string{line.what->name}.c_str(),
                 line.given.threads, why.what());
    return false;
  }
}

int run(const command_line& line) {
  planted.arm(line.planted, line.planted_at);
  series all{*line.what, line.given};
  for (std::uint32_t i = 0; i < line.iterations; ++i) {
    if (!run_once(line, all)) return 1;
    if (planted.kind() == defect::none || planted.has_met()) continue;
    std::fprintf(stderr, "savina: what is planted met no message\n");
    return 3;
  }
  all.print_summary();
  if (!line.json.empty() && !all.write_json(line.json)) {
    std::fprintf(stderr, "savina: cannot write %s\n", line.json.c_str());
    return 1;
  }
  return 0;
}

void print_list() {
  for (const program* each : all_programs()) std::printf("%s\n", std::string{each->name}.c_str());
}

void print_sizes() {
  for (const program* each : all_programs()) {
    std::printf("%-13s %s;", std::string{each->name}.c_str(), std::string{each->what}.c_str());
    for (const parameter& one : each->parameters) {
      if (one.name.empty()) continue;
      std::printf(" %s=%llu/%llu/%llu", std::string{one.name}.c_str(),
                  static_cast<unsigned long long>(one.normal),
                  static_cast<unsigned long long>(one.small),
                  static_cast<unsigned long long>(one.tiny));
    }
    std::printf("\n");
  }
}

int start(int count, char** texts) {
  sluice::bench::arguments words{count,
                                 texts,
                                 {"--size", "--param", "--threads", "--iterations", "--json",
                                  "--pin", "--patience", "--plant", "--plant-at"},
                                 {"--list", "--sizes", "--help"},
                                 sluice::bench::words_allowed::yes};
  if (words.problem().empty()) {
    if (words.has("--help")) return std::fputs(usage_text, stdout) < 0;
    if (words.has("--list")) return print_list(), 0;
    if (words.has("--sizes")) return print_sizes(), 0;
  }
  const command_line line = read(words);
  if (line.problem.empty()) return run(line);
  std::fprintf(stderr, "savina: %s\n%s", line.problem.c_str(), usage_text);
  return 2;
}

}  // namespace

}  // namespace savina

int main(int count, char** texts) { return savina::start(count, texts); }
