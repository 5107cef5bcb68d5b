// verona_smallbank: generators draw transactions of a small bank and send them to its accounts.
//
//   driver --turn(0)--> each generator, a batch of transactions, --turn(n + 1)--> itself
//     balance      generator --balance--> account --told--> generator
//     deposit      generator --deposit--> account       to the checking account
//     savings      generator --savings--> account
//     check        generator --check--> account
//     amalgamate   generator --amalgamate--> account --funds--> another account: all that it has
//   generator --close--> each account, after its last transaction
//   driver --end--> each account, when all have been closed by all
#include <algorithm>
#include <array>
#include <random>

#include "program.hpp"

namespace suites {

namespace {

enum class kind : std::uint8_t { balance, deposit, savings, check, amalgamate };
constexpr std::size_t kind_count = 5;

struct turn {
  std::uint64_t number;
};
void spoil(turn& message) { ++message.number; }
struct balance {
  sluice::pid from;
};
void spoil(balance& message) { message.from = {}; }
struct told {
  std::int64_t sum;
};
void spoil(told& message) { ++message.sum; }
struct deposit {
  std::int64_t amount;
};
void spoil(deposit& message) { ++message.amount; }
struct savings {
  std::int64_t amount;
};
void spoil(savings& message) { ++message.amount; }
struct check {
  std::int64_t amount;
};
void spoil(check& message) { ++message.amount; }
struct funds {
  std::int64_t amount;
};
void spoil(funds& message) { ++message.amount; }
struct close {};
struct end {};

// Of one generator or account: how many of each kind, and the sum of their amounts, modulo 2^64.
// That of balances is of what was told.
struct tally {
  std::array<std::uint64_t, kind_count> count{};
  std::array<std::uint64_t, kind_count> sum{};
  std::uint64_t fees = 0;   // accounts: taken with a check
  std::uint64_t left = 0;   // accounts: of both balances, in the end
  std::uint64_t funds = 0;  // accounts: received from others

  void add(kind what, std::int64_t amount) {
    ++count[static_cast<std::size_t>(what)];
    sum[static_cast<std::size_t>(what)] += static_cast<std::uint64_t>(amount);
  }
  tally& operator+=(const tally& other) {
    for (std::size_t i = 0; i < kind_count; ++i) {
      count[i] += other.count[i];
      sum[i] += other.sum[i];
    }
    fees += other.fees;
    left += other.left;
    funds += other.funds;
    return *this;
  }
};

struct account;

struct amalgamate {
  sluice::handle<account> to;
};
void spoil(amalgamate& message) { message.to = {}; }

struct account : player<account> {
  account(tally& result, std::uint64_t generators) : result_(result), open_(generators) {}

  void on(const balance& asked) {
    so_far_.add(kind::balance, checking_ + savings_);
    send(asked.from, told{checking_ + savings_});
  }
  void on(deposit made) {
    so_far_.add(kind::deposit, made.amount);
    checking_ += made.amount;
  }
  void on(savings made) {
    so_far_.add(kind::savings, made.amount);
    if (made.amount < 0 && savings_ < -made.amount) return;
    savings_ += made.amount;
  }
  // The fee is published the wrong way round; it makes no difference to what is measured.
  void on(check made) {
    so_far_.add(kind::check, made.amount);
    const bool has_fee = made.amount < checking_ + savings_;
    checking_ -= made.amount + (has_fee ? 1 : 0);
    so_far_.fees += has_fee ? 1 : 0;
  }
  void on(const amalgamate& order) {
    so_far_.add(kind::amalgamate, 0);
    send(order.to, funds{checking_ + savings_});
    checking_ = savings_ = 0;
  }
  void on(funds received) {
    checking_ += received.amount;
    ++so_far_.funds;
  }
  void on(close) {
    require(open_-- != 0, "each generator closes an account once");
    if (open_ == 0) arrive();
  }
  void on(end) {
    so_far_.left = static_cast<std::uint64_t>(checking_ + savings_);
    result_ = so_far_;
    exit();
  }

  tally& result_;
  tally so_far_{};
  std::uint64_t open_;  // generators that have not closed it
  std::int64_t checking_ = 0, savings_ = 0;
};

class generator : public player<generator, turn, told> {
 public:
  static constexpr std::uint64_t batch = 10;

  generator(tally& result, const std::vector<sluice::handle<account>>& accounts,
            std::uint64_t extra, std::uint64_t transactions, std::uint32_t seed)
      : result_(result),
        accounts_(accounts),
        extra_(extra),
        transactions_(transactions),
        source_(seed) {}

  void on(turn now) {
    require(now.number == turns_++, "a generator has one turn after the other");
    for (std::uint64_t i = 0; i < batch; ++i) transact();
    if (turns_ * batch < transactions_) return send(self(), turn{turns_});
    for (const auto& each : accounts_) send(each, close{});
    is_over_ = true;
    end_if_answered();
  }
  void on(told answer) {
    so_far_.sum.front() += static_cast<std::uint64_t>(answer.sum);
    ++answers_;
    end_if_answered();
  }

 private:
  [[nodiscard]] std::uint64_t draw_account() { return source_() % (accounts_.size() + extra_); }
  [[nodiscard]] std::int64_t draw_amount() { return static_cast<std::int64_t>(source_()); }

  // Some accounts do not exist: then nothing happens, but for the draws.
  void transact() {
    const auto what = static_cast<kind>(source_() % kind_count);
    const std::uint64_t first = draw_account();
    if (what == kind::amalgamate) return amalgamate_with(first);
    if (first >= accounts_.size()) {
      if (what != kind::balance) static_cast<void>(draw_amount());
      return;
    }
    const std::int64_t amount = what == kind::balance ? 0 : draw_amount();
    so_far_.add(what, amount);
    switch (what) {
      case kind::balance: return send(accounts_[first], balance{self()});
      case kind::deposit: return send(accounts_[first], deposit{amount});
      case kind::savings: return send(accounts_[first], savings{amount});
      case kind::check: return send(accounts_[first], check{amount});
      case kind::amalgamate: return;
    }
  }
  void amalgamate_with(std::uint64_t first) {
    std::uint64_t second = draw_account();
    while (second == first) second = draw_account();  // Ends: there are at least two.
    if (first >= accounts_.size() || second >= accounts_.size()) return;
    so_far_.add(kind::amalgamate, 0);
    send(accounts_[first], amalgamate{accounts_[second]});
  }
  void end_if_answered() {
    if (!is_over_ || answers_ != so_far_.count[static_cast<std::size_t>(kind::balance)]) return;
    result_ = so_far_;
    exit();
  }

  tally& result_;
  const std::vector<sluice::handle<account>>& accounts_;
  std::uint64_t extra_;
  std::uint64_t transactions_;
  std::minstd_rand source_;
  tally so_far_{};
  std::uint64_t turns_ = 0;
  std::uint64_t answers_ = 0;
  bool is_over_ = false;
};

tally sum_of(const std::vector<tally>& all) {
  tally sum;
  for (const tally& each : all) sum += each;
  return sum;
}

void check_books(iteration& it, const tally& asked, const tally& done) {
  it.check_that(asked.count == done.count && asked.sum == done.sum,
                "each transaction is made once, with its amount");
  const auto sum = [&](kind what) { return done.sum[static_cast<std::size_t>(what)]; };
  const std::uint64_t wanted =
      sum(kind::deposit) + sum(kind::savings) - sum(kind::check) - done.fees;
  it.check_that(done.left == wanted, "no money appears or gets lost");
  const auto amalgamates = done.count[static_cast<std::size_t>(kind::amalgamate)];
  it.check_that(done.funds == amalgamates, "what one account gives another receives");
  it.check("transactions", asked.count);
  for (const kind each : {kind::deposit, kind::savings, kind::check}) {
    constexpr std::string_view keys[] = {"", "deposited", "saved", "checked"};
    it.check(keys[static_cast<std::size_t>(each)], sum(each));
  }
}

void run_smallbank(iteration& it) {
  const std::uint64_t accounts = it.parameter("accounts");
  const std::uint64_t generators = it.parameter("generators");
  const std::uint64_t transactions = it.parameter("transactions");
  it.check_that(transactions % generator::batch == 0, "transactions come in batches of 10");
  it.check_that(accounts + it.parameter("extra") >= 2, "there are two accounts to draw");
  auto& of_accounts = it.keep<std::vector<tally>>(accounts);
  auto& of_generators = it.keep<std::vector<tally>>(generators);
  auto& bank = it.keep<std::vector<sluice::handle<account>>>();
  for (tally& each : of_accounts) bank.push_back(it.spawn<account>(each, generators));
  std::vector<sluice::handle<generator>> sources;
  for (tally& each : of_generators) {
    const auto seed = static_cast<std::uint32_t>(sources.size() + 1);
    sources.push_back(it.spawn<generator>(each, bank, it.parameter("extra"), transactions, seed));
  }
  it.expect_arrivals(accounts);
  for (const auto& each : sources) it.tell(each, turn{0});
  it.wait_for_arrivals();
  // Funds are in their mailboxes: they were sent before their sender was closed.
  for (const auto& each : bank) it.tell_untimed(each, end{});
  it.wait();
  const tally asked = sum_of(of_generators);
  check_books(it, asked, sum_of(of_accounts));
  std::uint64_t sent = 0;
  for (const std::uint64_t each : asked.count) sent += each;
  const std::uint64_t answers = asked.count.front() + asked.count.back();
  it.check_messages(sent + answers + generators * (transactions / generator::batch) +
                    accounts * (generators + 1));
  it.measure("rate", static_cast<double>(generators * transactions) / it.inner_ms() / 1e3, "M/s");
}

}  // namespace

constinit const program verona_smallbank{"verona_smallbank",
                                         "random transactions on the accounts of a small bank",
                                         bound::by_messages,
                                         {{"generators", 2, 2, 2},
                                          {"transactions", 1'000'000, 100'000, 500},
                                          {"accounts", 1'000, 1'000, 50},
                                          {"extra", 10, 10, 10, 0}},
                                         &run_smallbank};

}  // namespace suites
