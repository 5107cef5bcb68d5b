// Programs of the suite on CAF in which many actors contend for mailboxes.
//
//   chameneos  chameneo --meet--> mall --meet--> the first of two --change--> the second;
//              both --meet--> mall; at the end mall --fade--> chameneo --meeting_count--> mall
//   big        peer i --ping i--> peer r --pong r--> peer i, N times, each to another r
#include <algorithm>

#include "../harness/random.hpp"
#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

// -- chameneos

enum class colour : std::uint8_t { red, yellow, blue, faded };

constexpr colour complement(colour own, colour other) noexcept {
  if (own == other) return own;
  if (own == colour::faded || other == colour::faded) return colour::faded;
  return static_cast<colour>(3 - static_cast<int>(own) - static_cast<int>(other));
}

struct meet {
  caf::actor who;
  caf_savina::colour colour;
};
void spoil(meet& message) { message.who = nullptr; }
struct change {
  caf_savina::colour colour;
};
void spoil(change& message) { message.colour = colour::faded; }
struct fade {};
struct meeting_count {
  std::uint64_t meetings;
};
void spoil(meeting_count& message) { ++message.meetings; }

struct meetings_held {
  std::uint64_t sum = 0;
  std::uint64_t faded = 0;
  std::vector<std::uint64_t> of_each{};
};

struct chameneo : player<chameneo, change, meet, fade> {
  static constexpr bool begins_itself = true;

  chameneo(caf::actor_config& config, std::uint64_t& own, caf::actor place,
           caf_savina::colour first)
      : player(config), own_(own), mall_(std::move(place)), colour_(first) {}

  void on_start() { go_to_mall(); }

  void on(const meet& partner) {
    take(complement(colour_, partner.colour));
    tell(partner.who, change{colour_});
    go_to_mall();
  }
  void on(const change& partner) {
    take(partner.colour);
    go_to_mall();
  }
  void on(fade) {
    colour_ = colour::faded;
    own_ = meetings_;
    tell(mall_, meeting_count{meetings_});
    quit();
  }
  void forget() override { mall_ = nullptr; }

  void take(caf_savina::colour other) {
    require(other != colour::faded, "who has faded meets nobody");
    colour_ = other;
    ++meetings_;
  }
  void go_to_mall() { tell(mall_, meet{self(), colour_}); }

  std::uint64_t& own_;
  std::uint64_t meetings_ = 0;
  caf::actor mall_;
  caf_savina::colour colour_;
};

struct mall : player<mall, meet, meeting_count> {
  static constexpr bool begins_itself = true;

  mall(caf::actor_config& config, meetings_held& all, std::uint64_t meetings)
      : player(config), all_(all), left_(meetings) {}

  void on_start() {
    for (std::size_t i = 0; i < all_.of_each.size(); ++i) {
      static_cast<void>(
          create<chameneo>(all_.of_each[i], self(), static_cast<caf_savina::colour>(i % 3)));
    }
  }
  void on(const meet& one) {
    if (left_ == 0) return tell(one.who, fade{});
    if (!waiting_) {
      waiting_ = one.who;
      return;
    }
    --left_;
    tell(std::exchange(waiting_, nullptr), one);
  }
  void on(const meeting_count& one) {
    all_.sum += one.meetings;
    if (++all_.faded != all_.of_each.size()) return;
    quit();
    arrive();
  }
  void forget() override { waiting_ = nullptr; }

  meetings_held& all_;
  std::uint64_t left_;
  caf::actor waiting_;
};

void run_chameneos(iteration& it) {
  const std::uint64_t chameneos = it.parameter("chameneos");
  const std::uint64_t meetings = it.parameter("meetings");
  auto& all = it.keep<meetings_held>();
  all.of_each.resize(chameneos);
  it.begin_inner();
  static_cast<void>(it.spawn<mall>(all, meetings));
  it.wait();
  std::uint64_t sum = 0;
  for (const std::uint64_t each : all.of_each) sum += each;
  it.check_that(all.sum == 2 * meetings && sum == all.sum, "each meeting is counted by two");
  it.check_that(all.faded == chameneos, "each chameneo fades once");
  it.check("sum_meetings", all.sum);
  it.check("faded", all.faded);
  it.check_messages(4 * meetings + 3 * chameneos);
  it.check("messages", it.sums().sent);
  const auto [fewest, most] = std::ranges::minmax(all.of_each);
  it.note("fewest meetings of one", static_cast<double>(fewest));
  it.note("most meetings of one", static_cast<double>(most));
}

// -- big

struct neighbours {
  const roster* all;
};
void spoil(neighbours& message) {
  static const roster nobody;
  message.all = &nobody;
}
struct ping {
  std::int64_t from;
};
void spoil(ping& message) { ++message.from; }
struct pong {
  std::int64_t from;
};
void spoil(pong& message) { ++message.from; }
struct finish {};

struct pings_heard {
  std::uint64_t pings = 0;
  std::uint64_t pongs = 0;  // without the driver's
};

struct sink : player<sink, finish, neighbours> {
  sink(caf::actor_config& config, std::uint64_t peers) : player(config), missing_(peers) {}

  void on(const neighbours& given) { all_ = given.all; }
  void on(finish) {
    if (--missing_ != 0) return;
    if (all_ == nullptr) return fail("the sink knows all peers");
    for (const auto& each : *all_) tell(each, finish{});
    quit();
  }

  std::uint64_t missing_;
  const roster* all_ = nullptr;
};

struct peer : player<peer, ping, pong, neighbours, finish> {
  peer(caf::actor_config& config, pings_heard& own, std::uint64_t index, std::uint64_t pings,
       std::uint64_t peers, caf::actor end)
      : player(config),
        own_(own),
        index_(static_cast<std::int64_t>(index)),
        left_(pings),
        peers_(static_cast<std::int64_t>(peers)),
        sink_(std::move(end)),
        random_(index_) {}

  void on(const neighbours& given) {
    require(given.all->size() == static_cast<std::uint64_t>(peers_), "all peers are neighbours");
    all_ = given.all;
  }
  void on(const ping& one) {
    ++counts_.pings;
    tell(neighbour(one.from), pong{index_});
  }
  void on(const pong& one) {
    if (one.from != pinged_) return fail("a pong comes from who was pinged");
    if (one.from >= 0) ++counts_.pongs;
    if (left_ == 0) return tell(sink_, finish{});
    --left_;
    pinged_ = random_.next_below(peers_);
    tell(neighbour(pinged_), ping{index_});
  }
  void on(finish) {
    own_ = counts_;
    quit();
    arrive();
  }
  void forget() override { sink_ = nullptr; }

  [[nodiscard]] const caf::actor& neighbour(std::int64_t index) const {
    static const caf::actor nobody;
    if (all_ == nullptr || static_cast<std::uint64_t>(index) >= all_->size()) return nobody;
    return (*all_)[static_cast<std::uint64_t>(index)];
  }

  pings_heard& own_;
  std::int64_t index_;
  std::uint64_t left_;
  std::int64_t peers_;
  caf::actor sink_;
  const roster* all_ = nullptr;
  std::int64_t pinged_ = -1;
  sluice::bench::pseudo_random random_;
  pings_heard counts_{};
};

void check_pings(iteration& it, const std::vector<pings_heard>& all) {
  std::vector<std::uint64_t> received;
  std::uint64_t pings = 0;
  std::uint64_t pongs = 0;
  std::uint64_t weighted = 0;
  for (const pings_heard& each : all) {
    received.push_back(each.pings);
    pings += each.pings;
    pongs += each.pongs;
    weighted += received.size() * each.pings;
    it.check_that(each.pongs == it.parameter("N"), "each peer gets a pong for each of its pings");
  }
  it.check_that(pings == all.size() * it.parameter("N"), "each ping is received");
  it.check("pings", pings);
  it.check("pongs", pongs);
  it.check("weighted_sum", weighted);
  const auto [fewest, most] = std::ranges::minmax(received);
  it.check("min", fewest);
  it.check("max", most);
  received.resize(std::min<std::size_t>(received.size(), 10));
  it.check("pings_received_0_9", received);
}

void run_big(iteration& it) {
  const std::uint64_t pings = it.parameter("N");
  const std::uint64_t peers = it.parameter("W");
  auto& heard = it.keep<std::vector<pings_heard>>(peers);
  it.expect_arrivals(peers);
  roster& ends = it.share();
  ends.push_back(it.spawn<sink>(peers));
  roster& all = it.share();
  for (std::uint64_t i = 0; i < peers; ++i) {
    all.push_back(it.spawn<peer>(heard[i], i, pings, peers, ends.front()));
  }
  it.tell(ends.front(), neighbours{&all});
  for (const auto& each : all) it.tell(each, neighbours{&all});
  for (const auto& each : all) it.tell(each, pong{-1});
  it.wait();
  check_pings(it, heard);
  it.check_messages((peers + 1) + peers + 2 * pings * peers + 2 * peers);
}

}  // namespace

constinit const program chameneos{
    "chameneos",
    {{"chameneos", 100, 100, 100}, {"meetings", 200'000, 40'000, 2'000}},
    scheduler::stealing,
    &run_chameneos};
constinit const program big{
    "big", {{"N", 20'000, 2'000, 200}, {"W", 120, 120, 120}}, scheduler::sharing, &run_big};

}  // namespace caf_savina
