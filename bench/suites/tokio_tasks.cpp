// tokio's benches of tasks that yield and that wait for each other (rt_multi_threaded).
//
// yield_many:  driver makes tasks --turn(0)--> each, --turn(n + 1)--> itself ... Y times, then it
// ends ping_pong:   driver --run_all--> spawner, creates each task --run(i)--> it
//              task creates its partner --ping(i)--> it --pong(i)--> task; both end
#include "program.hpp"

namespace suites {

namespace {

struct turn {
  std::uint64_t number;
};
void spoil(turn& message) { ++message.number; }

struct yielder : player<yielder, turn> {
  explicit yielder(std::uint64_t yields) : yields_(yields) {}

  void on(turn now) {
    require(now.number == next_++, "a task goes on where it yielded");
    if (now.number < yields_) return send(self(), turn{next_});
    exit();
    arrive();
  }

  std::uint64_t yields_;
  std::uint64_t next_ = 0;
};

void run_yield_many(iteration& it) {
  const std::uint64_t tasks = it.parameter("tasks");
  const std::uint64_t yields = it.parameter("yields");
  it.expect_arrivals(tasks);
  it.begin_inner();
  for (std::uint64_t i = 0; i < tasks; ++i) it.tell(it.spawn<yielder>(yields), turn{0});
  it.wait();
  it.check_messages(tasks * (yields + 1));
  it.check("actors", it.spawned());
  it.check("messages", it.sums().sent);
}

struct run_all {};
struct run {
  std::uint64_t number;
};
void spoil(run& message) { ++message.number; }
struct ping {
  std::uint64_t number;
  sluice::pid from;
};
void spoil(ping& message) { ++message.number; }
struct pong {
  std::uint64_t number;
};
void spoil(pong& message) { ++message.number; }

struct partner : player<partner> {
  void on(const ping& asked) {
    send(asked.from, pong{asked.number});
    exit();
  }
};

struct pinger : player<pinger, pong> {
  explicit pinger(std::uint64_t number) : number_(number) {}

  void on(run own) {
    require(own.number == number_ && !has_run_, "each task is run once");
    has_run_ = true;
    send(create<partner>(), ping{number_, self()});
  }
  void on(pong answer) {
    require(answer.number == number_ && has_run_, "a pong answers the ping");
    exit();
    arrive();
  }

  std::uint64_t number_;
  bool has_run_ = false;
};

struct spawner : player<spawner> {
  explicit spawner(std::uint64_t pairs) : pairs_(pairs) {}

  void on(run_all) {
    for (std::uint64_t i = 0; i < pairs_; ++i) send(create<pinger>(i), run{i});
    exit();
  }

  std::uint64_t pairs_;
};

void run_ping_pong(iteration& it) {
  const std::uint64_t pairs = it.parameter("pairs");
  it.expect_arrivals(pairs);
  it.tell(it.spawn<spawner>(pairs), run_all{});
  it.wait();
  it.check_messages(3 * pairs + 1);
  it.check("actors", it.spawned());
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program tokio_yield_many{"tokio_yield_many",
                                         "many tasks that yield again and again",
                                         bound::by_messages,
                                         {{"tasks", 200, 200, 20}, {"yields", 1'000, 1'000, 50}},
                                         &run_yield_many};
constinit const program tokio_ping_pong{"tokio_ping_pong",
                                        "pairs of tasks, a message to and fro each",
                                        bound::by_messages,
                                        {{"pairs", 1'000, 1'000, 100}},
                                        &run_ping_pong};

}  // namespace suites
