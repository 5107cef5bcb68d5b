// facloc on CAF: where to open facilities, decided while customers come. A tree of quadrants: one
// whose customers have too far to go opens a facility in its middle and splits into four.
//
//   driver --start--> producer --customer--> root --next--> producer     N times
//   quadrant --customer--> the first child whose box has the place
//   child that split --facility--> its parent --facility--> its parent ...    to the root
//                                  its parent --facility--> child on the other side --> all below
//   producer --request_exit--> root ... --request_exit--> all leaves
//   child --confirm_exit--> its parent     with the sums of all below; it has ended
#include <array>
#include <atomic>

#include "../savina/facloc_places.hpp"
#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

using savina::box;
using savina::children_count;
using savina::point;
using savina::position;
using savina::unknown_position;

struct start {};
struct customer {
  caf::actor producer;
  point at;
};
void spoil(customer& message) { message.at.x = -1; }
struct next {};
struct facility {
  position from;
  std::uint32_t depth;
  point at;
  bool is_from_child;
};
void spoil(facility& message) { message.from = (message.from + 1) % children_count; }
struct request_exit {};
struct confirm_exit {
  std::uint64_t facilities;
  std::uint64_t customers;
};
void spoil(confirm_exit& message) { ++message.facilities; }

// What quadrants leave behind when they end, and what the root prints.
struct tree {
  std::atomic<std::uint64_t> customers_forwarded{0};
  std::atomic<std::uint64_t> facilities_sent{0};
  std::atomic<std::uint64_t> facilities_heard{0};
  std::uint64_t facilities = 0;
  std::uint64_t facilities_known = 0;
  std::uint64_t customers = 0;
  std::uint64_t depth = 0;
};

// What a new quadrant gets from the one that splits.
struct inheritance {
  caf::actor parent{};  // nobody: the root
  position where = unknown_position;
  box area{0, 0, savina::grid, savina::grid};
  std::uint32_t depth = 0;
  std::vector<point> facilities{};
  std::uint64_t facilities_known = 0;
  std::uint32_t deepest = 0;
};

class quadrant : public player<quadrant, customer, facility, request_exit, confirm_exit> {
 public:
  quadrant(caf::actor_config& config, tree& all, inheritance from,
           const std::vector<point>& candidates)
      : player(config),
        all_(all),
        of_(std::move(from)),
        is_root_(!of_.parent),
        own_facility_(of_.area.middle()) {
    of_.facilities.push_back(own_facility_);
    for (const point each : candidates) {
      if (of_.area.has(each)) take(each);
    }
  }

  void on(const customer& one) {
    require(of_.area.has(one.at), "a customer comes to a quadrant that has its point");
    if (is_split_) {
      forward(one);
    } else {
      take(one.at);
      if (cost_ > savina::threshold) split();
    }
    if (is_root_) tell(one.producer, caf_savina::next{});
  }

  void on(const facility& opened) {
    ++facilities_heard_;
    ++of_.facilities_known;
    of_.facilities.push_back(opened.at);
    if (!opened.is_from_child) {
      require(opened.from == unknown_position, "a parent does not say where a facility is");
      if (is_split_) send_down_to_all(opened.at);
    } else if (is_split_ && opened.from < children_count &&
               children_[opened.from].id() == current_sender()->id()) {
      tell_parent(opened.at, opened.depth);
      of_.deepest = std::max(of_.deepest, opened.depth);
      send_down(children_[children_count - 1 - opened.from], opened.at);
    } else {
      fail("a child says where it is");
    }
  }

  void on(request_exit) {
    if (!is_split_) return end();
    for (const auto& each : children_) tell(each, request_exit{});
  }
  void on(const confirm_exit& sums) {
    facilities_below_ += sums.facilities;
    customers_below_ += sums.customers;
    if (++children_ended_ == children_count) end();
  }

 private:
  void forget() override {
    of_.parent = nullptr;
    children_.fill(nullptr);
  }

  void take(point at) {
    double nearest = savina::distance(of_.facilities.front(), at);
    for (const point each : of_.facilities) nearest = std::min(nearest, savina::distance(each, at));
    cost_ += nearest;
    customers_.push_back(at);
  }

  void forward(const customer& one) {
    for (position i = 0; i < children_count; ++i) {
      if (!areas_[i].has(one.at)) continue;
      ++customers_forwarded_;
      return tell(children_[i], one);
    }
    fail("some child has the point of a customer");
  }

  void split() {
    tell_parent(own_facility_, of_.depth);
    of_.deepest = std::max(of_.deepest, of_.depth);
    const box& all = of_.area;
    const point m = own_facility_;
    areas_ = {box{all.x1, m.y, m.x, all.y2}, box{m.x, m.y, all.x2, all.y2},
              box{all.x1, all.y1, m.x, m.y}, box{m.x, all.y1, all.x2, m.y}};
    for (position i = 0; i < children_count; ++i) {
      children_[i] = create<quadrant>(all_,
                                      inheritance{.parent = self(),
                                                  .where = i,
                                                  .area = areas_[i],
                                                  .depth = of_.depth + 1,
                                                  .facilities = of_.facilities,
                                                  .facilities_known = of_.facilities_known,
                                                  .deepest = of_.deepest},
                                      customers_);
    }
    customers_.clear();
    is_split_ = true;
  }

  void tell_parent(point at, std::uint32_t depth) {
    if (is_root_) return;
    ++facilities_sent_;
    tell_signed(of_.parent, facility{of_.where, depth, at, true});
  }
  void send_down(const caf::actor& child, point at) {
    ++facilities_sent_;
    tell(child, facility{unknown_position, of_.depth, at, false});
  }
  void send_down_to_all(point at) {
    for (const auto& each : children_) send_down(each, at);
  }

  // Relaxed: counts, read after the run. The root is the last to end.
  void end() {
    constexpr auto relaxed = std::memory_order_relaxed;
    all_.customers_forwarded.fetch_add(customers_forwarded_, relaxed);
    all_.facilities_sent.fetch_add(facilities_sent_, relaxed);
    all_.facilities_heard.fetch_add(facilities_heard_, relaxed);
    const std::uint64_t facilities = facilities_below_ + (is_split_ ? 1 : 0);
    const std::uint64_t customers = customers_below_ + customers_.size();
    quit();
    if (!is_root_) return tell(of_.parent, confirm_exit{facilities, customers});
    all_.facilities = facilities;
    all_.facilities_known = of_.facilities_known;
    all_.customers = customers;
    all_.depth = of_.deepest;
    arrive();
  }

  tree& all_;
  inheritance of_;
  const bool is_root_;
  const point own_facility_;
  double cost_ = 0;
  std::vector<point> customers_{};
  bool is_split_ = false;
  std::array<caf::actor, children_count> children_{};
  std::array<box, children_count> areas_{};
  position children_ended_ = 0;
  std::uint64_t facilities_below_ = 0;
  std::uint64_t customers_below_ = 0;
  std::uint64_t customers_forwarded_ = 0;
  std::uint64_t facilities_sent_ = 0;
  std::uint64_t facilities_heard_ = 0;
};

class producer : public player<producer, next, start> {
 public:
  producer(caf::actor_config& config, std::uint64_t customers, caf::actor root)
      : player(config), left_(customers), root_(std::move(root)) {}

  void on(start) { go_on(); }
  void on(next) { go_on(); }

 private:
  void forget() override { root_ = nullptr; }
  void go_on() {
    if (left_ != 0) {
      --left_;
      return tell(root_, customer{self(), points_.draw()});
    }
    tell(root_, request_exit{});
    quit();
  }

  std::uint64_t left_;
  caf::actor root_;
  savina::points points_{};
};

void run_facloc(iteration& it) {
  const std::uint64_t customers = it.parameter("N");
  tree& all = it.keep<tree>();
  it.tell(
      it.spawn<producer>(customers, it.spawn<quadrant>(all, inheritance{}, std::vector<point>{})),
      start{});
  it.wait();
  const std::uint64_t doubles = savina::count_doubles(customers);
  const std::uint64_t actors = it.sums().made - 1;  // All but the producer.
  it.check_that(all.customers >= customers && all.customers <= customers + doubles,
                "each customer is counted, twice at most at borders");
  it.check_that(actors == children_count * all.facilities + 1, "each facility has four children");
  it.check_that(all.facilities_known + 1 == std::max<std::uint64_t>(all.facilities, 1),
                "the root hears of each facility");
  // The published numbers are those of one queue for all actors.
  it.check("facilities_single_fifo", static_cast<double>(all.facilities), {.absolute = 2});
  it.check("actors", static_cast<double>(actors), {.absolute = 2.0 * children_count});
  it.check("customers_single_fifo", static_cast<double>(all.customers),
           {.absolute = static_cast<double>(doubles)});
  // The start; customers, the answers, the ways down; request_exit to all, whom all but the root
  // answer. Only facilities on their way down may come too late.
  it.check_messages(
      1 + 2 * customers + all.customers_forwarded + all.facilities_sent + actors + (actors - 1),
      all.facilities_sent - all.facilities_heard);
  it.note("facilities", static_cast<double>(all.facilities));
  it.note("customers", static_cast<double>(all.customers));
  it.note("depth", static_cast<double>(all.depth));
}

}  // namespace

constinit const program facloc{
    "facloc", {{"N", 100'000, 30'000, 2'000}}, scheduler::stealing, &run_facloc};

}  // namespace caf_savina
