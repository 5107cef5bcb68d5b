// astar: the search for a way through a maze, a grid of nodes with random one-way passages, divided
// among workers. A node is searched by who claims it: by being the first to say from where it was
// reached, in memory that all workers share.
//
//   driver --work(origin)--> master --work--> worker 0, 1, 2, ... in turn
//   worker, breadth first for `threshold` nodes at most, a delay for each:
//     claims the target:  worker --found--> master
//     else                worker --work--> master     for each node that it claimed and has left
//     both then:          worker --received--> master
//   found, or as many received as works sent: master --stop--> all workers --stop--> master
//
// Works that are behind a stop find their worker gone.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

using node_id = std::uint32_t;
constexpr node_id origin = 0;
constexpr node_id nobody = UINT32_MAX;
constexpr std::int64_t seed = 123456;
constexpr std::uint64_t delay = 100;

struct work {
  node_id node;
  node_id target;
};
void spoil(work& message) { ++message.node; }
struct received {};
struct found {};
struct stop {};

struct maze_node {
  std::array<node_id, 6> next{};
  std::size_t count = 0;

  [[nodiscard]] std::span<const node_id> neighbours() const noexcept {
    return std::span{next}.first(count);
  }
  // False: it was one already.
  bool add(node_id neighbour) noexcept {
    if (std::ranges::find(neighbours(), neighbour) != neighbours().end()) return false;
    next[count++] = neighbour;
    return true;
  }
};

struct maze {
  std::vector<maze_node> nodes{};
  node_id target = 0;
};

// A passage leads one step up in one dimension or two, or up to the border where that is nearer.
maze make_maze(std::uint64_t grid) {
  const auto id_of = [grid](std::uint64_t i, std::uint64_t j, std::uint64_t k) {
    const auto within = [grid](std::uint64_t at) { return std::min(at, grid - 1); };
    return static_cast<node_id>((within(i) * grid + within(j)) * grid + within(k));
  };
  maze made;
  made.nodes.resize(grid * grid * grid);
  java_random draw{seed};
  for (node_id id = 0; id < made.nodes.size(); ++id) {
    maze_node& from = made.nodes[id];
    for (std::uint64_t way = 1; way < 7; ++way) {  // The bits of a way are its dimensions.
      // One that has no passage yet gets the last one.
      if (!(way == 6 && from.count == 0) && !draw.next_bool()) continue;
      const node_id to = id_of(id / grid / grid + (way >> 2), id / grid % grid + (way >> 1 & 1),
                               id % grid + (way & 1));
      if (to != id) from.add(to);
    }
  }
  const std::uint64_t axis = grid * 4 / 5;
  made.target = id_of(axis, axis, axis);
  return made;
}

// The suite makes its maze before the clock runs, and once: it is the same in each iteration.
const maze& maze_of(std::uint64_t grid) {
  static const maze made = make_maze(grid);
  return made;
}

// What one worker has sent and done; its own until it has stopped.
struct tally {
  std::uint64_t works_handled = 0;
  std::uint64_t works_left = 0;
  std::uint64_t targets_found = 0;
};

struct search {
  const maze& where;
  std::vector<std::atomic<node_id>> parents;
  std::vector<std::atomic<bool>> is_searched;
  std::vector<tally> workers;
  std::uint64_t works = 0;  // The master's.

  search(const maze& given, std::uint64_t worker_count)
      : where(given),
        parents(given.nodes.size()),
        is_searched(given.nodes.size()),
        workers(worker_count) {
    // Relaxed: before any worker is made.
    for (auto& each : parents) each.store(nobody, std::memory_order_relaxed);
  }

  // One worker gets a node. strong: who fails looks no second time. Relaxed, both ways: only who
  // claims goes on with a node, the word says all there is to say, and the maze does not change;
  // a work that hands a claimed node on is ordered by its message, and what the driver reads in the
  // end by the arrival of the master.
  [[nodiscard]] bool claim(node_id node, node_id parent) noexcept {
    node_id expected = nobody;
    return parents[node].compare_exchange_strong(expected, parent, std::memory_order_relaxed,
                                                 std::memory_order_relaxed);
  }
  // A check beside the search: a node is searched by who claimed it or got it from there, and once.
  // Relaxed: a node's claim is ordered before its search by the message, or was the same thread's;
  // of two that search it at the same time both may pass, but then a message was sent twice.
  [[nodiscard]] bool enter(node_id node) noexcept {
    const bool is_claimed =
        node == origin || parents[node].load(std::memory_order_relaxed) != nobody;
    const bool is_first = !is_searched[node].load(std::memory_order_relaxed);
    is_searched[node].store(true, std::memory_order_relaxed);
    return is_claimed && is_first;
  }
};

class worker : public player<worker> {
 public:
  worker(search& all, tally& own, std::uint64_t threshold, sluice::pid master)
      : all_(all), own_(own), threshold_(threshold), master_(master) {}

  void on(const work& given) {
    const std::size_t nodes = all_.where.nodes.size();
    if (given.node >= nodes || given.target >= nodes) return fail("a work is of the maze");
    ++own_.works_handled;
    if (search_from(given)) {
      ++own_.targets_found;
      send(master_, found{});
    } else {
      for (; next_ < queue_.size(); ++next_) {
        ++own_.works_left;
        send(master_, work{queue_[next_], given.target});
      }
    }
    send(master_, received{});
  }
  void on(stop) {
    send(master_, stop{});
    exit();
  }

 private:
  // True: the target has been claimed. Else the queue from next_ on has not been searched.
  bool search_from(const work& given) {
    queue_.assign(1, given.node);
    for (next_ = 0; next_ < std::min<std::size_t>(queue_.size(), threshold_); ++next_) {
      busy_wait(delay);
      const node_id at = queue_[next_];
      require(all_.enter(at), "a node is searched once, by who has claimed it");
      for (const node_id each : all_.where.nodes[at].neighbours()) {
        if (!all_.claim(each, at)) continue;
        if (each == given.target) return true;
        queue_.push_back(each);
      }
    }
    return false;
  }

  search& all_;
  tally& own_;
  const std::uint64_t threshold_;
  const sluice::pid master_;
  std::vector<node_id> queue_;
  std::size_t next_ = 0;
};

class master : public player<master, work, received, found, stop> {
 public:
  master(search& all, std::uint64_t threshold)
      : all_(all), threshold_(threshold), workers_(all.workers.size()) {}

  void on_start() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      workers_[i] = create<worker>(all_, all_.workers[i], threshold_, self());
    }
  }
  void on(const work& given) { send(workers_[all_.works++ % workers_.size()], given); }
  void on(received) {
    if (++works_received_ == all_.works) stop_workers();
  }
  void on(found) { stop_workers(); }
  void on(stop) {
    if (++workers_ended_ != workers_.size()) return;
    exit();
    arrive();
  }

 private:
  void stop_workers() {
    if (std::exchange(is_stopping_, true)) return;
    for (const auto& each : workers_) send(each, stop{});
  }

  search& all_;
  const std::uint64_t threshold_;
  std::vector<sluice::handle<worker>> workers_;
  std::uint64_t works_received_ = 0;
  std::size_t workers_ended_ = 0;
  bool is_stopping_ = false;
};

// The maze without actors: how far each node is from the origin, in passages.
std::vector<std::uint64_t> distances_in(const maze& where) {
  std::vector<std::uint64_t> all(where.nodes.size(), nobody);
  std::vector<node_id> queue{origin};
  all[origin] = 0;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const node_id each : where.nodes[queue[i]].neighbours()) {
      if (all[each] != nobody) continue;
      all[each] = all[queue[i]] + 1;
      queue.push_back(each);
    }
  }
  return all;
}

// How many nodes were claimed, each by a passage that there is.
std::uint64_t count_claimed(const iteration& it, const search& all) {
  std::uint64_t claimed = 0;
  for (node_id node = 0; node < all.parents.size(); ++node) {
    const node_id parent = all.parents[node].load(std::memory_order_relaxed);
    if (parent == nobody) continue;
    ++claimed;
    const auto next = all.where.nodes[parent].neighbours();
    it.check_that(std::ranges::find(next, node) != next.end(), "a claim is along a passage");
  }
  return claimed;
}

// The passages from the origin to the target, walked backwards; not more than there are nodes.
std::uint64_t count_steps(const iteration& it, const search& all) {
  std::uint64_t steps = 0;
  node_id at = all.where.target;
  while (at != origin && at != nobody && steps < all.parents.size()) {
    at = all.parents[at].load(std::memory_order_relaxed);
    ++steps;
  }
  it.check_that(at == origin, "the way from the target back ends at the origin");
  return steps;
}

void check_maze(iteration& it, const maze& where, const std::vector<std::uint64_t>& distances) {
  std::uint64_t edges = 0;
  for (const maze_node& each : where.nodes) edges += each.count;
  it.check("directed_edges", edges);
  const auto unreachable = static_cast<std::uint64_t>(std::ranges::count(distances, nobody));
  it.check("reachable_nodes", distances.size() - unreachable);
  it.check("target_id", std::uint64_t{where.target});
  it.check("bfs_distance", distances[where.target]);
}

void run_astar(iteration& it) {
  const maze& where = maze_of(it.parameter("grid"));
  const std::uint64_t workers = it.parameter("workers");
  search& all = it.keep<search>(where, workers);
  const auto first = it.spawn<master>(all, it.parameter("threshold"));
  it.tell(first, work{origin, where.target});
  it.wait();
  const std::vector<std::uint64_t> distances = distances_in(where);
  check_maze(it, where, distances);
  const std::uint64_t claimed = count_claimed(it, all);
  it.check_that(count_steps(it, all) >= distances[where.target], "no way is shorter than the best");
  tally sum;
  for (const tally& each : all.workers) {
    sum.works_handled += each.works_handled;
    sum.works_left += each.works_left;
    sum.targets_found += each.targets_found;
  }
  it.check_that(sum.targets_found == 1, "one worker finds the target");
  it.check_that(all.works == 1 + sum.works_left, "the master hears of each node that was left");
  // How far the search is when the target is found differs from run to run. Each work goes to the
  // master and to a worker; each worker is stopped and says so.
  it.check_messages(2 * all.works + sum.works_handled + sum.targets_found + 2 * workers,
                    all.works - sum.works_handled);
  it.note("works", static_cast<double>(all.works));
  it.note("nodes claimed", static_cast<double>(claimed));
}

}  // namespace

constinit const program astar{
    "astar",
    "the way through a maze: workers claim its nodes in shared memory",
    bound::by_computing,
    {{"workers", 20, 20, 20}, {"grid", 30, 30, 30}, {"threshold", 1'024, 1'024, 1'024}},
    &run_astar};

}  // namespace savina
