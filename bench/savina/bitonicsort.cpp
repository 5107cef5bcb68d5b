// bitonicsort: a network of actors for N numbers, laid out once, through which they flow one by
// one.
//
//   driver --start--> source --value (N times), finish--> kernel
//   kernel --> merge stage of 2 --> of 4 --> ... --> of N --> adapter --> validation
//   a stage of P:  step of length P --> step of P/2 --> ... --> step of 2
//   a step of L:   splitter --runs of L values, in turn--> N/L workers --item--> joiner
//                  joiner --runs of L values, in turn--> adapter (not in the last stage)
//   its workers:   partitions of L, for L = 2 compare_exchanges
//   a partition:   splitter --one value each, in turn--> L/2 compare_exchanges --item--> joiner
//                  joiner --one value each, in turn--> numberer --item--> joiner of the step
//
// Kernel, stages, steps and partitions are actors themselves: they make what is in them and hand on
// to the first of it. An item is a value with the number of the worker that it comes from.
// Everybody hands finish on and ends; joiners when all of their inputs have.
#include "bitonic_network.hpp"

#include <algorithm>
#include <bit>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

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

struct validation : player<validation, value, finish> {
  explicit validation(std::vector<std::uint64_t>& output) : output_(output) {}

  void on(value one) { output_.push_back(one.number); }
  void on(finish) {
    exit();
    arrive();
  }

  std::vector<std::uint64_t>& output_;
};

struct adapter : player<adapter, value, finish> {
  explicit adapter(sluice::pid next) : next_(next) {}

  void on(value one) { send(next_, one); }
  void on(finish) {
    send(next_, finish{});
    exit();
  }

  const sluice::pid next_;
};

struct numberer : player<numberer, value, finish> {
  numberer(std::uint64_t input, sluice::pid next) : input_(input), next_(next) {}

  void on(value one) { send(next_, item{input_, one.number}); }
  void on(finish) {
    send(next_, finish{});
    exit();
  }

  const std::uint64_t input_;
  const sluice::pid next_;
};

struct splitter : player<splitter, value, finish> {
  splitter(std::uint64_t length, std::vector<sluice::pid> workers)
      : workers_(std::move(workers)), turn_(workers_.size(), length) {}

  void on(value one) {
    send(workers_[turn_.member()], one);
    turn_.advance();
  }
  void on(finish) {
    for (const auto& each : workers_) send(each, finish{});
    exit();
  }

  const std::vector<sluice::pid> workers_;
  round_robin turn_;
};

struct joiner : player<joiner, item, finish> {
  joiner(std::uint64_t length, std::uint64_t inputs, sluice::pid next)
      : waiting_(inputs), turn_(inputs, length), next_(next) {}

  void on(item one) {
    if (one.input >= waiting_.size()) return fail("an item comes from no input of its joiner");
    waiting_[one.input].push(one.number);
    while (!waiting_[turn_.member()].is_empty()) {
      send(next_, value{waiting_[turn_.member()].take()});
      turn_.advance();
    }
  }
  void on(finish) {
    if (++finished_ != waiting_.size()) return;
    send(next_, finish{});
    exit();
  }

  std::vector<fifo> waiting_;
  round_robin turn_;
  const sluice::pid next_;
  std::size_t finished_ = 0;
};

// What a worker of a step is told.
struct position {
  std::uint64_t input;  // Of the joiner behind it.
  direction sorts;
  sluice::pid next;
};

struct compare_exchange : player<compare_exchange, value, finish> {
  explicit compare_exchange(position where) : where_(where) {}

  void on(value one) {
    if (!first_) {
      first_ = one.number;
      return;
    }
    const std::uint64_t low = std::min(*first_, one.number);
    const std::uint64_t high = std::max(*first_, one.number);
    const bool is_up = where_.sorts == direction::up;
    send(where_.next, item{where_.input, is_up ? low : high});
    send(where_.next, item{where_.input, is_up ? high : low});
    first_.reset();
  }
  void on(finish) {
    send(where_.next, finish{});
    exit();
  }

  const position where_;
  std::optional<std::uint64_t> first_;
};

// Hands on to the first of what it has made.
template <class Self>
struct container : player<Self, value, finish> {
  void on(value one) { this->send(first_, one); }
  void on(finish) {
    this->send(first_, finish{});
    this->exit();
  }

  sluice::pid first_;
};

// Splits a bitonic sequence of `length` values in two, all of one not above all of the other.
struct partition : container<partition> {
  partition(std::uint64_t length, position where) : length_(length), where_(where) {}

  void on_start() {
    const sluice::pid last = create<numberer>(where_.input, where_.next);
    const sluice::pid joined = create<joiner>(1, length_ / 2, last);
    std::vector<sluice::pid> workers;
    for (std::uint64_t i = 0; i < length_ / 2; ++i) {
      workers.push_back(create<compare_exchange>(position{i, where_.sorts, joined}));
    }
    first_ = create<splitter>(1, std::move(workers));
  }

  const std::uint64_t length_;
  const position where_;
};

struct step : container<step> {
  step(const step_plan& plan, sluice::pid next) : plan_(plan), next_(next) {}

  void on_start() {
    const sluice::pid out = plan_.is_of_last_stage() ? next_ : create<adapter>(next_).id();
    const sluice::pid joined = create<joiner>(plan_.length, plan_.workers(), out);
    std::vector<sluice::pid> workers;
    for (std::uint64_t i = 0; i < plan_.workers(); ++i) {
      const position where{i, plan_.sorts(i), joined};
      workers.push_back(plan_.length > 2 ? create<partition>(plan_.length, where).id()
                                         : create<compare_exchange>(where).id());
    }
    first_ = create<splitter>(plan_.length, std::move(workers));
  }

  const step_plan plan_;
  const sluice::pid next_;
};

struct merge_stage : container<merge_stage> {
  merge_stage(std::uint64_t size, std::uint64_t length, sluice::pid next)
      : size_(size), length_(length), next_(next) {}

  void on_start() {
    first_ = next_;
    for (std::uint64_t length = 2; length <= length_; length *= 2) {
      first_ = create<step>(step_plan{size_, length_, length}, first_);
    }
  }

  const std::uint64_t size_;
  const std::uint64_t length_;
  const sluice::pid next_;
};

struct kernel : container<kernel> {
  kernel(std::uint64_t size, sluice::pid next) : size_(size), next_(next) {}

  void on_start() {
    first_ = next_;
    for (std::uint64_t length = size_; length >= 2; length /= 2) {
      first_ = create<merge_stage>(size_, length, first_);
    }
  }

  const std::uint64_t size_;
  const sluice::pid next_;
};

struct source : player<source> {
  source(input_plan plan, sluice::handle<kernel> next) : plan_(plan), next_(next) {}

  void on(start) {
    for_each_input(plan_, [this](std::uint64_t number) { send(next_, value{number}); });
    send(next_, finish{});
    exit();
  }

  const input_plan plan_;
  const sluice::handle<kernel> next_;
};

void run_bitonicsort(iteration& it) {
  const std::uint64_t size = it.parameter("N");
  it.check_that(size >= 2 && std::has_single_bit(size), "N is a power of 2");
  const input_plan plan{size, it.parameter("seed")};
  auto& output = it.keep<std::vector<std::uint64_t>>();
  const auto last = it.spawn<adapter>(it.spawn<validation>(output));
  const auto sorter = it.spawn<kernel>(size, last);
  it.tell(it.spawn<source>(plan, sorter), start{});
  it.wait();
  std::vector<std::uint64_t> sorted;
  for_each_input(plan, [&](std::uint64_t number) { sorted.push_back(number); });
  std::ranges::sort(sorted);
  it.check_that(output == sorted, "what comes out is what went in, in order");
  std::uint64_t sum = 0;
  for (const std::uint64_t each : output) sum += each;
  it.check("sum", sum);
  it.check("min", output.front());
  it.check("max", output.back());
  it.check("hash31_sorted", hash31(output));
  const network counted = count_network(size);
  it.check_that(it.spawned() == counted.actors,
                "exactly " + std::to_string(counted.actors) + " actors are made");
  it.check("actors", it.spawned());
  it.check_messages(counted.messages);
}

}  // namespace

constinit const program bitonicsort{"bitonicsort",
                                    "a sorting network of actors that values flow through",
                                    bound::by_messages,
                                    {{"N", 1'024, 1'024, 64}, {"seed", 2'048, 2'048, 2'048}},
                                    &run_bitonicsort};

}  // namespace savina
