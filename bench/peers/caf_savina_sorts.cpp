// Programs of the suite on CAF that sort in networks of actors.
//
//   radixsort    source --number--> sorter of bit 0 --number--> ... --number--> validation
//   bitonicsort  source --> kernel --> merge stage of 2 --> of 4 --> ... --> adapter -->
//   validation;
//                a stage is steps, a step has a splitter, workers and a joiner, as in bench/savina
#include <algorithm>
#include <bit>
#include <optional>

#include "../harness/random.hpp"
#include "../savina/bitonic_network.hpp"
#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

// -- radixsort

struct number {
  std::int64_t is;
};
void spoil(number& message) { message.is ^= 1; }
struct next_actor {
  caf::actor to;
};
void spoil(next_actor& message) { message.to = nullptr; }

struct sorting {
  std::vector<std::int64_t> sorted;
  std::int64_t drawn = 0;
};

struct validation : player<validation, number> {
  validation(caf::actor_config& config, std::uint64_t count, sorting& results)
      : player(config), count_(count), results_(results) {
    results_.sorted.reserve(count);
  }

  void on(number one) {
    results_.sorted.push_back(one.is);
    if (results_.sorted.size() < count_) return;
    quit();
    arrive();
  }

  std::uint64_t count_;
  sorting& results_;
};

struct sorter : player<sorter, number> {
  sorter(caf::actor_config& config, std::uint64_t count, std::int64_t radix, caf::actor next)
      : player(config), left_(count), radix_(radix), next_(std::move(next)) {}

  void on(number one) {
    if ((one.is & radix_) == 0) {
      tell(next_, one);
    } else {
      held_.push_back(one);
    }
    if (--left_ != 0) return;
    for (const number each : held_) tell(next_, each);
    quit();
  }
  void forget() override { next_ = nullptr; }

  std::uint64_t left_;
  std::int64_t radix_;
  caf::actor next_;
  std::vector<number> held_;
};

struct number_source : player<number_source, next_actor> {
  number_source(caf::actor_config& config, std::uint64_t count, std::int64_t limit,
                std::int64_t seed, sorting& results)
      : player(config), count_(count), limit_(limit), numbers_(seed), results_(results) {}

  void on(const next_actor& first) {
    for (std::uint64_t i = 0; i < count_; ++i) {
      const std::int64_t one = numbers_.next_below(limit_);
      results_.drawn += one;
      tell(first.to, number{one});
    }
    quit();
  }

  std::uint64_t count_;
  std::int64_t limit_;
  sluice::bench::pseudo_random numbers_;
  sorting& results_;
};

void run_radixsort(iteration& it) {
  const std::uint64_t count = it.parameter("N");
  const std::uint64_t limit = it.parameter("M");
  it.check_that(std::has_single_bit(limit) && limit > 1 && limit >> 62 == 0,
                "the limit is a power of two");
  auto& results = it.keep<sorting>();
  roster& made = it.share();
  made.push_back(it.spawn<validation>(count, results));
  std::uint64_t sorters = 0;
  for (std::uint64_t radix = limit / 2; radix != 0; radix /= 2) {
    made.push_back(it.spawn<sorter>(count, static_cast<std::int64_t>(radix), made.back()));
    ++sorters;
  }
  it.tell(it.spawn<number_source>(count, static_cast<std::int64_t>(limit),
                                  static_cast<std::int64_t>(it.parameter("seed")), results),
          next_actor{made.back()});
  it.wait();

  std::int64_t sum = 0;
  for (const std::int64_t each : results.sorted) sum += each;
  it.check_that(results.sorted.size() == count && std::ranges::is_sorted(results.sorted),
                "all values come out in order");
  it.check_that(sum == results.drawn, "what comes out is what went in");
  it.check_messages(count * (sorters + 1) + 1);
  it.check("sum", sum);
  it.check("min", results.sorted.front());
  it.check("max", results.sorted.back());
  it.check("hash31_sorted", sluice::bench::hash31(results.sorted));
  it.check("value_messages", it.sums().sent - 1);
}

// -- bitonicsort

using savina::direction;
using savina::input_plan;
using savina::step_plan;

struct start {};
struct value {
  std::uint64_t number;
};
void spoil(value& message) { ++message.number; }
struct item {
  std::uint64_t input;
  std::uint64_t number;
};
void spoil(item& message) { ++message.number; }
struct finish {};

struct sorted_values : player<sorted_values, value, finish> {
  sorted_values(caf::actor_config& config, std::vector<std::uint64_t>& output)
      : player(config), output_(output) {}

  void on(value one) { output_.push_back(one.number); }
  void on(finish) {
    quit();
    arrive();
  }

  std::vector<std::uint64_t>& output_;
};

// An actor with one behind it, to which it hands on its end.
template <class Self, class Message>
struct element : player<Self, Message, finish> {
  element(caf::actor_config& config, caf::actor next)
      : player<Self, Message, finish>(config), next_(std::move(next)) {}

  void on(finish) {
    this->tell(next_, finish{});
    this->quit();
  }
  void forget() override { next_ = nullptr; }

  caf::actor next_;
};

struct adapter : element<adapter, value> {
  using element::element;
  using element::on;

  void on(value one) { tell(next_, one); }
};

struct numberer : element<numberer, value> {
  numberer(caf::actor_config& config, std::uint64_t input, caf::actor next)
      : element(config, std::move(next)), input_(input) {}
  using element::on;

  void on(value one) { tell(next_, item{input_, one.number}); }

  const std::uint64_t input_;
};

struct splitter : player<splitter, value, finish> {
  splitter(caf::actor_config& config, std::uint64_t length, roster workers)
      : player(config), workers_(std::move(workers)), turn_(workers_.size(), length) {}

  void on(value one) {
    tell(workers_[turn_.member()], one);
    turn_.advance();
  }
  void on(finish) {
    for (const auto& each : workers_) tell(each, finish{});
    quit();
  }
  void forget() override { workers_.clear(); }

  roster workers_;
  savina::round_robin turn_;
};

struct joiner : player<joiner, item, finish> {
  joiner(caf::actor_config& config, std::uint64_t length, std::uint64_t inputs, caf::actor next)
      : player(config), waiting_(inputs), turn_(inputs, length), next_(std::move(next)) {}

  void on(item one) {
    if (one.input >= waiting_.size()) return fail("an item comes from no input of its joiner");
    waiting_[one.input].push(one.number);
    while (!waiting_[turn_.member()].is_empty()) {
      tell(next_, value{waiting_[turn_.member()].take()});
      turn_.advance();
    }
  }
  void on(finish) {
    if (++finished_ != waiting_.size()) return;
    tell(next_, finish{});
    quit();
  }
  void forget() override { next_ = nullptr; }

  std::vector<savina::fifo> waiting_;
  savina::round_robin turn_;
  caf::actor next_;
  std::size_t finished_ = 0;
};

// What a worker of a step is told.
struct position {
  std::uint64_t input;  // Of the joiner behind it.
  direction sorts;
  caf::actor next;
};

struct compare_exchange : element<compare_exchange, value> {
  compare_exchange(caf::actor_config& config, position where)
      : element(config, std::move(where.next)), input_(where.input), sorts_(where.sorts) {}
  using element::on;

  void on(value one) {
    if (!first_) {
      first_ = one.number;
      return;
    }
    const std::uint64_t low = std::min(*first_, one.number);
    const std::uint64_t high = std::max(*first_, one.number);
    tell(next_, item{input_, sorts_ == direction::up ? low : high});
    tell(next_, item{input_, sorts_ == direction::up ? high : low});
    first_.reset();
  }

  const std::uint64_t input_;
  const direction sorts_;
  std::optional<std::uint64_t> first_;
};

// Splits a bitonic sequence of `length` values in two, all of one not above all of the other. From
// when it is started its next one is the first of what it has made; so it is with steps, stages and
// the kernel.
struct partition : element<partition, value> {
  partition(caf::actor_config& config, std::uint64_t length, position where)
      : element(config, std::move(where.next)),
        length_(length),
        input_(where.input),
        sorts_(where.sorts) {}
  using element::on;

  void on_start() {
    const auto joined = create<joiner>(1, length_ / 2, create<numberer>(input_, std::move(next_)));
    roster workers;
    for (std::uint64_t i = 0; i < length_ / 2; ++i) {
      workers.push_back(create<compare_exchange>(position{i, sorts_, joined}));
    }
    next_ = create<splitter>(1, std::move(workers));
  }
  void on(value one) { tell(next_, one); }

  const std::uint64_t length_;
  const std::uint64_t input_;
  const direction sorts_;
};

struct step : element<step, value> {
  step(caf::actor_config& config, const step_plan& plan, caf::actor next)
      : element(config, std::move(next)), plan_(plan) {}
  using element::on;

  void on_start() {
    if (!plan_.is_of_last_stage()) next_ = create<adapter>(std::move(next_));
    const auto joined = create<joiner>(plan_.length, plan_.workers(), std::move(next_));
    roster workers;
    for (std::uint64_t i = 0; i < plan_.workers(); ++i) {
      position where{i, plan_.sorts(i), joined};
      workers.push_back(plan_.length > 2 ? create<partition>(plan_.length, std::move(where))
                                         : create<compare_exchange>(std::move(where)));
    }
    next_ = create<splitter>(plan_.length, std::move(workers));
  }
  void on(value one) { tell(next_, one); }

  const step_plan plan_;
};

struct merge_stage : element<merge_stage, value> {
  merge_stage(caf::actor_config& config, std::uint64_t size, std::uint64_t length, caf::actor next)
      : element(config, std::move(next)), size_(size), length_(length) {}
  using element::on;

  void on_start() {
    for (std::uint64_t length = 2; length <= length_; length *= 2) {
      next_ = create<step>(step_plan{size_, length_, length}, std::move(next_));
    }
  }
  void on(value one) { tell(next_, one); }

  const std::uint64_t size_;
  const std::uint64_t length_;
};

struct kernel : element<kernel, value> {
  kernel(caf::actor_config& config, std::uint64_t size, caf::actor next)
      : element(config, std::move(next)), size_(size) {}
  using element::on;

  void on_start() {
    for (std::uint64_t length = size_; length >= 2; length /= 2) {
      next_ = create<merge_stage>(size_, length, std::move(next_));
    }
  }
  void on(value one) { tell(next_, one); }

  const std::uint64_t size_;
};

struct value_source : player<value_source, start> {
  value_source(caf::actor_config& config, input_plan plan, caf::actor next)
      : player(config), plan_(plan), next_(std::move(next)) {}

  void on(start) {
    savina::for_each_input(plan_, [this](std::uint64_t number) { tell(next_, value{number}); });
    tell(next_, finish{});
    quit();
  }
  void forget() override { next_ = nullptr; }

  const input_plan plan_;
  caf::actor next_;
};

void run_bitonicsort(iteration& it) {
  const std::uint64_t size = it.parameter("N");
  it.check_that(size >= 2 && std::has_single_bit(size), "N is a power of 2");
  const input_plan plan{size, it.parameter("seed")};
  auto& output = it.keep<std::vector<std::uint64_t>>();
  it.tell(it.spawn<value_source>(
              plan, it.spawn<kernel>(size, it.spawn<adapter>(it.spawn<sorted_values>(output)))),
          start{});
  it.wait();
  std::vector<std::uint64_t> sorted;
  savina::for_each_input(plan, [&](std::uint64_t number) { sorted.push_back(number); });
  std::ranges::sort(sorted);
  it.check_that(output == sorted, "what comes out is what went in, in order");
  std::uint64_t sum = 0;
  for (const std::uint64_t each : output) sum += each;
  it.check("sum", sum);
  it.check("min", output.front());
  it.check("max", output.back());
  it.check("hash31_sorted", sluice::bench::hash31(output));
  const savina::network counted = savina::count_network(size);
  it.check_that(it.sums().made == counted.actors,
                "exactly " + std::to_string(counted.actors) + " actors are made");
  it.check("actors", it.sums().made);
  it.check_messages(counted.messages);
}

}  // namespace

constinit const program radixsort{
    "radixsort",
    {{"N", 100'000, 40'000, 2'000},
     {"M", std::uint64_t{1} << 60, std::uint64_t{1} << 60, std::uint64_t{1} << 60},
     {"seed", 2'048, 2'048, 2'048}},
    scheduler::stealing,
    &run_radixsort};
constinit const program bitonicsort{"bitonicsort",
                                    {{"N", 1'024, 1'024, 64}, {"seed", 2'048, 2'048, 2'048}},
                                    scheduler::stealing,
                                    &run_bitonicsort};

}  // namespace caf_savina
