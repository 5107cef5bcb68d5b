// quicksort: a tree of actors, one for each list of T or more and for each part of one.
//
//   driver --sort--> root
//   actor --sort--> left child: what is below the pivot; --sort--> right child: what is above
//   child --result--> its parent     sorted; it has ended
//
// The parent puts its parts together when it has three: both results and what equals the pivot.
// Lists move with their messages.
#include <algorithm>
#include <atomic>
#include <numeric>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

using list = std::vector<std::int64_t>;

constexpr std::int64_t value_limit = std::int64_t{1} << 60;

enum class side : std::uint8_t { whole, left, right };

struct sort {
  list values;
};
void spoil(sort& message) { message.values.push_back(0); }
struct result {
  list values;
  side from;
};
void spoil(result& message) { message.values.push_back(0); }

struct outcome {
  list sorted{};
  std::atomic<std::uint64_t> depth{0};
};

template <class Keep>
list filter(const list& values, Keep keep) {
  list kept;
  std::ranges::copy_if(values, std::back_inserter(kept), keep);
  return kept;
}

void append(list& to, const list& more) { to.insert(to.end(), more.begin(), more.end()); }

// The suite's: of lists, too.
list sort_here(list values) {
  if (values.size() < 2) return values;
  const std::int64_t pivot = values[values.size() / 2];
  list sorted = sort_here(filter(values, [=](std::int64_t each) { return each < pivot; }));
  append(sorted, filter(values, [=](std::int64_t each) { return each == pivot; }));
  append(sorted, sort_here(filter(values, [=](std::int64_t each) { return each > pivot; })));
  return sorted;
}

class sorter : public player<sorter, result> {
 public:
  sorter(outcome& all, std::uint64_t length_split, sluice::pid parent, side where,
         std::uint64_t depth)
      : all_(all), length_split_(length_split), parent_(parent), depth_(depth), where_(where) {
    // Relaxed: read after the run. Ends: each failure has found a larger value.
    std::uint64_t deepest = all_.depth.load(std::memory_order_relaxed);
    while (deepest < depth &&
           !all_.depth.compare_exchange_weak(deepest, depth, std::memory_order_relaxed)) {
    }
  }

  void on(sort&& asked) {
    if (parts_ != 0) return fail("a list is sorted once");
    const list values = std::move(asked.values);
    if (values.size() < length_split_) {
      own_ = sort_here(values);
      return end();
    }
    const std::int64_t pivot = values[values.size() / 2];
    delegate(side::left, filter(values, [=](std::int64_t each) { return each < pivot; }));
    delegate(side::right, filter(values, [=](std::int64_t each) { return each > pivot; }));
    own_ = filter(values, [=](std::int64_t each) { return each == pivot; });
    parts_ = 1;
  }
  void on(result&& part) {
    if (part.from == side::left) {
      append(part.values, own_);
      own_ = std::move(part.values);
    } else {
      append(own_, part.values);
    }
    if (++parts_ == 3) end();
  }

 private:
  void delegate(side where, list values) {
    const auto child = create<sorter>(all_, length_split_, self(), where, depth_ + 1);
    send(child, sort{std::move(values)});
  }

  void end() {
    exit();
    if (parent_.is_valid()) return send(parent_, result{std::move(own_), where_});
    require(std::ranges::is_sorted(own_), "the list is sorted");
    all_.sorted = std::move(own_);
    arrive();
  }

  outcome& all_;
  const std::uint64_t length_split_;
  const sluice::pid parent_;  // nobody: the root
  const std::uint64_t depth_;
  const side where_;
  int parts_ = 0;
  list own_{};
};

list random_list(std::uint64_t length, std::uint64_t seed) {
  pseudo_random source{static_cast<std::int64_t>(seed)};
  list values(length);
  for (std::int64_t& each : values) each = source.next_below(value_limit);
  return values;
}

std::uint64_t sum_of(const list& values) {
  return static_cast<std::uint64_t>(std::accumulate(values.begin(), values.end(), std::int64_t{0}));
}

void run_quicksort(iteration& it) {
  outcome& all = it.keep<outcome>();
  const auto root =
      it.spawn<sorter>(all, it.parameter("T"), sluice::pid{}, side::whole, std::uint64_t{0});
  list values = random_list(it.parameter("N"), it.parameter("seed"));
  const std::uint64_t sum = sum_of(values);
  it.tell(root, sort{std::move(values)});
  it.wait();
  it.check_that(all.sorted.size() == it.parameter("N") && sum_of(all.sorted) == sum,
                "what is sorted is what was to be");
  it.check("sum", sum_of(all.sorted));
  it.check("min", all.sorted.front());
  it.check("max", all.sorted.back());
  it.check("hash31_sorted", hash31(all.sorted));
  it.check("actors", it.spawned());
  it.check("depth", all.depth.load());
  // Each actor is asked once, and all but the root have a parent to answer.
  it.check_messages(2 * it.spawned() - 1);
}

}  // namespace

constinit const program quicksort{
    "quicksort",
    "lists that are sorted in parts: divide and conquer by chance",
    bound::by_computing,
    {{"N", 1'000'000, 100'000, 100'000}, {"T", 2'048, 2'048, 2'048}, {"seed", 1'024, 1'024, 1'024}},
    &run_quicksort};

}  // namespace savina
