// facloc: where to open facilities, decided while customers come. A tree of quadrants: one whose
// customers have too far to go opens a facility in its middle and splits into four.
//
//   driver --start--> producer --customer--> root --next--> producer     N times
//   quadrant --customer--> the first child whose box has the place
//   child that split --facility--> its parent --facility--> its parent ...    to the root
//                                  its parent --facility--> child on the other side --> all below
//   producer --request_exit--> root ... --request_exit--> all leaves
//   child --confirm_exit--> its parent     with the sums of all below; it has ended
//
// A facility may reach a quadrant later than customers, and than its end: with more than one order
// of events facilities come to lie elsewhere.
#include <array>
#include <atomic>

#include "facloc_places.hpp"
#include "program.hpp"

namespace savina {

namespace {

struct customer {
  sluice::pid producer;
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
struct outcome {
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
  sluice::pid parent{};  // nobody: the root
  position where = unknown_position;
  box area{0, 0, grid, grid};
  std::uint32_t depth = 0;
  std::vector<point> facilities{};
  std::uint64_t facilities_known = 0;
  std::uint32_t deepest = 0;
};

class quadrant : public player<quadrant, facility, confirm_exit> {
 public:
  quadrant(outcome& all, inheritance from, const std::vector<point>& candidates)
      : all_(all), of_(std::move(from)), own_facility_(of_.area.middle()) {
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
      if (cost_ > threshold) split();
    }
    if (is_root()) send(one.producer, next{});
  }

  void on(const facility& opened) {
    ++facilities_heard_;
    ++of_.facilities_known;
    of_.facilities.push_back(opened.at);
    if (!opened.is_from_child) {
      require(opened.from == unknown_position, "a parent does not say where a facility is");
      if (is_split_) send_down_to_all(opened.at);
    } else if (is_split_ && opened.from < children_count &&
               children_[opened.from].id() == sender().as_pid()) {
      tell_parent(opened.at, opened.depth);
      of_.deepest = std::max(of_.deepest, opened.depth);
      send_down(children_[children_count - 1 - opened.from], opened.at);
    } else {
      fail("a child says where it is");
    }
  }

  void on(request_exit) {
    if (!is_split_) return end();
    for (const auto& each : children_) send(each, request_exit{});
  }
  void on(const confirm_exit& sums) {
    facilities_below_ += sums.facilities;
    customers_below_ += sums.customers;
    if (++children_ended_ == children_count) end();
  }

 private:
  [[nodiscard]] bool is_root() const noexcept { return !of_.parent.is_valid(); }

  void take(point at) {
    double nearest = distance(of_.facilities.front(), at);
    for (const point each : of_.facilities) nearest = std::min(nearest, distance(each, at));
    cost_ += nearest;
    customers_.push_back(at);
  }

  void forward(const customer& one) {
    for (position i = 0; i < children_count; ++i) {
      if (!areas_[i].has(one.at)) continue;
      ++customers_forwarded_;
      return send(children_[i], one);
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
    if (is_root()) return;
    ++facilities_sent_;
    send(of_.parent, facility{of_.where, depth, at, true});
  }
  void send_down(const sluice::handle<quadrant>& child, point at) {
    ++facilities_sent_;
    send(child, facility{unknown_position, of_.depth, at, false});
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
    exit();
    if (!is_root()) return send(of_.parent, confirm_exit{facilities, customers});
    all_.facilities = facilities;
    all_.facilities_known = of_.facilities_known;
    all_.customers = customers;
    all_.depth = of_.deepest;
    arrive();
  }

  outcome& all_;
  inheritance of_;
  const point own_facility_;
  double cost_ = 0;
  std::vector<point> customers_{};
  bool is_split_ = false;
  std::array<sluice::handle<quadrant>, children_count> children_{};
  std::array<box, children_count> areas_{};
  position children_ended_ = 0;
  std::uint64_t facilities_below_ = 0;
  std::uint64_t customers_below_ = 0;
  std::uint64_t customers_forwarded_ = 0;
  std::uint64_t facilities_sent_ = 0;
  std::uint64_t facilities_heard_ = 0;
};

struct start {};

class producer : public player<producer, next> {
 public:
  producer(std::uint64_t customers, sluice::handle<quadrant> root)
      : left_(customers), root_(root) {}

  void on(start) { go_on(); }
  void on(next) { go_on(); }

 private:
  void go_on() {
    if (left_ != 0) {
      --left_;
      return send(root_, customer{self(), points_.draw()});
    }
    send(root_, request_exit{});
    exit();
  }

  std::uint64_t left_;
  const sluice::handle<quadrant> root_;
  points points_{};
};

void run_facloc(iteration& it) {
  const std::uint64_t customers = it.parameter("N");
  outcome& all = it.keep<outcome>();
  const auto root = it.spawn<quadrant>(all, inheritance{}, std::vector<point>{});
  it.tell(it.spawn<producer>(customers, root), start{});
  it.wait();
  const std::uint64_t actors = it.spawned() - 1;  // All but the producer.
  const std::uint64_t doubles = count_doubles(customers);
  it.check_that(all.customers >= customers && all.customers <= customers + doubles,
                "each customer is counted, twice at most at borders");
  it.check_that(actors == children_count * all.facilities + 1, "each facility has four children");
  it.check_that(all.facilities_known + 1 == std::max<std::uint64_t>(all.facilities, 1),
                "the root hears of each facility");
  // The published numbers are those of one queue for all actors, which no scheduler has.
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

constinit const program facloc{"facloc",
                               "online facility location: a tree of quadrants that split",
                               bound::by_messages,
                               {{"N", 100'000, 30'000, 2'000}},
                               &run_facloc};

}  // namespace savina
