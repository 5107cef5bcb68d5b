// caf-bench: actor-bench's workloads on CAF 0.17, and those of them that pass one message at a
// time.
//
//   pingpong   pinger --n--> ponger --n--> pinger          then n + 1
//   ring       runner i --n--> runner i + 1 --n + 1--> ...
//   call       client asks n, callee answers n             then n + 1
#include "caf_run.hpp"

namespace peers {

namespace {

// -- pingpong

class ponger : public numbered_actor {
 public:
  using numbered_actor::numbered_actor;

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) {
      expect(number, expected_++, "ponger");
      answer(number);
    }};
  }

 private:
  std::uint64_t expected_ = 0;
};

class pinger : public numbered_actor {
 public:
  pinger(caf::actor_config& config, caf_run& run, caf::actor other, std::uint64_t rounds)
      : numbered_actor(config, run), other_(std::move(other)), rounds_(rounds) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t begin, go_atom) {
              expect(begin, go_number, "pinger");
              tell(other_, 0);
            },
            [this](std::uint64_t number) {
              expect(number, round_, "pinger");
              if (++round_ == rounds_) return run_.line().arrive();
              tell(other_, round_);
            }};
  }

 private:
  void forget() override { other_ = nullptr; }

  caf::actor other_;
  std::uint64_t rounds_;
  std::uint64_t round_ = 0;
};

std::vector<figure> run_pingpong(caf_run& run) {
  const std::uint64_t rounds = run.parameter("rounds");
  const auto other = run.spawn<ponger>();
  const auto first = run.spawn<pinger>(other, rounds);
  const double seconds = run.time(1, [&] { run.begin(first); });
  run.finish(1 + 2 * rounds, 2);
  return {{"", seconds * 1e9 / static_cast<double>(2 * rounds), "ns"}};
}

// -- ring

class runner : public numbered_actor {
 public:
  runner(caf::actor_config& config, caf_run& run, std::uint64_t place, std::uint64_t actors,
         std::uint64_t hops)
      : numbered_actor(config, run), expected_(place), actors_(actors), hops_(hops) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t begin, const caf::actor& next) {
              expect(begin, go_number, "runner");
              next_ = next;
              run_.line().arrive();
            },
            [this](std::uint64_t number) {
              expect(number, expected_, "runner");
              expected_ += actors_;
              if (number == hops_) return run_.line().arrive();
              tell(next_, number + 1);
            }};
  }

 private:
  void forget() override { next_ = nullptr; }

  std::uint64_t expected_;
  std::uint64_t actors_;
  std::uint64_t hops_;
  caf::actor next_;
};

std::vector<figure> run_ring(caf_run& run) {
  const std::uint64_t actors = run.parameter("actors");
  const std::uint64_t hops = run.parameter("hops");
  std::vector<caf::actor> all;
  for (std::uint64_t i = 0; i < actors; ++i) all.push_back(run.spawn<runner>(i, actors, hops));
  static_cast<void>(run.time(actors, [&] {
    for (std::uint64_t i = 0; i < actors; ++i) run.tell(all[i], go_number, all[(i + 1) % actors]);
  }));
  const double seconds = run.time(1, [&] { run.tell(all[0], std::uint64_t{0}); });
  run.finish(actors + 1 + hops, actors);
  return {{"", seconds * 1e9 / static_cast<double>(hops), "ns"}};
}

// -- call

class callee : public numbered_actor {
 public:
  using numbered_actor::numbered_actor;

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) {
      expect(number, expected_++, "callee");
      ++sent_;
      return number;
    }};
  }

 private:
  std::uint64_t expected_ = 0;
};

class client : public numbered_actor {
 public:
  client(caf::actor_config& config, caf_run& run, caf::actor other, std::uint64_t rounds,
         std::uint64_t timeout_s)
      : numbered_actor(config, run),
        other_(std::move(other)),
        rounds_(rounds),
        timeout_(timeout_s == 0 ? caf::infinite : caf::duration{std::chrono::seconds{timeout_s}}) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t begin, go_atom) {
      expect(begin, go_number, "client");
      ask();
    }};
  }

 private:
  void forget() override { other_ = nullptr; }

  void ask() {
    std::uint64_t number = round_;
    unsigned copies = 1;
    if (actor_bench::planted.concerns(number)) [[unlikely]] {
      copies = actor_bench::planted.spoil(this, number);
    }
    for (; copies != 0; --copies, ++sent_) {
      request(other_, timeout_, number)
          .then([this, number](std::uint64_t answered) { take(answered, number); },
                [this](const caf::error&) { run_.line().fail("a call failed"); });
    }
  }
  void take(std::uint64_t answered, std::uint64_t asked) {
    expect(answered, asked, "client");
    if (++round_ == rounds_) return run_.line().arrive();
    ask();
  }

  caf::actor other_;
  std::uint64_t rounds_;
  std::uint64_t round_ = 0;
  caf::duration timeout_;
};

std::vector<figure> run_call(caf_run& run) {
  const std::uint64_t rounds = run.parameter("rounds");
  const auto other = run.spawn<callee>();
  const auto first = run.spawn<client>(other, rounds, run.parameter("timeout_s"));
  const double seconds = run.time(1, [&] { run.begin(first); });
  run.finish(1 + 2 * rounds, 2);
  return {{"", seconds * 1e9 / static_cast<double>(rounds), "ns"}};
}

}  // namespace

constinit const workload caf_pingpong{"pingpong",
                                      "2 actors, one message to and fro; ns a message",
                                      {{"rounds", 2'000'000, 50}},
                                      false,
                                      &on_caf<&run_pingpong>};
constinit const workload caf_ring{"ring",
                                  "actors in a ring, one token; ns a hop",
                                  {{"actors", 503, 7}, {"hops", 5'000'000, 100}},
                                  false,
                                  &on_caf<&run_ring>};
constinit const workload caf_call{"call",
                                  "one client waits for each answer of one callee; ns a round trip",
                                  {{"rounds", 1'000'000, 50}, {"timeout_s", 0, 0}},
                                  false,
                                  &on_caf<&run_call>};

}  // namespace peers

int main(int count, char** words) {
  using namespace peers;
  static constexpr const workload* listed[] = {&caf_pingpong,  &caf_ring, &caf_count, &caf_fjthrput,
                                               &caf_fjcreate,  &caf_big,  &caf_mbox,  &caf_nn,
                                               &caf_chameneos, &caf_idle, &caf_call};
  return run_program("caf-bench", listed, count, words);
}
