// caf-savina: the message-bound programs of the Savina suite on CAF 0.17, with the command line and
// the lines of our savina.
//
// As in the suite's runner the iterations of a program share a process, and each has an actor
// system of its own. Nothing is printed of an iteration whose checks fail.
#include "caf_savina.hpp"

#include <algorithm>
#include <cstdio>

#include "../harness/arguments.hpp"
#include "../harness/median.hpp"
#include "../harness/plant.hpp"

namespace caf_savina {

namespace {

using sluice::bench::defect;
using sluice::bench::median;
using sluice::bench::planted;

constexpr const char* usage_text =
    "usage: caf-savina PROGRAM [--size normal|small|tiny] [--param NAME=VALUE]... [--threads N]\n"
    "                  [--iterations N] [--pin cores|none] [--patience SECONDS]\n"
    "                  [--scheduler stealing|sharing]\n"
    "                  [--plant drop|duplicate|spoil [--plant-at NUMBER]]\n"
    "       caf-savina --list | --sizes\n"
    "\n"
    "The options and the lines are those of savina; bench/peers/README.md. --scheduler is CAF's\n"
    "own; without it each program has the one that suits it.\n"
    "Exit codes: 0 all verified, 1 an iteration was not, 2 usage or no such program, 3 what was\n"
    "planted met no message.\n";

// In the order of the suite.
// clang-format off
constexpr const program* all_programs[] = {
    &pingpong,
    &count,
    &fjthrput,
    &fjcreate,
    &threadring,
    &chameneos,
    &big,
    &philosopher,
    &barber,
    &logmap,
    &banking,
    &radixsort,
    &filterbank,
    &uct,
    &facloc,
    &sor,
    &fib,
    &bitonicsort,
};
// clang-format on

struct command_line {
  const program* what = nullptr;
  settings given{};
  std::uint32_t iterations = 12;
  defect planted_kind = defect::none;
  std::uint64_t planted_at = 0;
  std::string problem{};
};

bool take_parameter(command_line& line, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos) return false;
  const std::string name = text.substr(0, equals);
  const bool is_known = std::ranges::any_of(line.what->parameters,
                                            [&](const auto& each) { return each.name == name; });
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + equals + 1, end, value);
  line.given.parameters[name] = value;
  return is_known && parsed.ec == std::errc{} && parsed.ptr == end && value != 0;
}

const program* find_program(std::string_view name) {
  const auto found = std::ranges::find(all_programs, name, &program::name);
  return found == std::end(all_programs) ? nullptr : *found;
}

command_line read(sluice::bench::arguments& words) {
  command_line line;
  line.given.threads = words.number<std::uint32_t>("--threads", line.given.threads, 1, 1024);
  line.iterations = words.number<std::uint32_t>("--iterations", line.iterations, 1, 1'000'000);
  line.given.patience =
      std::chrono::seconds{words.number<std::uint32_t>("--patience", 300, 1, 86'400)};
  line.given.size = static_cast<size>(words.choice("--size", {"normal", "small", "tiny"}));
  line.given.is_pinned = words.choice("--pin", {"cores", "none"}) == 0;
  if (words.has("--scheduler")) {
    line.given.scheduler =
        static_cast<scheduler>(words.choice("--scheduler", {"stealing", "sharing"}));
  }
  line.planted_kind =
      static_cast<defect>(words.choice("--plant", {"none", "drop", "duplicate", "spoil"}));
  line.planted_at = words.number<std::uint64_t>("--plant-at", 0, 0, UINT64_MAX);
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

class series {
 public:
  explicit series(const command_line& line)
      : name_(line.what->name), threads_(line.given.threads) {}

  void add(const outcome& one) {
    print("", "", one.total_ms);
    print("", "-inner", one.inner_ms);
    std::fflush(stdout);
    total_ms_.push_back(one.total_ms);
    inner_ms_.push_back(one.inner_ms);
    last_ = one;
  }
  void print_summary() const {
    print("median ", "", median(total_ms_));
    print("median ", "-inner", median(inner_ms_));
    std::printf("# %llu messages; checked against: %s\n",
                static_cast<unsigned long long>(last_.messages),
                last_.checked_against.empty() ? "the protocol only"
                                              : std::string{last_.checked_against}.c_str());
    for (const auto& [key, value] : last_.notes) {
      std::printf("# %s: %.6g (last)\n", key.c_str(), value);
    }
  }

 private:
  void print(const char* before, const char* suffix, double ms) const {
    std::printf("%s%s%s %u %.3f ms\n", before, name_.c_str(), suffix, threads_, ms);
  }

  const std::string name_;
  const std::uint32_t threads_;
  std::vector<double> total_ms_;
  std::vector<double> inner_ms_;
  outcome last_;
};

int run(const command_line& line) {
  planted.arm(line.planted_kind, line.planted_at);
  series all{line};
  for (std::uint32_t i = 0; i < line.iterations; ++i) {
    all.add(run_once(*line.what, line.given));
    if (planted.kind() == defect::none || planted.has_met()) continue;
    std::fprintf(stderr, "caf-savina: what is planted met no message\n");
    return 3;
  }
  all.print_summary();
  return std::fflush(stdout) == 0 ? 0 : 1;
}

void print_list() {
  for (const program* each : all_programs) std::printf("%s\n", std::string{each->name}.c_str());
}

void print_sizes() {
  for (const program* each : all_programs) {
    std::printf("%-13s;", std::string{each->name}.c_str());
    for (const auto& one : each->parameters) {
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
                                 {"--size", "--param", "--threads", "--iterations", "--pin",
                                  "--patience", "--scheduler", "--plant", "--plant-at"},
                                 {"--list", "--sizes", "--help"},
                                 sluice::bench::words_allowed::yes};
  if (words.problem().empty()) {
    if (words.has("--help")) return std::fputs(usage_text, stdout) < 0;
    if (words.has("--list")) return print_list(), 0;
    if (words.has("--sizes")) return print_sizes(), 0;
  }
  const command_line line = read(words);
  if (line.problem.empty()) return run(line);
  std::fprintf(stderr, "caf-savina: %s\n%s", line.problem.c_str(), usage_text);
  return 2;
}

}  // namespace

}  // namespace caf_savina

int main(int count, char** texts) { return caf_savina::start(count, texts); }
