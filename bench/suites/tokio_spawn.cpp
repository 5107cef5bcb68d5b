// tokio's benches of spawns (rt_multi_threaded). A task is an actor that one message runs.
//
// spawn_many_local:   driver --run_all--> spawner, creates each task --run(i)--> it
// spawn_many_remote:  driver makes each task --run(i)--> it
//   idle:   there is nothing else
//   busy1:  meanwhile loops, each --spin(n)--> itself after 10 us of work
//   busy2:  meanwhile chains: a link works for 10 us, creates the next --spin(n + 1)--> it, ends
// chained_spawn:      driver --run(N)--> link, creates the next --run(N - 1)--> it ... --run(0)-->
// it
//
// Who has run ends. The last task of all, or of the chain, is the end; then the driver raises a
// flag at which loops and chains end.
#include <algorithm>
#include <atomic>
#include <thread>

#include "program.hpp"

namespace suites {

namespace {

struct run {
  std::uint64_t number;
};
void spoil(run& message) { ++message.number; }
struct run_all {};
struct spin {
  std::uint64_t number;
};
void spoil(spin& message) { ++message.number; }

struct task : player<task> {
  // A place for each task: it has run.
  explicit task(std::vector<char>& ran) : ran_(ran) {}

  void on(run mine) {
    const bool is_first = mine.number < ran_.size() && std::exchange(ran_[mine.number], 1) == 0;
    require(is_first, "each task runs once");
    exit();
    arrive();
  }

  std::vector<char>& ran_;
};

struct spawner : player<spawner> {
  explicit spawner(std::vector<char>& ran) : ran_(ran) {}

  void on(run_all) {
    for (std::uint64_t i = 0; i < ran_.size(); ++i) send(create<task>(ran_), run{i});
    exit();
  }

  std::vector<char>& ran_;
};

// Each task ran once: a task that runs twice has failed the iteration.
void check_tasks(iteration& it, const std::vector<char>& ran) {
  it.check_that(std::ranges::all_of(ran, [](char has_run) { return has_run == 1; }),
                "every task runs");
  it.check("tasks", static_cast<std::uint64_t>(ran.size()));
}

void run_local(iteration& it) {
  auto& ran = it.keep<std::vector<char>>(it.parameter("tasks"));
  it.expect_arrivals(ran.size());
  it.tell(it.spawn<spawner>(ran), run_all{});
  it.wait();
  check_tasks(it, ran);
  it.check_messages(ran.size() + 1);
  it.check("actors", it.spawned());
  it.check("messages", it.sums().sent);
}

void spawn_remote(iteration& it, std::vector<char>& ran) {
  it.expect_arrivals(ran.size());
  it.begin_inner();
  for (std::uint64_t i = 0; i < ran.size(); ++i) it.tell(it.spawn<task>(ran), run{i});
  it.wait_for_arrivals();
}

void run_remote_idle(iteration& it) {
  auto& ran = it.keep<std::vector<char>>(it.parameter("tasks"));
  spawn_remote(it, ran);
  it.wait();
  check_tasks(it, ran);
  it.check_messages(ran.size());
  it.check("actors", it.spawned());
  it.check("messages", it.sums().sent);
}

// What keeps the schedulers busy.
struct load {
  std::atomic<bool> is_over{false};    // relaxed: seen sooner or later
  std::vector<std::uint64_t> spins{};  // of each loop or chain, when it has ended
};

void stall() {
  constexpr std::chrono::microseconds work{10};
  const auto begin = bench_clock::now();
  while (bench_clock::now() - begin < work) std::this_thread::yield();
}

struct loop : player<loop, spin> {
  loop(load& all, std::uint64_t index) : all_(all), index_(index) {}

  void on(spin turn) {
    require(turn.number == next_++, "a loop turns in order");
    if (turn.number == 0) arrive();
    if (all_.is_over.load(std::memory_order_relaxed)) {
      all_.spins[index_] = next_;
      return exit();
    }
    stall();
    send(self(), spin{next_});
  }

  load& all_;
  std::uint64_t index_;
  std::uint64_t next_ = 0;
};

struct chain : player<chain> {
  chain(load& all, std::uint64_t index, std::uint64_t number)
      : all_(all), index_(index), number_(number) {}

  void on(spin turn) {
    require(turn.number == number_, "a chain grows by one link at a time");
    if (number_ == 0) arrive();
    exit();
    if (all_.is_over.load(std::memory_order_relaxed)) {
      all_.spins[index_] = number_ + 1;
      return;
    }
    stall();
    send(create<chain>(all_, index_, number_ + 1), spin{number_ + 1});
  }

  load& all_;
  std::uint64_t index_;
  std::uint64_t number_;
};

// Those of `busy`, which take the load and their index; each spins before a task is made.
template <class Busy, class... More>
std::uint64_t spawn_beside(iteration& it, More... more) {
  load& busy = it.keep<load>();
  busy.spins.resize(it.parameter("busy"));
  it.expect_arrivals(busy.spins.size());
  for (std::uint64_t i = 0; i < busy.spins.size(); ++i) {
    it.tell_untimed(it.spawn<Busy>(busy, i, more...), spin{0});
  }
  it.wait_for_arrivals();
  auto& ran = it.keep<std::vector<char>>(it.parameter("tasks"));
  spawn_remote(it, ran);
  busy.is_over.store(true, std::memory_order_relaxed);
  it.wait();
  check_tasks(it, ran);
  std::uint64_t spins = 0;
  for (const std::uint64_t each : busy.spins) spins += each;
  it.check_messages(ran.size() + spins);
  it.note("spins of those that are busy", static_cast<double>(spins));
  return spins;
}

void run_remote_busy1(iteration& it) {
  static_cast<void>(spawn_beside<loop>(it));
  it.check("actors", it.spawned());
}

void run_remote_busy2(iteration& it) {
  const std::uint64_t links = spawn_beside<chain>(it, std::uint64_t{0});
  it.check_that(it.spawned() == it.parameter("tasks") + links, "each link is an actor");
}

struct link : player<link> {
  void on(run own) {
    exit();
    if (own.number == 0) return arrive();
    send(create<link>(), run{own.number - 1});
  }
};

void run_chained_spawn(iteration& it) {
  const std::uint64_t spawns = it.parameter("spawns");
  it.tell(it.spawn<link>(), run{spawns});
  it.wait();
  it.check_that(it.spawned() == spawns + 1, "each link but the last makes one");
  it.check("actors", it.spawned());
  it.check_messages(spawns + 1);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program tokio_spawn_many_local{"tokio_spawn_many_local",
                                               "an actor spawns many tasks",
                                               bound::by_messages,
                                               {{"tasks", 10'000, 10'000, 200}},
                                               &run_local};
constinit const program tokio_spawn_many_remote_idle{"tokio_spawn_many_remote_idle",
                                                     "a foreign thread spawns many tasks",
                                                     bound::by_messages,
                                                     {{"tasks", 10'000, 10'000, 200}},
                                                     &run_remote_idle};
constinit const program tokio_spawn_many_remote_busy1{
    "tokio_spawn_many_remote_busy1",
    "a foreign thread spawns tasks beside actors that loop",
    bound::by_messages,
    {{"tasks", 10'000, 10'000, 200}, {"busy", 8, 8, 4}},
    &run_remote_busy1};
constinit const program tokio_spawn_many_remote_busy2{
    "tokio_spawn_many_remote_busy2",
    "a foreign thread spawns tasks beside chains of spawns",
    bound::by_messages,
    {{"tasks", 1'000, 1'000, 100}, {"busy", 4, 4, 2}},
    &run_remote_busy2};
constinit const program tokio_chained_spawn{"tokio_chained_spawn",
                                            "each task spawns the next",
                                            bound::by_messages,
                                            {{"spawns", 1'000, 1'000, 100}},
                                            &run_chained_spawn};

}  // namespace suites
