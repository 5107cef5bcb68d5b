// caf_mixed: rings of actors that pass tokens and are made anew, beside numbers that are factorised
// on threads of their own.
//
//   driver --begin--> supervisor: makes R masters, each with a factoriser; --begin--> each master
//   master, K times: --calculate--> factoriser --factors--> supervisor
//                    makes L - 1 links to a ring that closes in the master; --token T--> first link
//   link --token--> next; ends behind token 0
//   master --token - 1--> first link; at token 0 the next ring, after the last one:
//   master --done--> supervisor, which ends after R * K factors and R done
//
// A factoriser is a blocking meta: its handler puts numbers into a queue that its own thread takes
// them from. Metas end with their process, so they belong to the supervisor, who ends last.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "program.hpp"

namespace suites {

namespace {

struct begin {};
struct calculate {
  std::uint64_t number;
};
void spoil(calculate& message) { ++message.number; }
struct factors {
  std::vector<std::uint64_t> primes;
};
void spoil(factors& message) { message.primes.push_back(1); }
struct token {
  std::uint64_t left;
};
void spoil(token& message) { ++message.left; }
struct done {};

struct plan {
  std::uint64_t masters;  // R
  std::uint64_t actors;   // L, of a ring
  std::uint64_t token;    // T
  std::uint64_t rings;    // K
  std::uint64_t number;
};

struct results {
  std::uint64_t factorised = 0;
  std::uint64_t done = 0;
};

// Tries every odd number, as published, until nothing is left: the work is in the trying.
std::vector<std::uint64_t> factorise(std::uint64_t number) {
  std::vector<std::uint64_t> primes;
  if (number == 0) return primes;
  for (; number % 2 == 0; number /= 2) primes.push_back(2);
  for (std::uint64_t divisor = 3; number > 1; divisor += 2) {
    for (; number % divisor == 0; number /= divisor) primes.push_back(divisor);
  }
  return primes;
}

bool is_factorisation(const std::vector<std::uint64_t>& primes, std::uint64_t number) {
  std::uint64_t product = 1;
  for (const std::uint64_t each : primes) product *= each;
  return product == number && std::ranges::count(primes, std::uint64_t{1}) == 0;
}

class factoriser : public sluice::meta<factoriser> {
 public:
  explicit factoriser(sluice::pid collector) : collector_(collector) {}

  void on(const calculate& order) {
    {
      const std::lock_guard lock{guard_};
      numbers_.push_back(order.number);
    }
    changed_.notify_one();
  }

  void start(std::stop_token stop) {
    std::unique_lock lock{guard_};
    while (changed_.wait(lock, stop, [this] { return !numbers_.empty(); })) {
      const std::uint64_t number = numbers_.front();
      numbers_.pop_front();
      lock.unlock();
      work_at(number);
      lock.lock();
    }
  }

 private:
  void work_at(std::uint64_t number) {
    const hidden_work work;
    factors told{factorise(number)};
    send_planted(told,
                 [this](factors&& each) { static_cast<void>(send(collector_, std::move(each))); });
  }

  const sluice::pid collector_;
  std::mutex guard_;
  std::condition_variable_any changed_;
  std::deque<std::uint64_t> numbers_;  // guard_
};

struct chain_link : player<chain_link, token> {
  chain_link(sluice::pid next, std::uint64_t first) : next_(next), expected_(first) {}

  void on(token passed) {
    require(passed.left == expected_--, "a link sees each token of its ring once, in order");
    send(next_, passed);
    if (passed.left == 0) exit();
  }

  const sluice::pid next_;
  std::uint64_t expected_;
};

class master : public player<master, token> {
 public:
  master(const plan& all, sluice::pid supervisor, sluice::meta_handle<factoriser> worker)
      : plan_(all), supervisor_(supervisor), worker_(worker), left_(all.rings) {}

  void on(begin) { make_ring(); }
  void on(token passed) {
    require(passed.left == expected_--, "a master sees each token of its ring once, in order");
    if (passed.left != 0) return send(first_, token{passed.left - 1});
    if (--left_ != 0) return make_ring();
    send(supervisor_, done{});
    exit();
  }

 private:
  void make_ring() {
    send(worker_, calculate{plan_.number});
    first_ = self();
    for (std::uint64_t i = 1; i < plan_.actors; ++i) {
      first_ = create<chain_link>(first_, plan_.token).id();
    }
    expected_ = plan_.token;
    send(first_, token{plan_.token});
  }

  const plan& plan_;
  const sluice::pid supervisor_;
  const sluice::meta_handle<factoriser> worker_;
  std::uint64_t left_;
  sluice::pid first_;
  std::uint64_t expected_ = 0;
};

class supervisor : public player<supervisor, factors, done> {
 public:
  supervisor(const plan& all, results& told) : plan_(all), told_(told) {}

  void on(begin) {
    for (std::uint64_t i = 0; i < plan_.masters; ++i) {
      const auto worker = spawn_meta<factoriser>({.is_pinned = false}, self());
      if (!worker) return fail("a factoriser does not start: " + worker.error().message());
      send(create<master>(plan_, self(), worker.value()), begin{});
    }
  }
  void on(const factors& found) {
    require(is_factorisation(found.primes, plan_.number), "the factors are those of the number");
    ++counts_.factorised;
    exit_when_done();
  }
  void on(done) {
    ++counts_.done;
    exit_when_done();
  }

 private:
  void exit_when_done() {
    if (counts_.factorised + counts_.done != plan_.masters * (plan_.rings + 1)) return;
    told_ = counts_;
    exit();
    arrive();
  }

  const plan& plan_;
  results& told_;
  results counts_{};
};

void run_caf_mixed(iteration& it) {
  const plan& all = it.keep<plan>(plan{it.parameter("R"), it.parameter("L"), it.parameter("T"),
                                       it.parameter("K"), it.parameter("number")});
  auto& told = it.keep<results>();
  it.tell(it.spawn<supervisor>(all, told), begin{});
  it.wait();
  const std::uint64_t rings = all.masters * all.rings;
  it.check_that(told.factorised == rings && told.done == all.masters,
                "the supervisor hears of each factorisation and of each master");
  it.check("supervisor_messages", told.factorised + told.done);
  it.check("factors", factorise(all.number));
  const std::uint64_t tokens = rings * (all.token + 1) * all.actors;
  it.check("tokens", tokens);
  const std::uint64_t made = 1 + 2 * all.masters + rings * (all.actors - 1);
  it.check_that(it.spawned() == made, "exactly " + std::to_string(made) + " live, metas too");
  // The library's own, for each meta: the order to end with its process, and its thread's word that
  // it has left, which mostly comes too late. Nothing else may, or a count above would be missing.
  it.check_messages(1 + all.masters + 2 * rings + tokens + all.masters + 2 * all.masters,
                    std::nullopt);
}

}  // namespace

constinit const program caf_mixed{
    "caf_mixed",
    "CAF: rings of actors that are made anew, beside work on threads of its own",
    bound::by_messages,
    {{"R", 4, 4, 2},
     {"L", 100, 50, 10},
     {"T", 1'000, 200, 20},
     {"K", 1, 1, 2},
     {"number", 100'160'063, 100'160'063, 100'160'063}},
    &run_caf_mixed};

}  // namespace suites
