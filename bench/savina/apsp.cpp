// apsp: all shortest paths of a graph of N nodes, by the algorithm of Floyd and Warshall. The
// matrix of distances is cut into tiles of B times B, each an actor; its neighbours are the tiles
// in the same row or column of tiles.
//
//   driver --neighbours--> each tile, then driver --initial--> each tile
//   tile, at initial --result(-1, its distances)--> its neighbours
//   tile that has the results of step k - 1 of all neighbours:
//     a new matrix with paths through node k; tile --result(k, its distances)--> its neighbours
//
// After step N - 1 a tile ends; what it told its neighbours last may find them gone. A neighbour
// can be one step ahead: what it tells is kept until it is due.
#include <algorithm>
#include <memory>
#include <numeric>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

class tile;
using distances = std::vector<std::int64_t>;

struct neighbours {
  std::vector<sluice::handle<tile>> all;
};
void spoil(neighbours& message) { message.all.pop_back(); }
struct initial {};
struct result {
  std::int64_t step;
  std::size_t from;                       // The number of the tile.
  std::shared_ptr<const distances> data;  // Shared by all who are told.
};
void spoil(result& message) { message.step += 2; }

struct cut {
  std::size_t nodes;
  std::size_t side;  // Of a tile.

  [[nodiscard]] std::size_t tiles_a_row() const noexcept { return nodes / side; }
  [[nodiscard]] std::size_t tiles() const noexcept { return tiles_a_row() * tiles_a_row(); }
  [[nodiscard]] std::size_t neighbours() const noexcept { return 2 * (tiles_a_row() - 1); }
};

// What neighbours have told of one step.
struct told_by {
  std::vector<std::shared_ptr<const distances>> row;     // By column of tiles.
  std::vector<std::shared_ptr<const distances>> column;  // By row of tiles.
  std::size_t count = 0;

  explicit told_by(const cut& shape) : row(shape.tiles_a_row()), column(shape.tiles_a_row()) {}
  void clear() noexcept {
    std::ranges::fill(row, nullptr);
    std::ranges::fill(column, nullptr);
    count = 0;
  }
};

class tile : public player<tile> {
 public:
  // Takes its part of `matrix`, and leaves its part of the result there.
  tile(const cut& shape, std::size_t number, distances& matrix)
      : shape_(shape),
        number_(number),
        row_(number / shape.tiles_a_row()),
        column_(number % shape.tiles_a_row()),
        matrix_(matrix),
        due_(shape),
        ahead_(shape) {}

  void on(neighbours&& told) {
    require(neighbours_.empty(), "a tile is told its neighbours once");
    neighbours_ = std::move(told.all);
  }
  void on(initial) {
    if (own_ != nullptr) return fail("a tile begins once");
    auto part = std::make_shared<distances>();
    for (std::size_t i = 0; i < shape_.side; ++i) {
      part->insert(part->end(), in_matrix(i), in_matrix(i) + offset(shape_.side));
    }
    own_ = std::move(part);
    tell();
    advance();
  }
  void on(result&& told) {
    const bool is_due = told.step == step_;
    if (!is_due && told.step != step_ + 1) return fail("a neighbour is at most one step ahead");
    told_by& there = is_due ? due_ : ahead_;
    std::shared_ptr<const distances>* const place = place_for(told.from, there);
    if (place == nullptr || *place != nullptr) {
      return fail("a result comes from a neighbour, and once for a step");
    }
    *place = std::move(told.data);
    ++there.count;
    advance();
  }

 private:
  using offset = std::ptrdiff_t;

  [[nodiscard]] distances::iterator in_matrix(std::size_t row) const noexcept {
    return matrix_.begin() +
           offset((row_ * shape_.side + row) * shape_.nodes + column_ * shape_.side);
  }
  [[nodiscard]] std::shared_ptr<const distances>* place_for(std::size_t from,
                                                            told_by& there) const noexcept {
    const std::size_t row = from / shape_.tiles_a_row();
    const std::size_t column = from % shape_.tiles_a_row();
    if (from == number_ || from >= shape_.tiles()) return nullptr;
    if (row == row_) return &there.row[column];
    return column == column_ ? &there.column[row] : nullptr;
  }
  void tell() {
    for (const auto& each : neighbours_) send(each, result{step_, number_, own_});
  }

  // Nobody steps before its own beginning, nor without all of its neighbours.
  void advance() {
    if (own_ == nullptr || due_.count != shape_.neighbours()) return;
    ++step_;
    compute(static_cast<std::size_t>(step_));
    tell();
    due_.clear();
    std::swap(due_, ahead_);
    if (step_ == static_cast<std::int64_t>(shape_.nodes) - 1) leave();
  }
  void compute(std::size_t through) {
    const std::size_t side = shape_.side;
    const std::size_t at = through / side;
    const distances& to = at == column_ ? *own_ : *due_.row[at];
    const distances& from = at == row_ ? *own_ : *due_.column[at];
    const std::int64_t* const next = from.data() + through % side * side;
    auto made = std::make_shared<distances>(side * side);
    for (std::size_t i = 0; i < side; ++i) {
      const std::int64_t first = to[i * side + through % side];
      const std::int64_t* const old = own_->data() + i * side;
      std::int64_t* const fresh = made->data() + i * side;
      for (std::size_t j = 0; j < side; ++j) fresh[j] = std::min(old[j], first + next[j]);
    }
    own_ = std::move(made);
  }
  void leave() {
    for (std::size_t i = 0; i < shape_.side; ++i) {
      std::copy_n(own_->begin() + offset(i * shape_.side), shape_.side, in_matrix(i));
    }
    exit();
    arrive();
  }

  const cut& shape_;
  const std::size_t number_;
  const std::size_t row_;
  const std::size_t column_;
  distances& matrix_;
  std::vector<sluice::handle<tile>> neighbours_;
  std::int64_t step_ = -1;
  std::shared_ptr<const distances> own_;
  told_by due_;
  told_by ahead_;
};

distances make_graph(std::size_t nodes, std::uint64_t weight_max) {
  distances matrix(nodes * nodes);
  pseudo_random draw{static_cast<std::int64_t>(nodes)};
  for (std::size_t i = 0; i < nodes; ++i) {
    for (std::size_t j = i + 1; j < nodes; ++j) {
      const std::int64_t weight = draw.next_below(static_cast<std::int64_t>(weight_max)) + 1;
      matrix[i * nodes + j] = matrix[j * nodes + i] = weight;
    }
  }
  return matrix;
}

// The same without actors.
distances shortest_paths(distances matrix, std::size_t nodes) {
  for (std::size_t through = 0; through < nodes; ++through) {
    for (std::size_t i = 0; i < nodes; ++i) {
      const std::int64_t first = matrix[i * nodes + through];
      for (std::size_t j = 0; j < nodes; ++j) {
        std::int64_t& path = matrix[i * nodes + j];
        path = std::min(path, first + matrix[through * nodes + j]);
      }
    }
  }
  return matrix;
}

std::int64_t sum_of(const distances& all) {
  return std::accumulate(all.begin(), all.end(), std::int64_t{0});
}

void introduce(iteration& it, const cut& shape, const std::vector<sluice::handle<tile>>& tiles) {
  const std::size_t width = shape.tiles_a_row();
  for (std::size_t number = 0; number < tiles.size(); ++number) {
    neighbours found;
    for (std::size_t row = 0; row < width; ++row) {
      if (row != number / width) found.all.push_back(tiles[row * width + number % width]);
    }
    for (std::size_t column = 0; column < width; ++column) {
      if (column != number % width) found.all.push_back(tiles[number / width * width + column]);
    }
    it.tell(tiles[number], std::move(found));
  }
}

void run_apsp(iteration& it) {
  const cut& shape = it.keep<cut>(cut{it.parameter("N"), it.parameter("B")});
  it.check_that(shape.nodes % shape.side == 0 && shape.tiles_a_row() > 1,
                "B divides N, and there are neighbours");
  const distances graph = make_graph(shape.nodes, it.parameter("W"));
  distances& matrix = it.keep<distances>(graph);
  std::vector<sluice::handle<tile>> tiles;
  for (std::size_t number = 0; number < shape.tiles(); ++number) {
    tiles.push_back(it.spawn<tile>(shape, number, matrix));
  }
  it.expect_arrivals(tiles.size());
  introduce(it, shape, tiles);
  for (const auto& each : tiles) it.tell(each, initial{});
  it.wait();
  it.check_that(matrix == shortest_paths(graph, shape.nodes),
                "the distances are those of the same without actors");
  it.check("input_sum", sum_of(graph));
  it.check("result_sum", sum_of(matrix));
  it.check("max", *std::ranges::max_element(matrix));
  it.check("hash31", hash31(matrix));
  it.check("actors", it.spawned());
  const std::uint64_t results = tiles.size() * shape.neighbours() * (shape.nodes + 1);
  // How many of the last results find their receivers gone differs from run to run.
  it.check_messages(results + 2 * tiles.size(), std::nullopt);
  it.check("result_messages", it.sums().sent - 2 * tiles.size());
  const std::uint64_t late = it.sums().rejected + it.sums().dropped;
  it.check_that(late <= tiles.size() * shape.neighbours(), "only the last results come too late");
  it.note("late results", static_cast<double>(late));
}

}  // namespace

constinit const program apsp{"apsp",
                             "shortest paths in a matrix of tiles, step by step",
                             bound::by_computing,
                             {{"N", 300, 198, 100}, {"B", 50, 33, 50}, {"W", 100, 100, 100}},
                             &run_apsp};

}  // namespace savina
