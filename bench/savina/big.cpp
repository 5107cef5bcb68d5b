// big: many actors contend for the mailboxes of many. Each pings random others, one at a time.
//
//   driver --neighbours--> sink and all W peers; then --pong -1--> all
//   peer i --ping i--> peer r --pong r--> peer i, N times, each to another r
//   peer --finish--> sink; when all have: sink --finish--> all
//
// A pong must come from who was pinged last; the driver's first one comes from -1. Whom a peer
// pings hangs on its index alone, so the pings that each receives are known.
#include "program.hpp"

#include <algorithm>

#include "../harness/random.hpp"

namespace savina {

namespace {

struct peer;
using roster = std::vector<sluice::handle<peer>>;

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

struct outcome {
  std::uint64_t pings = 0;  // received
  std::uint64_t pongs = 0;  // without the driver's
};

struct sink : player<sink> {
  explicit sink(std::uint64_t peers) : missing_(peers) {}

  void on(const neighbours& given) { all_ = given.all; }
  void on(finish);

  std::uint64_t missing_;
  const roster* all_ = nullptr;
};

struct peer : player<peer> {
  peer(outcome& own, std::uint64_t index, std::uint64_t pings, std::uint64_t peers,
       sluice::handle<sink> end)
      : own_(own),
        index_(static_cast<std::int64_t>(index)),
        left_(pings),
        peers_(static_cast<std::int64_t>(peers)),
        sink_(end),
        random_(index_) {}

  void on(const neighbours& given) {
    require(given.all->size() == static_cast<std::uint64_t>(peers_), "all peers are neighbours");
    all_ = given.all;
  }
  void on(const ping& one) {
    ++counts_.pings;
    send(neighbour(one.from), pong{index_});
  }
  void on(const pong& one) {
    if (one.from != pinged_) return fail("a pong comes from who was pinged");
    if (one.from >= 0) ++counts_.pongs;
    if (left_ == 0) return send(sink_, finish{});
    --left_;
    pinged_ = random_.next_below(peers_);
    send(neighbour(pinged_), ping{index_});
  }
  void on(finish) {
    own_ = counts_;
    exit();
    arrive();
  }

  sluice::handle<peer> neighbour(std::int64_t index) {
    if (all_ != nullptr && static_cast<std::uint64_t>(index) < all_->size()) {
      return (*all_)[static_cast<std::uint64_t>(index)];
    }
    fail("who is named is a neighbour");
    return {};
  }

  outcome& own_;
  std::int64_t index_;
  std::uint64_t left_;
  std::int64_t peers_;
  sluice::handle<sink> sink_;
  const roster* all_ = nullptr;
  std::int64_t pinged_ = -1;
  pseudo_random random_;
  outcome counts_{};
};

void sink::on(finish) {
  if (--missing_ != 0) return;
  if (all_ == nullptr) return fail("the sink knows all peers");
  for (const auto& each : *all_) send(each, finish{});
  exit();
}

void check_pings(iteration& it, const std::vector<outcome>& all) {
  std::vector<std::uint64_t> received;
  std::uint64_t pings = 0;
  std::uint64_t pongs = 0;
  std::uint64_t weighted = 0;
  for (const outcome& each : all) {
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
  auto& outcomes = it.keep<std::vector<outcome>>(peers);
  roster& all = it.keep<roster>();
  it.expect_arrivals(peers);
  const auto end = it.spawn<sink>(peers);
  for (std::uint64_t i = 0; i < peers; ++i) {
    all.push_back(it.spawn<peer>(outcomes[i], i, pings, peers, end));
  }
  it.tell(end, neighbours{&all});
  for (const auto& each : all) it.tell(each, neighbours{&all});
  for (const auto& each : all) it.tell(each, pong{-1});
  it.wait();
  check_pings(it, outcomes);
  it.check_messages((peers + 1) + peers + 2 * pings * peers + 2 * peers);
}

}  // namespace

constinit const program big{"big",
                            "many actors ping random others and wait for each pong",
                            bound::by_messages,
                            {{"N", 20'000, 2'000, 200}, {"W", 120, 120, 120}},
                            &run_big};

}  // namespace savina
