// Programs of the suite on CAF that are trees of actors.
//
//   fib  who is asked for a number above 2 asks two actors that it makes; answers are summed up
//   uct  a tree that grows without a plan: nodes ask the root for a family of children, which
//        grants it by chance until the tree has its size; then all of it is walked over and ends
#include <atomic>
#include <cmath>

#include "../harness/random.hpp"
#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

// -- fib

struct question {
  std::uint64_t n;
};
void spoil(question& message) { message.n = message.n > 2 ? message.n - 1 : 3; }
struct answer {
  std::uint64_t value;
};
void spoil(answer& message) { ++message.value; }

class adder : public player<adder, answer, question> {
 public:
  // `result` is where the one that nobody asked, the root, leaves its value.
  adder(caf::actor_config& config, caf::actor parent, std::uint64_t& result)
      : player(config), parent_(std::move(parent)), result_(result) {}

  void on(question asked) {
    if (asked.n <= 2) return give(1);
    tell(create<adder>(self(), result_), question{asked.n - 1});
    tell(create<adder>(self(), result_), question{asked.n - 2});
  }
  void on(answer told) {
    sum_ += told.value;
    if (++answers_ == 2) give(sum_);
  }

 private:
  void forget() override { parent_ = nullptr; }
  void give(std::uint64_t value) {
    quit();
    if (parent_) return tell(parent_, answer{value});
    result_ = value;
    arrive();
  }

  caf::actor parent_;
  std::uint64_t& result_;
  std::uint64_t sum_ = 0;
  int answers_ = 0;
};

std::uint64_t fibonacci(std::uint64_t n) noexcept {
  std::uint64_t last = 0, value = 1;
  for (std::uint64_t i = 1; i < n; ++i) last = std::exchange(value, last + value);
  return value;
}

void run_fib(iteration& it) {
  const std::uint64_t n = it.parameter("n");
  std::uint64_t& result = it.keep<std::uint64_t>(0);
  it.tell(it.spawn<adder>(caf::actor{}, result), question{n});
  it.wait();
  it.check_that(result == fibonacci(n), "the root has the number of Fibonacci");
  it.check("result", result);
  // Each leaf of the tree adds 1, and all others have two children.
  const std::uint64_t actors = 2 * result - 1;
  it.check_that(it.sums().made == actors, "exactly " + std::to_string(actors) + " actors are made");
  it.check("actors", it.sums().made);
  it.check_messages(2 * actors - 1);  // The root answers nobody.
  it.check("messages", it.sums().sent);
}

// -- uct

// The words of the suite's configuration. What a node computes is a loop without effect there,
// which its compiler removes: only the size of the computation is drawn, and travels.
constexpr std::int64_t usual_computation = 500;
constexpr std::int64_t computation_deviation = 100;
constexpr std::int32_t urgent_percent = 50;
constexpr std::int64_t random_seed = 2;

struct plant_tree {};
struct try_generate {};
struct should_generate {
  caf::actor from;
  std::uint32_t height;
};
void spoil(should_generate& message) { message.from = nullptr; }
struct generate {
  std::uint64_t first_id;
  std::int64_t computation;
};
void spoil(generate& message) { ++message.first_id; }
struct generate_urgent {
  std::uint64_t urgent_child;
  std::uint64_t first_id;
  std::int64_t computation;
};
void spoil(generate_urgent& message) { ++message.first_id; }
struct update_grant {
  std::uint64_t child;  // its id modulo the size of families
};
void spoil(update_grant& message) { ++message.child; }
struct traverse {};
struct terminate_tree {};

// The root writes the plain members. Nodes count only if they have children, which one in ten has.
// Relaxed: counts, read after the run.
struct growth {
  std::uint64_t binomial = 0;
  std::uint64_t size = 0;
  std::uint64_t height = 0;
  std::uint64_t requests = 0;
  std::uint64_t grants = 0;
  std::uint64_t urgent_grants = 0;
  std::atomic<std::uint64_t> families_traversed{0};
  std::atomic<std::uint64_t> grants_heard{0};
};

// The children of one. Ids follow one another, the root's begin at 1: who has which is known.
class family {
 public:
  [[nodiscard]] bool is_made() const noexcept { return !children_.empty(); }
  void add(caf::actor child) { children_.push_back(std::move(child)); }
  void clear() { children_.clear(); }
  [[nodiscard]] const roster& children() const noexcept { return children_; }
  void on_grant(update_grant given, const caf::strong_actor_ptr& from) {
    const std::uint64_t count = children_.size();
    require(given.child < count && children_[(given.child + count - 1) % count].id() == from->id(),
            "a child tells its parent of its grant");
    ++grants_heard_;
  }
  [[nodiscard]] std::uint64_t grants_heard() const noexcept { return grants_heard_; }

 private:
  roster children_{};
  std::uint64_t grants_heard_ = 0;
};

class tree_node : public player<tree_node, try_generate, terminate_tree, traverse, generate,
                                generate_urgent, update_grant> {
 public:
  // `top` is the root, which all share.
  tree_node(caf::actor_config& config, growth& all, const caf::actor& top, caf::actor parent,
            std::uint32_t height, std::uint64_t id)
      : player(config),
        all_(all),
        top_(top),
        parent_(std::move(parent)),
        id_(id),
        height_(height) {}

  void on(try_generate) { tell(top_, should_generate{self(), height_}); }
  void on(const generate& granted) { make_children(granted.first_id); }
  void on(const generate_urgent& granted) {
    require(granted.urgent_child < all_.binomial, "one of the children is the urgent one");
    make_children(granted.first_id);
  }
  void on(update_grant given) { own_.on_grant(given, current_sender()); }
  void on(traverse) {
    if (!own_.is_made()) return;
    all_.families_traversed.fetch_add(1, std::memory_order_relaxed);
    for (const auto& each : own_.children()) tell(each, traverse{});
  }
  void on(terminate_tree) {
    if (own_.is_made()) all_.grants_heard.fetch_add(own_.grants_heard(), std::memory_order_relaxed);
    for (const auto& each : own_.children()) tell(each, terminate_tree{});
    quit();
  }

 private:
  void forget() override {
    parent_ = nullptr;
    own_.clear();
  }
  void make_children(std::uint64_t first_id) {
    const std::uint64_t binomial = all_.binomial;
    if (own_.is_made() || first_id % binomial != 1 % binomial) {
      return fail("a node is granted one family, with ids of its own");
    }
    tell_signed(parent_, update_grant{id_ % binomial});
    for (std::uint64_t i = 0; i < binomial; ++i) {
      own_.add(create<tree_node>(all_, top_, self(), height_ + 1, first_id + i));
    }
    for (const auto& each : own_.children()) tell(each, try_generate{});
  }

  growth& all_;
  const caf::actor& top_;
  caf::actor parent_;
  const std::uint64_t id_;
  const std::uint32_t height_;
  family own_{};
};

class root : public player<root, should_generate, update_grant, plant_tree> {
 public:
  // `top` will be this one's own handle.
  root(caf::actor_config& config, growth& all, const caf::actor& top, std::uint64_t nodes_max)
      : player(config), all_(all), top_(top), nodes_max_(nodes_max) {}

  void on(plant_tree) {
    ++height_;
    static_cast<void>(draw_computation());
    for (std::uint64_t i = 0; i < all_.binomial; ++i) {
      own_.add(create<tree_node>(all_, top_, self(), height_, size_ + i));
    }
    size_ += all_.binomial;
    for (const auto& each : own_.children()) tell(each, try_generate{});
  }
  void on(const should_generate& request) {
    if (!request.from) return fail("a node asks for itself");
    require(request.height > 1 && request.height <= height_, "no node is above the known height");
    ++all_.requests;
    if (size_ + all_.binomial > nodes_max_) return end_tree();
    if (random_.next_bool()) grant(request);
  }
  void on(update_grant given) { own_.on_grant(given, current_sender()); }

 private:
  void forget() override { own_.clear(); }

  void grant(const should_generate& request) {
    const std::int64_t computation = draw_computation();
    if (random_.next_below(100) > urgent_percent) {
      tell(request.from, generate{size_, computation});
    } else {
      const auto chosen = random_.next_below(static_cast<std::int32_t>(all_.binomial));
      ++all_.urgent_grants;
      tell(request.from, generate_urgent{static_cast<std::uint64_t>(chosen), size_, computation});
    }
    ++all_.grants;
    size_ += all_.binomial;
    height_ = std::max(height_, request.height + 1);
  }
  void end_tree() {
    all_.size = size_;
    all_.height = height_;
    all_.grants_heard.fetch_add(own_.grants_heard(), std::memory_order_relaxed);
    for (const auto& each : own_.children()) tell(each, traverse{});
    for (const auto& each : own_.children()) tell(each, terminate_tree{});
    quit();
    arrive();
  }
  [[nodiscard]] std::int64_t draw_computation() noexcept {
    for (;;) {  // Ends: not one draw in a million is that far from the mean.
      const double drawn = random_.next_gaussian() * computation_deviation + usual_computation;
      const auto rounded = static_cast<std::int64_t>(std::floor(drawn + 0.5));
      if (rounded > 0) return rounded;
    }
  }

  growth& all_;
  const caf::actor& top_;
  const std::uint64_t nodes_max_;
  sluice::bench::java_random random_{random_seed};
  family own_{};
  std::uint64_t size_ = 1;
  std::uint32_t height_ = 1;
};

void run_uct(iteration& it) {
  const std::uint64_t nodes_max = it.parameter("max_nodes");
  const std::uint64_t binomial = it.parameter("binomial");
  growth& all = it.keep<growth>();
  all.binomial = binomial;
  caf::actor& top = it.share().emplace_back();
  top = it.spawn<root>(all, top, nodes_max);
  it.tell(top, plant_tree{});
  it.wait();
  const std::uint64_t made = it.sums().made - 1;
  const std::uint64_t families = made / binomial;  // One of them is the root's own.
  it.check_that(all.size == 1 + binomial * (all.grants + 1) && all.size + binomial > nodes_max &&
                    all.size <= nodes_max,
                "the tree grows to its limit");
  it.check_that(made == families * binomial && made < all.size, "no node is made without a grant");
  it.check("final_size", all.size);
  // Each node is told to try, asks once and is terminated; each family made is told of.
  const std::uint64_t walked = binomial * (all.families_traversed + 1);
  it.check_messages(1 + 3 * made + all.grants + families - 1 + walked,
                    made - all.requests + all.grants - all.grants_heard);
  it.note("height", static_cast<double>(all.height));
  it.note("nodes made", static_cast<double>(made + 1));
  it.note("requests", static_cast<double>(all.requests));
  it.note("urgent grants", static_cast<double>(all.urgent_grants));
}

}  // namespace

constinit const program fib{"fib", {{"n", 25, 25, 15}}, scheduler::stealing, &run_fib};
constinit const program uct{"uct",
                            {{"max_nodes", 200'000, 10'000, 2'000}, {"binomial", 10, 10, 10}},
                            scheduler::sharing,
                            &run_uct};

}  // namespace caf_savina
