// radixsort: a static pipeline, one actor a bit. Each passes on at once what does not have its bit
// and holds back the rest until it has seen all.
//
//   driver --next_actor--> source --value--> sorter of bit 0 --value--> ... --value--> validation
#include <algorithm>
#include <bit>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

struct value {
  std::int64_t is;
};
void spoil(value& message) { message.is ^= 1; }
struct next_actor {
  sluice::pid to;
};
void spoil(next_actor& message) { message.to = {}; }

struct outcome {
  std::vector<std::int64_t> sorted;
  std::int64_t drawn = 0;
};

struct validation : player<validation, value> {
  validation(std::uint64_t count, outcome& results) : count_(count), results_(results) {
    results_.sorted.reserve(count);
  }

  void on(value one) {
    results_.sorted.push_back(one.is);
    if (results_.sorted.size() < count_) return;
    exit();
    arrive();
  }

  std::uint64_t count_;
  outcome& results_;
};

struct sorter : player<sorter, value> {
  sorter(std::uint64_t count, std::int64_t radix, sluice::pid next)
      : left_(count), radix_(radix), next_(next) {}

  void on(value one) {
    if ((one.is & radix_) == 0) {
      send(next_, one);
    } else {
      held_.push_back(one);
    }
    if (--left_ != 0) return;
    for (const value each : held_) send(next_, each);
    exit();
  }

  std::uint64_t left_;
  std::int64_t radix_;
  sluice::pid next_;
  std::vector<value> held_;
};

struct source : player<source> {
  source(std::uint64_t count, std::int64_t limit, std::int64_t seed, outcome& results)
      : count_(count), limit_(limit), numbers_(seed), results_(results) {}

  void on(const next_actor& first) {
    for (std::uint64_t i = 0; i < count_; ++i) {
      const std::int64_t one = numbers_.next_below(limit_);
      results_.drawn += one;
      send(first.to, value{one});
    }
    exit();
  }

  std::uint64_t count_;
  std::int64_t limit_;
  pseudo_random numbers_;
  outcome& results_;
};

void run_radixsort(iteration& it) {
  const std::uint64_t count = it.parameter("N");
  const std::uint64_t limit = it.parameter("M");
  it.check_that(std::has_single_bit(limit) && limit > 1 && limit >> 62 == 0,
                "the limit is a power of two");
  auto& results = it.keep<outcome>();
  const auto first = it.spawn<source>(count, static_cast<std::int64_t>(limit),
                                      static_cast<std::int64_t>(it.parameter("seed")), results);
  sluice::pid next = it.spawn<validation>(count, results).id();
  std::uint64_t sorters = 0;
  for (std::uint64_t radix = limit / 2; radix != 0; radix /= 2) {
    next = it.spawn<sorter>(count, static_cast<std::int64_t>(radix), next).id();
    ++sorters;
  }
  it.tell(first, next_actor{next});
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
  it.check("hash31_sorted", hash31(results.sorted));
  it.check("value_messages", it.sums().sent - 1);
}

}  // namespace

constinit const program radixsort{
    "radixsort",
    "a static pipeline that sorts, one actor a bit",
    bound::by_messages,
    {{"N", 100'000, 40'000, 2'000},
     {"M", std::uint64_t{1} << 60, std::uint64_t{1} << 60, std::uint64_t{1} << 60},
     {"seed", 2'048, 2'048, 2'048}},
    &run_radixsort};

}  // namespace savina
