// The program of the model tests: one scenario, one way of searching, one line of result.
//
//   model --list                       each scenario
//   model SCENARIO random FROM TO      executions of these numbers, each from its own seed
//   model SCENARIO full|bound SECONDS [STATE]
//                                      all interleavings, or all with at most three switches
//                                      between threads that could go on; what is left goes into
//                                      STATE
//   model --plant NAME ...             the same with a planted bug
//
// The last line is "SCENARIO SEARCH: passed|failed|unfinished after N executions, next M". Exit
// code: 0 passed or unfinished, 1 failed, with the history of the failed execution before it.
#include "model.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "model_machine.hpp"

namespace sluice::inline v0::model {

int planted = 0;

namespace {

constexpr unsigned context_bound = 3;
constexpr unsigned steps_max = 4000;  // of an execution, before it counts as a livelock

const registration* first = nullptr;
const registration* chosen = nullptr;

// When a search that may be too long must end; looked at now and then, for a clock is slow.
std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
std::uint64_t begun_count = 0;

bool is_time_up() {
  return ++begun_count % 256 == 0 && std::chrono::steady_clock::now() >= deadline;
}

struct suite : rl::test_suite<suite, thread_count> {
  void before() {
    if (is_time_up()) rl::ctx().rl_until("time is up", RL_INFO);
    has_barrier = true;
    forget_sleepers();
    running.reset(chosen->make());
  }
  void thread(unsigned index) { running->run(index); }
  void after() {
    running->verify();
    running.reset();
  }

  std::unique_ptr<scenario> running;
};

rl::test_result_e search(rl::test_params& how, rl::ostringstream& state, bool is_again) {
  if (how.search_type == rl::random_scheduler_type) {
    return rl::run_test<suite, rl::random_scheduler<thread_count>>(how, state, is_again);
  }
  if (how.search_type == rl::fair_full_search_scheduler_type) {
    return rl::run_test<suite, rl::full_search_scheduler<thread_count>>(how, state, is_again);
  }
  return rl::run_test<suite, rl::context_bound_scheduler<thread_count>>(how, state, is_again);
}

int run(const std::string& name, const std::string& kind, rl::test_params& how,
        const char* state_path) {
  how.context_bound = context_bound;
  how.execution_depth_limit = steps_max;
  std::ostream nowhere{nullptr};
  how.progress_stream = &nowhere;
  std::uint64_t begin = 1;
  if (!how.initial_state.empty()) begin = std::strtoull(how.initial_state.c_str(), nullptr, 10);
  rl::ostringstream state;
  const rl::test_result_e result = search(how, state, false);
  const bool is_unfinished = result == rl::test_result_until_condition_hit;
  const bool is_failed = result != rl::test_result_success && !is_unfinished;
  const std::uint64_t end = how.stop_iteration;
  if (is_failed) {
    how.initial_state = state.str();
    how.collect_history = true;
    deadline = std::chrono::steady_clock::time_point::max();
    rl::ostringstream ignored;
    static_cast<void>(search(how, ignored, true));
    std::cout << "result: " << rl::test_result_str(result) << "\n";
  }
  if (is_unfinished && state_path != nullptr) std::ofstream{state_path} << state.str() << "\n";
  if (!is_unfinished && state_path != nullptr) std::remove(state_path);
  const std::uint64_t next = is_unfinished ? end : end + 1;
  std::cout << name << " " << kind << ": "
            << (is_failed       ? "failed"
                : is_unfinished ? "unfinished"
                                : "passed")
            << " after " << next - begin << " executions, next " << next << "\n";
  return is_failed ? 1 : 0;
}

int usage() {
  std::cerr << "usage: model --list | [--plant NAME] SCENARIO random FROM TO\n"
               "       model [--plant NAME] SCENARIO full|bound SECONDS [STATE]\n";
  return 2;
}

bool plant(const char* name) {
  for (const char* each : plant_names) {
    ++planted;
    if (std::strcmp(each, name) == 0) return true;
  }
  return false;
}

bool choose(const std::string& name) {
  for (chosen = first; chosen != nullptr; chosen = chosen->next) {
    if (std::string{chosen->structure} + ":" + chosen->what == name) return true;
  }
  return false;
}

int main_of(int count, char** words) {
  if (count == 2 && std::strcmp(words[1], "--list") == 0) {
    for (const registration* each = first; each != nullptr; each = each->next) {
      std::cout << each->structure << ":" << each->what << "\n";
    }
    return 0;
  }
  if (count > 2 && std::strcmp(words[1], "--plant") == 0) {
    if (!plant(words[2])) return usage();
    words += 2;
    count -= 2;
  }
  if (count < 4 || !choose(words[1])) return usage();
  const std::string kind = words[2];
  rl::test_params how;
  if (kind == "random" && count == 5) {
    how.search_type = rl::random_scheduler_type;
    how.initial_state = (std::string{words[3]} + " ").c_str();
    how.iteration_count = std::strtoull(words[4], nullptr, 10);
    return run(words[1], kind, how, nullptr);
  }
  if (kind != "full" && kind != "bound") return usage();
  how.search_type =
      kind == "full" ? rl::fair_full_search_scheduler_type : rl::fair_context_bound_scheduler_type;
  deadline = std::chrono::steady_clock::now() +
             std::chrono::milliseconds{static_cast<long>(std::strtod(words[3], nullptr) * 1000)};
  const char* const state_path = count > 4 ? words[4] : nullptr;
  if (state_path != nullptr) {
    std::string kept;
    std::getline(std::ifstream{state_path}, kept);
    how.initial_state = kept.c_str();
  }
  return run(words[1], kind, how, state_path);
}

}  // namespace

registration::registration(const char* of, const char* doing, maker with) noexcept
    : structure(of), what(doing), make(with), next(first) {
  first = this;
}

void expect(bool holds, const char* sentence, std::source_location at) noexcept {
  if (holds) return;
  rl::ctx().fail_test(sentence, rl::test_result_user_assert_failed, base::modelled::place_of(at));
}

}  // namespace sluice::inline v0::model

int main(int count, char** words) { return sluice::model::main_of(count, words); }
