// ergo_memusage: what an actor that does nothing costs: to make it, in resident memory, and in
// resident memory after it has received a message.
//
//   driver makes N actors; --hello--> each; --leave--> each
//
// Memory outlives nodes, so what is resident is measured in the first iteration of a process only.
#include "../harness/process_usage.hpp"
#include "program.hpp"

namespace suites {

namespace {

struct hello {
  std::uint64_t number;
};
void spoil(hello& message) { ++message.number; }
struct leave {};

struct idler : player<idler> {
  explicit idler(std::uint64_t number) : number_(number) {}

  void on(hello greeting) {
    require(greeting.number == number_ && !is_greeted_,
            "each actor is greeted once, by its number");
    is_greeted_ = true;
    arrive();
  }
  void on(leave) {
    require(is_greeted_, "each actor is greeted before it leaves");
    exit();
    arrive();
  }

  const std::uint64_t number_;
  bool is_greeted_ = false;
};

bool is_first_of_process() noexcept {
  static bool is_first = true;
  return std::exchange(is_first, false);
}

void measure_growth(iteration& it, std::string_view suffix, std::uint64_t resident_before) {
  const auto growth = static_cast<double>(resident_bytes()) - static_cast<double>(resident_before);
  it.measure(suffix, growth / static_cast<double>(it.parameter("actors")), "B");
}

void run_ergo_memusage(iteration& it) {
  const bool is_cold = is_first_of_process();
  const std::uint64_t actors = it.parameter("actors");
  std::vector<sluice::handle<idler>> all(actors);  // Touched before the measurement.
  const std::uint64_t resident_before = resident_bytes();
  const auto begin = bench_clock::now();
  for (std::uint64_t i = 0; i < actors; ++i) all[i] = it.spawn<idler>(i);
  const std::chrono::duration<double, std::milli> spawning = bench_clock::now() - begin;
  it.check_that(it.alive() == actors, "all actors live");
  if (is_cold) measure_growth(it, "idle", resident_before);
  it.measure("spawn", spawning.count(), "ms");

  it.expect_arrivals(actors);
  for (std::uint64_t i = 0; i < actors; ++i) it.tell(all[i], hello{i});
  it.wait_for_arrivals();
  it.settle();
  if (is_cold) measure_growth(it, "greeted", resident_before);

  it.expect_arrivals(actors);
  for (const auto& each : all) it.tell_untimed(each, leave{});
  it.wait();
  it.check("actors", it.spawned());
  it.check_messages(2 * actors);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program ergo_memusage{"ergo_memusage",
                                      "Ergo: actors that do nothing, their memory",
                                      bound::by_messages,
                                      {{"actors", 1'000'000, 100'000, 10'000}},
                                      &run_ergo_memusage};

}  // namespace suites
