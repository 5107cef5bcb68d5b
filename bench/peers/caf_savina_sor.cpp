// sor on CAF: over-relaxation on a grid of n times n cells, each an actor. The left half belongs to
// the runner, the right half to its peer.
//
//   driver --boot--> runner, which makes its cells and the peer; runner --boot--> peer, likewise
//   peer --border(its first column)--> runner;  runner, peer --start_cell--> their cells
//   cell --value--> its 2 to 4 neighbours, when it has the values of all
//   cell that has sent `iters` values --result--> its owner, and ends
//   peer --result(sum of its half)--> runner
//
// Values that come before start_cell are put aside.
#include <cmath>
#include <memory>

#include "../savina/sor_grid.hpp"
#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

using savina::begins;
using savina::half;
using savina::owned;
using savina::problem;
using savina::spot;

struct boot {};
struct border {
  roster column;
};
void spoil(border& message) { message.column.pop_back(); }
struct start_cell {
  std::uint64_t iterations;
  std::shared_ptr<const roster> all;
};
void spoil(start_cell& message) { --message.iterations; }
struct value {
  double number;
};
void spoil(value& message) { message.number += 1; }
struct result {
  double number = 0;
};
void spoil(result& message) { message.number += 1; }

class cell : public player<cell, value, start_cell> {
 public:
  cell(caf::actor_config& config, half known, spot where, double first_value, bool begins,
       caf::actor owner)
      : player(config),
        known_(known),
        where_(where),
        value_(first_value),
        begins_(begins),
        owner_(std::move(owner)) {}

  void on(const start_cell& begin) {
    if (is_started() || begin.all->size() != known_.rows * known_.columns) {
      return fail("a cell is started once, with all that it may know");
    }
    const auto [row, column] = where_;
    if (column + 1 < known_.columns) add_neighbour(begin, row, column + 1);
    if (row + 1 < known_.rows) add_neighbour(begin, row + 1, column);
    if (column > 0) add_neighbour(begin, row, column - 1);
    if (row > 0) add_neighbour(begin, row - 1, column);
    left_ = begin.iterations;
    if (begins_) tell_all();
    for (const value each : early_) on(each);
    early_.clear();
  }
  void on(value told) {
    if (!is_started()) return early_.push_back(told);
    sum_ += told.number;
    if (++received_ != neighbours_.size()) return;
    value_ = savina::relaxed(value_, sum_);
    sum_ = 0;
    received_ = 0;
    tell_all();
    if (left_ != 0) return;
    tell(owner_, result{value_});
    quit();
  }

 private:
  void forget() override {
    owner_ = nullptr;
    neighbours_.clear();
  }
  [[nodiscard]] bool is_started() const noexcept { return !neighbours_.empty(); }
  void add_neighbour(const start_cell& begin, std::size_t row, std::size_t column) {
    neighbours_.push_back((*begin.all)[known_.at(row, column)]);
  }
  void tell_all() {
    for (const auto& each : neighbours_) tell(each, value{value_});
    --left_;
  }

  const half known_;
  const spot where_;
  double value_;
  const bool begins_;
  caf::actor owner_;
  roster neighbours_;
  std::vector<value> early_;  // that came before start
  std::uint64_t left_ = 0;
  std::size_t received_ = 0;
  double sum_ = 0;
};

// What runner and peer do alike.
template <class Self, class... Messages>
class owner : public player<Self, result, Messages...> {
 protected:
  owner(caf::actor_config& config, const problem& given, half known, owned own)
      : player<Self, result, Messages...>(config),
        given_(given),
        known_(known),
        own_(own),
        all_(known.rows * known.columns) {}

  void forget() override { all_.clear(); }

  void make_cells() {
    for (std::size_t row = 0; row < given_.side; ++row) {
      for (std::size_t column = own_.first; column < own_.last; ++column) {
        const spot where{row, column - own_.offset};
        all_[known_.at(row, where.column)] = this->template create<cell>(
            known_, where, given_.first_values[row * given_.side + column], begins(row, column),
            this->self());
      }
    }
  }
  [[nodiscard]] roster column(std::size_t which) const {
    roster found;
    for (std::size_t row = 0; row < known_.rows; ++row) {
      found.push_back(all_[known_.at(row, which)]);
    }
    return found;
  }
  void set_column(std::size_t which, const roster& from) {
    for (std::size_t row = 0; row < known_.rows; ++row) all_[known_.at(row, which)] = from[row];
  }
  // True: it was the last of so many.
  bool add(const result& told, std::size_t results) noexcept {
    sum_.number += told.number;
    return ++results_ == results;
  }
  void start_cells() {
    const auto shared = std::make_shared<const roster>(all_);
    for (std::size_t row = 0; row < known_.rows; ++row) {
      for (std::size_t column = own_.first; column < own_.last; ++column) {
        this->tell(all_[known_.at(row, column - own_.offset)],
                   start_cell{given_.iterations, shared});
      }
    }
  }

  const problem& given_;
  const half known_;
  const owned own_;
  roster all_;
  std::size_t results_ = 0;
  result sum_;
};

class peer : public owner<peer, boot> {
 public:
  peer(caf::actor_config& config, const problem& given, roster runner_border, caf::actor runner)
      : owner(config, given, {given.side, given.side - given.runner_columns() + 1},
              {given.runner_columns(), given.side, given.runner_columns() - 1}),
        runner_border_(std::move(runner_border)),
        runner_(std::move(runner)) {}

  void on(boot) {
    set_column(0, runner_border_);
    make_cells();
    tell(runner_, border{column(1)});
    start_cells();
  }
  void on(result told) {
    if (!add(told, given_.side * (given_.side - given_.runner_columns()))) return;
    tell(runner_, result{sum_});
    quit();
  }

 private:
  void forget() override {
    owner::forget();
    runner_border_.clear();
    runner_ = nullptr;
  }

  roster runner_border_;
  caf::actor runner_;
};

class runner : public owner<runner, border, boot> {
 public:
  runner(caf::actor_config& config, const problem& given, double& total)
      : owner(config, given, {given.side, given.runner_columns() + 1},
              {0, given.runner_columns(), 0}),
        total_(total) {}

  void on(boot) {
    make_cells();
    tell(create<peer>(given_, column(own_.last - 1), self()), boot{});
  }
  void on(const border& told) {
    if (told.column.size() != known_.rows) return fail("a border has a cell for each row");
    set_column(own_.last, told.column);
    start_cells();
  }
  void on(result told) {
    if (!add(told, given_.side * given_.runner_columns() + 1)) return;
    total_ = sum_.number;
    quit();
    arrive();
  }

 private:
  double& total_;
};

void run_sor(iteration& it) {
  problem& given = it.keep<problem>();
  given.side = it.parameter("n");
  given.iterations = it.parameter("iters");
  it.check_that(given.side >= 2 && given.iterations >= 2,
                "both halves have cells, and both colours are computed");
  savina::draw_values(given);
  double& total = it.keep<double>();
  it.tell(it.spawn<runner>(given, total), boot{});
  it.wait();
  const double wanted = savina::relax(given);
  it.check_that(std::abs(total - wanted) <= 1e-9 * std::abs(wanted),
                "the sum of the grid is that of the same without actors");
  it.check("gTotal", total, {.absolute = 1e-12});
  const std::uint64_t cells = given.side * given.side;
  it.check_that(it.sums().made == cells + 2, "each cell is an actor, beside runner and peer");
  it.check("actors", it.sums().made - 2);
  const std::uint64_t pairs = 2 * given.side * (given.side - 1);
  // Boot twice, border, the peer's result; a start and a result for each cell.
  it.check_messages(4 + 2 * cells + 2 * pairs * given.iterations, pairs);
}

}  // namespace

constinit const program sor{
    "sor", {{"n", 20, 20, 20}, {"iters", 100, 100, 100}}, scheduler::sharing, &run_sor};

}  // namespace caf_savina
