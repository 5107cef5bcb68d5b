// The real runtime under a seeded scheduler (README.md).
//
//   interleave run [--scenario S] [--strategy random|pct|preemptions] [--seed N] [--batches N]
//                  [--seconds N] [--plant FILE:FUNCTION:OPERATION:split|dropped]
//   interleave sites               the accesses that the scenarios reach
//   interleave scenarios
//
// A batch is a process of its own: a node, some hundred rounds on it, its end. What fails is named
// with its seed, and fails again with --seed of it and --batches 1.
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "scenario.hpp"

using namespace interleave;

namespace {

struct wishes {
  std::string scenario;
  std::string strategy;
  std::uint64_t seed = 1;
  std::uint64_t batches = UINT64_MAX;
  double seconds = 0;
  std::optional<plant> planted;
};

constexpr int failed_batch = 3;

[[noreturn]] void misused(const std::string& why) {
  std::fprintf(stderr, "interleave: %s\n", why.c_str());
  std::exit(2);
}

double cpu_seconds() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    ::getrusage(who, &used);
    sum += static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  }
  return sum;
}

void run_batch(const kind& what, std::uint64_t seed, strategy how) {
  seed_with(seed, how);
  const auto at = what.make();
  for (unsigned i = 0; i < what.rounds; ++i) {
    begin_round();
    at->round();
  }
  at->end();
}

// What is made once in a process is made here, so that all batches find it alike.
void warm_up() {
  seed_with(1, strategy::random);
  judged_node node;
  node.finish();
  counted() = {};
}

struct verdict {
  counts sums;
  bool is_good = false;
};

verdict run_apart(const kind& what, std::uint64_t seed, strategy how, const wishes& asked) {
  int ends[2];
  if (::pipe(ends) != 0) misused("no pipe");
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child < 0) misused("no child");
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(120);  // Of real time: for what the machine cannot see.
    what_runs = std::string{what.name} + " --strategy " + strategy_names[static_cast<int>(how)] +
                " --seed " + std::to_string(seed);
    if (asked.planted) plant_defect(*asked.planted);
    run_batch(what, seed, how);
    const counts done = counted();
    const bool is_told = ::write(ends[1], &done, sizeof(done)) == sizeof(done);
    ::_exit(is_told ? 0 : 1);
  }
  ::close(ends[1]);
  verdict found;
  const bool is_told = ::read(ends[0], &found.sums, sizeof(found.sums)) == sizeof(found.sums);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  found.is_good = is_told && status == 0;
  if (!found.is_good && !(WIFEXITED(status) && WEXITSTATUS(status) == failed_batch)) {
    std::printf("failed: %s --strategy %s --seed %llu: %s %d\n", what.name,
                strategy_names[static_cast<int>(how)], static_cast<unsigned long long>(seed),
                WIFSIGNALED(status) ? "signal" : "exit code",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  }
  return found;
}

int run(const wishes& asked) {
  counts all;
  std::uint64_t batches = 0;
  std::uint64_t failures = 0;
  const auto begin = std::chrono::steady_clock::now();
  (void)begin;
  const double begin_cpu = cpu_seconds();
  std::uint64_t seed = asked.seed;
  for (; batches < asked.batches && failures == 0; ++seed) {
    if (asked.seconds > 0 && cpu_seconds() - begin_cpu >= asked.seconds) break;
    for (unsigned i = 0; i < kind_count; ++i) {
      if (!asked.scenario.empty() && asked.scenario != kinds[i].name) continue;
      for (int how = 0; how < 3; ++how) {
        // Without a wish each seed has one strategy, so that all have their turn.
        if (asked.strategy.empty() ? static_cast<int>((seed + i) % 3) != how
                                   : asked.strategy != strategy_names[how]) {
          continue;
        }
        const verdict found = run_apart(kinds[i], seed, static_cast<strategy>(how), asked);
        failures += !found.is_good;
        all.rounds += found.sums.rounds;
        all.steps += found.sums.steps;
        all.switches += found.sums.switches;
        all.messages += found.sums.messages;
        all.hash = (all.hash ^ found.sums.hash) * 0x100000001b3u;
      }
    }
    batches += 1;
  }
  const double cpu = cpu_seconds() - begin_cpu;
  std::printf(
      "%llu interleavings, %llu messages in order, %llu steps, %llu switches, %.1f CPU s, "
      "next seed %llu, trace %016llx, %llu failed\n",
      static_cast<unsigned long long>(all.rounds), static_cast<unsigned long long>(all.messages),
      static_cast<unsigned long long>(all.steps), static_cast<unsigned long long>(all.switches),
      cpu, static_cast<unsigned long long>(seed), static_cast<unsigned long long>(all.hash),
      static_cast<unsigned long long>(failures));
  return failures == 0 ? 0 : 1;
}

int sites() {
  list_sites(true);
  for (unsigned i = 0; i < kind_count; ++i) {
    what_runs = kinds[i].name;
    run_batch(kinds[i], 1, strategy::random);
  }
  print_sites();
  return 0;
}

wishes understand(int count, char** words) {
  wishes asked;
  for (int i = 2; i + 1 < count; i += 2) {
    const std::string name{words[i]};
    const std::string value{words[i + 1]};
    if (name == "--scenario") {
      asked.scenario = value;
    } else if (name == "--strategy") {
      asked.strategy = value;
    } else if (name == "--seed") {
      asked.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--batches") {
      asked.batches = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--seconds") {
      asked.seconds = std::strtod(value.c_str(), nullptr);
    } else if (name == "--plant") {
      plant what;
      std::string* const parts[] = {&what.file, &what.function, &what.operation};
      std::size_t at = 0;
      for (std::string* part : parts) {
        const std::size_t end = value.find('%', at);
        if (end == std::string::npos) misused("a plant is FILE%FUNCTION%OPERATION%split|dropped");
        *part = value.substr(at, end - at);
        at = end + 1;
      }
      what.is_dropped = value.substr(at) == "dropped";
      asked.planted = what;
    } else {
      misused("what is " + name);
    }
  }
  bool is_known = asked.scenario.empty();
  for (unsigned i = 0; i < kind_count; ++i) is_known = is_known || asked.scenario == kinds[i].name;
  if (!is_known) misused("no scenario " + asked.scenario);
  if (asked.batches == UINT64_MAX && asked.seconds == 0) asked.batches = 1;
  return asked;
}

}  // namespace

int main(int count, char** words) {
  // Addresses are part of what is hashed somewhere, and so of what happens: always the same ones.
  if ((::personality(0xffffffff) & ADDR_NO_RANDOMIZE) == 0 &&
      ::personality(ADDR_NO_RANDOMIZE) >= 0 && std::getenv("INTERLEAVE_AGAIN") == nullptr) {
    ::setenv("INTERLEAVE_AGAIN", "1", 1);
    ::execv("/proc/self/exe", words);
  }
  const std::string verb = count > 1 ? words[1] : "";
  if (verb == "scenarios") {
    for (unsigned i = 0; i < kind_count; ++i) std::puts(kinds[i].name);
    return 0;
  }
  if (verb != "run" && verb != "sites") misused("run, sites or scenarios");
  const wishes asked = understand(count, words);
  start();
  warm_up();
  return verb == "run" ? run(asked) : sites();
}
