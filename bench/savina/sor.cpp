// sor: successive over-relaxation on a grid of n times n cells, each an actor, coloured as a
// chessboard. The left half belongs to the runner, the right half to its peer.
//
//   driver --boot--> runner, which makes its cells and the peer; runner --boot--> peer, likewise
//   peer --border(its first column)--> runner;  runner, peer --start--> their cells
//   cell of colour 1, at its start --value--> its 2 to 4 neighbours
//   any cell that has the values of all neighbours: a new value; cell --value--> its neighbours
//   cell that has sent `iters` values --result--> its owner, and ends
//   peer --result(sum of its half)--> runner
//
// Values that come before start are stashed. The last values of the cells of colour 0 find cells
// that have ended: one for each pair of neighbours.
#include <cmath>
#include <memory>

#include "program.hpp"
#include "sor_grid.hpp"

namespace savina {

namespace {

class cell;
using cells = std::vector<sluice::handle<cell>>;

struct boot {};
struct border {
  cells column;
};
void spoil(border& message) { message.column.pop_back(); }
struct start {
  std::uint64_t iterations;
  std::shared_ptr<const cells> all;
};
void spoil(start& message) { --message.iterations; }
struct value {
  double number;
};
void spoil(value& message) { message.number += 1; }
struct result {
  double number = 0;
  // Of the node's account beside those of the protocol: a value that was stashed counts again when
  // it comes back, and so does what a cell tells itself to take its stash back.
  std::uint64_t more_messages = 0;
};
void spoil(result& message) { message.number += 1; }

class cell : public player<cell> {
 public:
  cell(half known, spot where, double first_value, bool begins, sluice::pid owner)
      : known_(known), where_(where), value_(first_value), begins_(begins), owner_(owner) {}

  void on(const start& begin) {
    if (is_started() || begin.all->size() != known_.rows * known_.columns) {
      return fail("a cell is started once, with all that it may know");
    }
    const auto [row, column] = where_;
    if (column + 1 < known_.columns) add_neighbour(begin, row, column + 1);
    if (row + 1 < known_.rows) add_neighbour(begin, row + 1, column);
    if (column > 0) add_neighbour(begin, row, column - 1);
    if (row > 0) add_neighbour(begin, row - 1, column);
    left_ = begin.iterations;
    if (begins_) tell();
    const std::uint64_t stashed = unstash_all();
    if (stashed != 0) more_messages_ = stashed + 1;
  }
  void on(value told) {
    if (!is_started()) {
      return require(stash() == sluice::send_outcome::accepted, "a stash has room");
    }
    sum_ += told.number;
    if (++received_ != neighbours_.size()) return;
    value_ = relaxed(value_, sum_);
    sum_ = 0;
    received_ = 0;
    tell();
    if (left_ != 0) return;
    send(owner_, result{value_, more_messages_});
    exit();
  }

 private:
  [[nodiscard]] bool is_started() const noexcept { return !neighbours_.empty(); }
  void add_neighbour(const start& begin, std::size_t row, std::size_t column) {
    neighbours_.push_back((*begin.all)[known_.at(row, column)]);
  }
  void tell() {
    for (const auto& each : neighbours_) send(each, value{value_});
    --left_;
  }

  const half known_;
  const spot where_;
  double value_;
  const bool begins_;
  const sluice::pid owner_;
  cells neighbours_;
  std::uint64_t left_ = 0;
  std::size_t received_ = 0;
  double sum_ = 0;
  std::uint64_t more_messages_ = 0;
};

// What runner and peer do alike.
template <class Self, class... Messages>
class owner : public player<Self, result, Messages...> {
 protected:
  owner(const problem& given, half known, owned own)
      : given_(given), known_(known), own_(own), all_(known.rows * known.columns) {}

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
  [[nodiscard]] cells column(std::size_t which) const {
    cells found;
    for (std::size_t row = 0; row < known_.rows; ++row) {
      found.push_back(all_[known_.at(row, which)]);
    }
    return found;
  }
  void set_column(std::size_t which, const cells& from) {
    for (std::size_t row = 0; row < known_.rows; ++row) all_[known_.at(row, which)] = from[row];
  }
  // True: it was the last of so many.
  bool add(const result& told, std::size_t results) noexcept {
    sum_.number += told.number;
    sum_.more_messages += told.more_messages;
    return ++results_ == results;
  }
  void start_cells() {
    const auto shared = std::make_shared<const cells>(all_);
    for (std::size_t row = 0; row < known_.rows; ++row) {
      for (std::size_t column = own_.first; column < own_.last; ++column) {
        this->send(all_[known_.at(row, column - own_.offset)], start{given_.iterations, shared});
      }
    }
  }

  const problem& given_;
  const half known_;
  const owned own_;
  cells all_;
  std::size_t results_ = 0;
  result sum_;
};

class peer : public owner<peer, boot> {
 public:
  peer(const problem& given, cells runner_border, sluice::pid runner)
      : owner(given, {given.side, given.side - given.runner_columns() + 1},
              {given.runner_columns(), given.side, given.runner_columns() - 1}),
        runner_border_(std::move(runner_border)),
        runner_(runner) {}

  void on(boot);
  void on(result told) {
    if (!add(told, given_.side * (given_.side - given_.runner_columns()))) return;
    send(runner_, result{sum_});
    exit();
  }

 private:
  const cells runner_border_;
  const sluice::pid runner_;
};

class runner : public owner<runner, border> {
 public:
  runner(const problem& given, result& total)
      : owner(given, {given.side, given.runner_columns() + 1}, {0, given.runner_columns(), 0}),
        result_(total) {}

  void on(boot) {
    make_cells();
    send(create<peer>(given_, column(own_.last - 1), self()), boot{});
  }
  void on(const border& told) {
    if (told.column.size() != known_.rows) return fail("a border has a cell for each row");
    set_column(own_.last, told.column);
    start_cells();
  }
  void on(result told) {
    if (!add(told, given_.side * given_.runner_columns() + 1)) return;
    result_ = sum_;
    exit();
    arrive();
  }

 private:
  result& result_;
};

void peer::on(boot) {
  set_column(0, runner_border_);
  make_cells();
  send(runner_, border{column(1)});
  start_cells();
}

void run_sor(iteration& it) {
  problem& given = it.keep<problem>();
  given.side = it.parameter("n");
  given.iterations = it.parameter("iters");
  it.check_that(given.side >= 2 && given.iterations >= 2,
                "both halves have cells, and both colours are computed");
  draw_values(given);
  result& total = it.keep<result>();
  it.tell(it.spawn<runner>(given, total), boot{});
  it.wait();
  const double wanted = relax(given);
  it.check_that(std::abs(total.number - wanted) <= 1e-9 * std::abs(wanted),
                "the sum of the grid is that of the same without actors");
  it.check("gTotal", total.number, {.absolute = 1e-12});
  const std::uint64_t cell_count = given.side * given.side;
  it.check_that(it.spawned() == cell_count + 2, "each cell is an actor, beside runner and peer");
  it.check("actors", it.spawned() - 2);
  const std::uint64_t pairs = 2 * given.side * (given.side - 1);
  // Boot twice, border, the peer's result; a start and a result for each cell.
  const std::uint64_t protocol = 4 + 2 * cell_count + 2 * pairs * given.iterations;
  it.check_messages(protocol + total.more_messages, pairs);
  it.note("messages of the stashes", static_cast<double>(total.more_messages));
}

}  // namespace

constinit const program sor{"sor",
                            "over-relaxation on a grid: each cell hears its neighbours",
                            bound::by_messages,
                            {{"n", 20, 20, 20}, {"iters", 100, 100, 100}},
                            &run_sor};

}  // namespace savina
