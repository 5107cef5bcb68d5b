// uct: a tree that grows without a plan. The root grants families of `binomial` children to nodes
// that ask, by chance, until the tree has `max_nodes`; then all of it is walked over and ends.
//
//   driver --plant_tree--> root
//   parent --try_generate--> each child --should_generate--> root     the child asks for a family
//   root --generate or generate_urgent--> child, or nothing             it is granted one, or not
//   child --update_grant--> its parent     and makes its own children, which ask in their turn
//   root --traverse, terminate--> its children ... --> all nodes
//
// The root ends with its tree. A node may be terminated before its grant comes: it ends without
// children, and the grant is one of the messages that come too late, like the requests to the root
// that has ended.
#include <atomic>
#include <cmath>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

class node;

// The words of the suite's configuration. What a node computes is a loop without effect there,
// which its compiler removes: only the size of the computation is drawn, and travels.
constexpr std::int64_t usual_computation = 500;
constexpr std::int64_t computation_deviation = 100;
constexpr std::int32_t urgent_percent = 50;
constexpr std::int64_t random_seed = 2;

struct plant_tree {};
struct try_generate {};
struct should_generate {
  sluice::pid from;
  std::uint32_t height;
};
void spoil(should_generate& message) { message.from = {}; }
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
struct tally {
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
  void add(sluice::handle<node> child) { children_.push_back(child); }
  [[nodiscard]] const std::vector<sluice::handle<node>>& children() const noexcept {
    return children_;
  }
  void on_grant(update_grant given, sluice::pid from) {
    const std::uint64_t count = children_.size();
    require(given.child < count && children_[(given.child + count - 1) % count].id() == from,
            "a child tells its parent of its grant");
    ++grants_heard_;
  }
  [[nodiscard]] std::uint64_t grants_heard() const noexcept { return grants_heard_; }

 private:
  std::vector<sluice::handle<node>> children_{};
  std::uint64_t grants_heard_ = 0;
};

class node : public player<node, generate, generate_urgent, update_grant> {
 public:
  node(tally& all, sluice::pid top, sluice::pid parent, std::uint32_t height, std::uint64_t id)
      : all_(all), top_(top), parent_(parent), id_(id), height_(height) {}

  void on(try_generate) { send(top_, should_generate{self(), height_}); }
  void on(const generate& granted) { make_children(granted.first_id); }
  void on(const generate_urgent& granted) {
    require(granted.urgent_child < all_.binomial, "one of the children is the urgent one");
    make_children(granted.first_id);
  }
  void on(update_grant given) { own_.on_grant(given, sender().as_pid()); }
  void on(traverse);
  void on(terminate_tree);

 private:
  void make_children(std::uint64_t first_id);

  tally& all_;
  const sluice::pid top_;
  const sluice::pid parent_;
  const std::uint64_t id_;
  const std::uint32_t height_;
  family own_{};
};

class root : public player<root, should_generate, update_grant> {
 public:
  root(tally& all, std::uint64_t nodes_max) : all_(all), nodes_max_(nodes_max) {}

  void on(plant_tree);
  void on(const should_generate& request);
  void on(update_grant given) { own_.on_grant(given, sender().as_pid()); }

 private:
  [[nodiscard]] std::int64_t draw_computation() noexcept;
  void grant(const should_generate& request);
  void end_tree();

  tally& all_;
  const std::uint64_t nodes_max_;
  java_random random_{random_seed};
  family own_{};
  std::uint64_t size_ = 1;
  std::uint32_t height_ = 1;
};

void node::make_children(std::uint64_t first_id) {
  const std::uint64_t binomial = all_.binomial;
  if (own_.is_made() || first_id % binomial != 1 % binomial) {
    return fail("a node is granted one family, with ids of its own");
  }
  send(parent_, update_grant{id_ % binomial});
  for (std::uint64_t i = 0; i < binomial; ++i) {
    own_.add(create<node>(all_, top_, self(), height_ + 1, first_id + i));
  }
  for (const auto& each : own_.children()) send(each, try_generate{});
}

void node::on(traverse) {
  if (!own_.is_made()) return;
  all_.families_traversed.fetch_add(1, std::memory_order_relaxed);
  for (const auto& each : own_.children()) send(each, traverse{});
}

void node::on(terminate_tree) {
  if (own_.is_made()) all_.grants_heard.fetch_add(own_.grants_heard(), std::memory_order_relaxed);
  for (const auto& each : own_.children()) send(each, terminate_tree{});
  exit();
}

void root::on(plant_tree) {
  ++height_;
  static_cast<void>(draw_computation());
  for (std::uint64_t i = 0; i < all_.binomial; ++i) {
    own_.add(create<node>(all_, self(), self(), height_, size_ + i));
  }
  size_ += all_.binomial;
  for (const auto& each : own_.children()) send(each, try_generate{});
}

void root::on(const should_generate& request) {
  require(request.from == sender().as_pid(), "a node asks for itself");
  require(request.height > 1 && request.height <= height_, "no node is above the known height");
  ++all_.requests;
  if (size_ + all_.binomial > nodes_max_) return end_tree();
  if (random_.next_bool()) grant(request);
}

void root::grant(const should_generate& request) {
  const std::int64_t computation = draw_computation();
  if (random_.next_below(100) > urgent_percent) {
    send(request.from, generate{size_, computation});
  } else {
    const auto chosen = random_.next_below(static_cast<std::int32_t>(all_.binomial));
    ++all_.urgent_grants;
    send(request.from, generate_urgent{static_cast<std::uint64_t>(chosen), size_, computation});
  }
  ++all_.grants;
  size_ += all_.binomial;
  height_ = std::max(height_, request.height + 1);
}

void root::end_tree() {
  all_.size = size_;
  all_.height = height_;
  all_.grants_heard.fetch_add(own_.grants_heard(), std::memory_order_relaxed);
  for (const auto& each : own_.children()) send(each, traverse{});
  for (const auto& each : own_.children()) send(each, terminate_tree{});
  exit();
  arrive();
}

std::int64_t root::draw_computation() noexcept {
  for (;;) {  // Ends: not one draw in a million is that far from the mean.
    const double drawn = random_.next_gaussian() * computation_deviation + usual_computation;
    const auto rounded = static_cast<std::int64_t>(std::floor(drawn + 0.5));
    if (rounded > 0) return rounded;
  }
}

void run_uct(iteration& it) {
  const std::uint64_t nodes_max = it.parameter("max_nodes");
  const std::uint64_t binomial = it.parameter("binomial");
  tally& all = it.keep<tally>();
  all.binomial = binomial;
  it.tell(it.spawn<root>(all, nodes_max), plant_tree{});
  it.wait();
  const std::uint64_t made = it.spawned() - 1;
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

constinit const program uct{"uct",
                            "a tree of actors that grows by chance, until one word ends it",
                            bound::by_messages,
                            {{"max_nodes", 200'000, 10'000, 2'000}, {"binomial", 10, 10, 10}},
                            &run_uct};

}  // namespace savina
