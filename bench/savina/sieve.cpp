// sieve: the primes below N by a pipeline that grows. A filter knows up to M primes; what none of
// them divides goes on to the next filter, and is a prime where there is none.
//
//   driver --start--> producer --candidate 3, 5, 7, ...--> filter 1 --candidate--> filter 2 ...
//   producer --finish--> filter 1 --finish--> ... --finish--> last filter
//
// The last filter counts (filters before it) * M + its own primes.
#include <algorithm>

#include "program.hpp"

namespace savina {

namespace {

struct candidate {
  std::uint64_t number;
};
void spoil(candidate& message) { message.number = 1; }
struct finish {};

// Written by one filter after the other: `finish` orders them.
struct outcome {
  std::vector<std::uint64_t> primes{};
  std::uint64_t total = 0;
  std::uint64_t filters = 0;
  std::uint64_t last_primes = 0;
  std::uint64_t forwards = 0;
  std::uint64_t remainders = 0;
};

class filter : public player<filter> {
 public:
  filter(outcome& all, std::uint64_t id, std::uint64_t first_prime, std::uint64_t primes_max)
      : all_(all), id_(id), primes_max_(primes_max), last_seen_(first_prime) {
    primes_.push_back(first_prime);
  }

  void on(candidate one) {
    require(one.number > last_seen_, "candidates come in ascending order");
    last_seen_ = one.number;
    if (is_divided(one.number)) return;
    if (next_.is_valid()) {
      ++forwards_;
      send(next_, one);
    } else if (primes_.size() < primes_max_) {
      primes_.push_back(one.number);
    } else {
      next_ = create<filter>(all_, id_ + 1, one.number, primes_max_);
    }
  }
  void on(finish) {
    all_.primes.insert(all_.primes.end(), primes_.begin(), primes_.end());
    all_.forwards += forwards_;
    all_.remainders += remainders_;
    exit();
    if (next_.is_valid()) return send(next_, finish{});
    all_.total = (id_ - 1) * primes_max_ + primes_.size();
    all_.filters = id_;
    all_.last_primes = primes_.size();
    arrive();
  }

 private:
  bool is_divided(std::uint64_t number) noexcept {
    for (const std::uint64_t prime : primes_) {
      ++remainders_;
      if (number % prime == 0) return true;
    }
    return false;
  }

  outcome& all_;
  const std::uint64_t id_;
  const std::uint64_t primes_max_;
  std::vector<std::uint64_t> primes_;
  sluice::handle<filter> next_{};
  std::uint64_t last_seen_;
  std::uint64_t forwards_ = 0;
  std::uint64_t remainders_ = 0;
};

struct start {
  sluice::handle<filter> first;
};
void spoil(start& message) { message.first = {}; }

struct producer : player<producer> {
  explicit producer(std::uint64_t limit) : limit_(limit) {}

  void on(const start& begin) {
    for (std::uint64_t number = 3; number < limit_; number += 2) {
      send(begin.first, candidate{number});
    }
    send(begin.first, finish{});
    exit();
  }

  const std::uint64_t limit_;
};

std::vector<std::uint64_t> primes_below(std::uint64_t limit) {
  std::vector<bool> is_composite(limit);
  std::vector<std::uint64_t> primes;
  for (std::uint64_t number = 2; number < limit; ++number) {
    if (is_composite[number]) continue;
    primes.push_back(number);
    for (std::uint64_t i = number * number; i < limit; i += number) is_composite[i] = true;
  }
  return primes;
}

void run_sieve(iteration& it) {
  const std::uint64_t limit = it.parameter("N");
  outcome& all = it.keep<outcome>();
  const auto first = it.spawn<filter>(all, 1, 2, it.parameter("M"));
  it.tell(it.spawn<producer>(limit), start{first});
  it.wait();
  it.check_that(all.primes == primes_below(std::max<std::uint64_t>(limit, 3)),
                "the filters hold the primes, in order");
  it.check_that(all.total == all.primes.size(), "the last filter counts all primes");
  it.check_that(it.spawned() == 1 + all.filters, "there are as many filters as the last one says");
  it.check("primes", all.total);
  it.check("filters", all.filters);
  it.check("last_filter", all.last_primes);
  it.check("forwards", all.forwards);
  it.check("modulo_ops", all.remainders);
  const std::uint64_t candidates = limit < 4 ? 0 : (limit - 2) / 2;
  it.check_messages(1 + candidates + all.forwards + all.filters);
}

}  // namespace

constinit const program sieve{"sieve",
                              "the primes below N: a pipeline that grows with them",
                              bound::by_computing,
                              {{"N", 100'000, 100'000, 1'000}, {"M", 1'000, 1'000, 10}},
                              &run_sieve};

}  // namespace savina
