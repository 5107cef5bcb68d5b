// bndbuffer: producers and consumers around a buffer whose manager bounds it by not asking for
// more. Producing and consuming an item costs a loop of logarithms.
//
//   driver --start--> manager --produce--> each producer
//   producer --data_item--> manager --data_item--> consumer --consumer_available--> manager
//                           manager --produce--> producer, at once or when the buffer has room
//   producer --producer_exit--> manager, after its last item
//   manager --consumer_exit--> each consumer, when all are done and wait
#include <algorithm>
#include <cmath>
#include <deque>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

struct start {};
struct produce {};
struct data_item {
  double data;
  sluice::pid producer;
};
void spoil(data_item& message) { message.data = -message.data; }
struct consumer_available {
  sluice::pid consumer;
};
void spoil(consumer_available& message) { message.consumer = {}; }
struct producer_exit {};
struct consumer_exit {};

struct plan {
  std::uint64_t producers;
  std::uint64_t consumers;
  std::uint64_t items;
  std::uint64_t cost;
  std::int64_t threshold;  ///< so many pending: who brought the last of them waits
};

struct outcome {
  struct share {
    std::uint64_t items = 0;
    double sum = 0;
  };
  std::vector<share> consumed;
  std::uint64_t pending_most = 0;
};

// Each call draws the same numbers again, as the suite's does.
double process_item(double term, std::uint64_t cost) noexcept {
  pseudo_random source{static_cast<std::int64_t>(cost)};
  const std::uint64_t rounds = cost == 0 ? 1 : cost * 100;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    term += std::log(std::abs(source.next_double()) + 0.01);
  }
  return term;
}

struct producer : player<producer, produce> {
  producer(sluice::pid manager, const plan& all) : manager_(manager), plan_(all) {}

  void on(produce) {
    if (produced_ == plan_.items) {
      send(manager_, producer_exit{});
      return exit();
    }
    item_ = process_item(item_, plan_.cost);
    send(manager_, data_item{item_, self()});
    ++produced_;
  }

  sluice::pid manager_;
  const plan& plan_;
  std::uint64_t produced_ = 0;
  double item_ = 0;
};

struct consumer : player<consumer, data_item> {
  consumer(sluice::pid manager, const plan& all, outcome::share& share)
      : manager_(manager), plan_(all), share_(share) {}

  void on(const data_item& item) {
    sum_ = process_item(sum_ + item.data, plan_.cost);
    ++items_;
    send(manager_, consumer_available{self()});
  }
  void on(consumer_exit) {
    share_ = {items_, sum_};
    exit();
    arrive();
  }

  sluice::pid manager_;
  const plan& plan_;
  outcome::share& share_;
  std::uint64_t items_ = 0;
  double sum_ = 0;
};

struct manager : player<manager, data_item, consumer_available, producer_exit> {
  manager(const plan& all, outcome& results) : plan_(all), results_(results) {}

  void on_start() {
    for (std::uint64_t i = 0; i < plan_.producers; ++i) {
      producers_.push_back(create<producer>(self(), plan_));
    }
    for (auto& share : results_.consumed) {
      consumers_.push_back(create<consumer>(self(), plan_, share));
      available_.push_back(consumers_.back().id());
    }
  }
  void on(start) {
    for (const auto& each : producers_) send(each, produce{});
  }
  void on(const data_item& item) {
    if (!available_.empty()) {
      send(available_.front(), data_item{item});
      available_.pop_front();
    } else {
      pending_.push_back(item);
      results_.pending_most = std::max<std::uint64_t>(results_.pending_most, pending_.size());
    }
    if (static_cast<std::int64_t>(pending_.size()) >= plan_.threshold) {
      parked_.push_back(item.producer);
    } else {
      send(item.producer, produce{});
    }
  }
  void on(const consumer_available& ready) {
    if (pending_.empty()) {
      available_.push_back(ready.consumer);
      return exit_when_done();
    }
    send(ready.consumer, data_item{pending_.front()});
    pending_.pop_front();
    if (parked_.empty()) return;
    send(parked_.front(), produce{});
    parked_.pop_front();
  }
  void on(producer_exit) {
    ++producers_done_;
    exit_when_done();
  }

  void exit_when_done() {
    if (producers_done_ != plan_.producers || available_.size() != plan_.consumers) return;
    for (const auto& each : consumers_) send(each, consumer_exit{});
    exit();
  }

  const plan& plan_;
  outcome& results_;
  std::vector<sluice::handle<producer>> producers_;
  std::vector<sluice::handle<consumer>> consumers_;
  std::deque<sluice::pid> available_;
  std::deque<sluice::pid> parked_;
  std::deque<data_item> pending_;
  std::uint64_t producers_done_ = 0;
};

void run_bndbuffer(iteration& it) {
  const auto producers = static_cast<std::int64_t>(it.parameter("producers"));
  const auto& all = it.keep<plan>(
      plan{it.parameter("producers"), it.parameter("consumers"), it.parameter("items"),
           it.parameter("cost"), static_cast<std::int64_t>(it.parameter("buffer")) - producers});
  auto& results = it.keep<outcome>();
  results.consumed.resize(all.consumers);
  it.expect_arrivals(all.consumers);
  it.tell(it.spawn<manager>(all, results), start{});
  it.wait();

  const double unit = process_item(0, all.cost);
  outcome::share sum;
  for (const auto& each : results.consumed) {
    sum.items += each.items;
    sum.sum += each.sum;
  }
  // Item i is i units, and consuming one adds a unit.
  const auto items = static_cast<double>(all.items);
  const double wanted = static_cast<double>(producers) * unit * (items * (items + 1) / 2 + items);
  it.check_that(sum.items == all.producers * all.items, "each item is consumed once");
  it.check_that(std::abs(sum.sum - wanted) <= 1e-9 * std::abs(wanted), "the sum is that of all");
  it.check_that(static_cast<std::int64_t>(results.pending_most) <=
                    std::max<std::int64_t>(all.threshold - 1, 0) + producers,
                "the buffer is bounded");
  it.note("pending at most", static_cast<double>(results.pending_most));
  it.check("K", unit, {.relative = 1e-12});
  it.check("sum_consItem", sum.sum, {.relative = 1e-9});
  it.check("items", sum.items);
  // Three for each item and its produce; the last produce of each producer and its exit; start.
  it.check_messages(4 * sum.items + 2 * all.producers + all.consumers + 1);
  it.check("messages", it.sums().sent - all.consumers - 1);
  it.check("consumer_exits", all.consumers);
}

}  // namespace

constinit const program bndbuffer{"bndbuffer",
                                  "producers and consumers around a bounded buffer",
                                  bound::by_computing,
                                  {{"buffer", 50, 50, 50},
                                   {"producers", 40, 40, 20},
                                   {"consumers", 40, 40, 20},
                                   {"items", 1'000, 100, 30},
                                   {"cost", 25, 25, 15}},
                                  &run_bndbuffer};

}  // namespace savina
