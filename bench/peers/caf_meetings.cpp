// Many actors that talk to one another on CAF.
//
//   big         player i --ping n--> player r --pong n--> player i         then n + 1, another r
//   chameneos   creature --meet n--> mall                       n: its own meetings so far
//               mall --partner--> creature 1 --changed--> creature 2       both then meet again
//               mall --closed n--> creature --total--> mall     when all meetings have been
//
// The number of `partner` holds both creatures' n, so each of the two can check its own.
#include <utility>

#include "caf_run.hpp"

namespace peers {

namespace {

// -- big

using ping_atom = caf::atom_constant<caf::atom("ping")>;
using pong_atom = caf::atom_constant<caf::atom("pong")>;
using roster = std::vector<caf::actor>;

class player : public numbered_actor {
 public:
  // `all` is complete before the first message.
  player(caf::actor_config& config, caf_run& run, const roster& all, std::uint64_t index,
         std::uint64_t pings)
      : numbered_actor(config, run), all_(all), index_(index), pings_(pings), random_(index + 1) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number, ping_atom) {
              ++handled_;
              answer(number, pong_atom::value);
            },
            [this](std::uint64_t number, pong_atom) {
              expect(number, round_, "player");
              if (++round_ == pings_) return run_.line().arrive();
              ping_somebody();
            },
            [this](std::uint64_t begin, go_atom) {
              expect(begin, go_number, "player");
              ping_somebody();
            }};
  }

 private:
  void ping_somebody() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    std::uint64_t other = (random_ >> 32) * (all_.size() - 1) >> 32;
    if (other >= index_) ++other;
    tell(all_[other], round_, ping_atom::value);
  }

  const roster& all_;
  std::uint64_t index_;
  std::uint64_t pings_;
  std::uint64_t random_;
  std::uint64_t round_ = 0;
};

// The echo verifies a ping: it was received once, and had the number it was sent with.
std::vector<figure> run_big(caf_run& run) {
  const std::uint64_t actors = run.parameter("actors");
  const std::uint64_t pings = run.parameter("pings");
  auto& all = run.keep<roster>();
  for (std::uint64_t i = 0; i < actors; ++i) all.push_back(run.spawn<player>(all, i, pings));
  const double seconds = run.time(actors, [&] {
    for (const auto& each : all) run.begin(each);
  });
  const std::uint64_t messages = 2 * actors * pings;
  run.finish(actors + messages, actors);
  all.clear();
  return {{"", static_cast<double>(messages) / seconds / 1e6, "M/s"}};
}

// -- chameneos

using colour = std::uint8_t;  // 0, 1, 2
using closed_atom = caf::atom_constant<caf::atom("closed")>;
using total_atom = caf::atom_constant<caf::atom("total")>;

constexpr colour complement(colour a, colour b) noexcept {
  return a == b ? a : static_cast<colour>(3 - a - b);
}

class mall : public numbered_actor {
 public:
  mall(caf::actor_config& config, caf_run& run, std::uint64_t creatures, std::uint64_t meetings)
      : numbered_actor(config, run), expected_(creatures), meetings_(meetings), left_(meetings) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number, std::uint32_t index, colour theirs) {
              expect(number, expected_[index]++, "mall");
              meet(caf::actor_cast<caf::actor>(current_sender()), number, theirs);
            },
            [this](std::uint64_t met, total_atom) {
              ++handled_;
              met_ += met;
              if (++reported_ < expected_.size()) return;
              run_.line().expect(met_, 2 * meetings_, "mall");
              run_.line().arrive();
            }};
  }

 private:
  void forget() override { waiting_ = nullptr; }

  void meet(caf::actor who, std::uint64_t number, colour theirs) {
    if (left_ == 0) return tell(who, number, closed_atom::value);
    if (!waiting_) {
      waiting_ = std::move(who);
      waiting_number_ = number;
      return;
    }
    tell(waiting_, waiting_number_ << 32 | number, who, theirs);
    waiting_ = nullptr;
    --left_;
  }

  std::vector<std::uint64_t> expected_;  // per creature
  std::uint64_t meetings_;
  std::uint64_t left_;
  caf::actor waiting_;
  std::uint64_t waiting_number_ = 0;
  std::uint64_t met_ = 0;
  std::uint64_t reported_ = 0;
};

class creature : public numbered_actor {
 public:
  creature(caf::actor_config& config, caf_run& run, caf::actor place, std::uint32_t index)
      : numbered_actor(config, run),
        place_(std::move(place)),
        index_(index),
        mine_(static_cast<colour>(index % 3)) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t both, const caf::actor& other, colour theirs) {
              expect(both >> 32, meetings_, "creature that waited");
              mine_ = complement(mine_, theirs);
              tell(other, both & UINT32_MAX, mine_);
              go_back();
            },
            [this](std::uint64_t number, colour theirs) {
              expect(number, meetings_, "creature that came");
              mine_ = theirs;
              go_back();
            },
            [this](std::uint64_t begin, go_atom) {
              expect(begin, go_number, "creature");
              go_to_mall();
            },
            [this](std::uint64_t number, closed_atom) {
              expect(number, meetings_, "creature at the end");
              tell(place_, meetings_, total_atom::value);
            }};
  }

 private:
  void forget() override { place_ = nullptr; }

  void go_back() {
    ++meetings_;
    go_to_mall();
  }
  void go_to_mall() { tell(place_, meetings_, index_, mine_); }

  caf::actor place_;
  std::uint64_t meetings_ = 0;
  std::uint32_t index_;
  colour mine_;
};

std::vector<figure> run_chameneos(caf_run& run) {
  const std::uint64_t creatures = run.parameter("creatures");
  const std::uint64_t meetings = run.parameter("meetings");
  const auto place = run.spawn<mall>(creatures, meetings);
  std::vector<caf::actor> all;
  for (std::uint32_t i = 0; i < creatures; ++i) all.push_back(run.spawn<creature>(place, i));
  const double seconds = run.time(1, [&] {
    for (const auto& each : all) run.begin(each);
  });
  // The start, two requests and two notes a meeting, and the end of each creature.
  run.finish(creatures + 4 * meetings + 3 * creatures, creatures + 1);
  return {{"", static_cast<double>(meetings) / seconds / 1e3, "k/s"}};
}

}  // namespace

constinit const workload caf_big{"big",
                                 "actors ping random others, each ping answered; M messages/s",
                                 {{"actors", 120, 5}, {"pings", 20'000, 20}},
                                 false,
                                 &on_caf<&run_big>};
constinit const workload caf_chameneos{"chameneos",
                                       "creatures meet in pairs at a mall; k meetings/s",
                                       {{"creatures", 100, 6}, {"meetings", 1'000'000, 100}},
                                       false,
                                       &on_caf<&run_chameneos>};

}  // namespace peers
