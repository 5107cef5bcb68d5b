// nqueenk: all ways to put N queens on a board, divided among workers. The first rows are works of
// their own, the others are searched in one handler.
//
//   driver --work(no rows)--> master --work--> worker 0, 1, 2, ... in turn
//   depth < threshold:   worker --work--> master      for each place of the next queen
//   depth >= threshold:  worker --result--> master    for each solution below this work
//   both then:           worker --done--> master
//   as many done as works sent: master --stop--> all workers --stop--> master
//
// What a worker sends arrives in order: the results of a work are there before its done.
#include <algorithm>
#include <array>

#include "program.hpp"

namespace savina {

namespace {

// How many solutions a board of n rows has, from n = 1 on. From n = 15 on it would be more than the
// 1,500,000 that the suite stops at.
constexpr std::uint64_t solutions_of[] = {1,  0,   0,   2,     10,     4,      40,
                                          92, 352, 724, 2'680, 14'200, 73'712, 365'596};
constexpr std::size_t queens_max = std::size(solutions_of);
// How many boards are valid so far: with no queen, with one in the first row, with two, ...
constexpr std::uint64_t boards_of[] = {
    2, 3, 6, 17, 54, 153, 552, 2'057, 8'394, 35'539, 166'926, 856'189, 4'674'890, 27'358'553};
static_assert(std::size(boards_of) == queens_max);

// The columns of the queens of the first `depth` rows.
struct work {
  std::array<std::uint8_t, queens_max> columns{};
  std::uint8_t depth = 0;
};
void spoil(work& message) {
  if (message.depth < queens_max) message.columns[message.depth++] = 0;
}
struct result {};
struct done {};
struct stop {};

// As in the suite each pair of queens is looked at for each board.
bool is_valid(const work& board) noexcept {
  for (int i = 0; i < board.depth; ++i) {
    for (int j = i + 1; j < board.depth; ++j) {
      const int apart = board.columns[j] - board.columns[i];
      if (apart == 0 || apart == j - i || apart == i - j) return false;
    }
  }
  return true;
}

// Calls `found` with each valid board that has one queen more.
template <class Found>
void for_each_next(work board, std::uint8_t queens, Found&& found) {
  const std::uint8_t row = board.depth++;
  for (std::uint8_t column = 0; column < queens; ++column) {
    board.columns[row] = column;
    if (is_valid(board)) found(board);
  }
}

struct board_size {
  std::uint8_t queens;
  std::uint8_t threshold;  // Not above `queens`.
};

class worker : public player<worker> {
 public:
  worker(board_size size, sluice::pid master, std::uint64_t& boards)
      : size_(size), master_(master), boards_result_(boards) {}

  void on(const work& given) {
    if (given.depth > size_.queens || !is_valid(given)) return fail("a work is a valid board");
    if (given.depth >= size_.threshold) {
      search(given);
    } else {
      ++boards_;
      for_each_next(given, size_.queens, [this](const work& next) { send(master_, next); });
    }
    send(master_, done{});
  }
  void on(stop) {
    boards_result_ = boards_;
    send(master_, stop{});
    exit();
  }

 private:
  void search(const work& board) {
    ++boards_;
    if (board.depth == size_.queens) return send(master_, result{});
    for_each_next(board, size_.queens, [this](const work& next) { search(next); });
  }

  const board_size size_;
  const sluice::pid master_;
  std::uint64_t& boards_result_;
  std::uint64_t boards_ = 0;
};

struct tally {
  std::vector<std::uint64_t> boards_by_worker;
  std::uint64_t works = 0;
  std::uint64_t works_done = 0;
  std::uint64_t solutions = 0;
};

class master : public player<master, work, result, done, stop> {
 public:
  master(board_size size, tally& all)
      : size_(size), workers_(all.boards_by_worker.size()), all_(all) {}

  void on_start() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      workers_[i] = create<worker>(size_, self(), all_.boards_by_worker[i]);
    }
  }
  void on(const work& given) { send(workers_[all_.works++ % workers_.size()], given); }
  void on(result) { ++all_.solutions; }
  void on(done) {
    if (++all_.works_done != all_.works) return;
    for (const auto& each : workers_) send(each, stop{});
  }
  void on(stop) {
    if (++workers_ended_ != workers_.size()) return;
    exit();
    arrive();
  }

 private:
  const board_size size_;
  std::vector<sluice::handle<worker>> workers_;
  tally& all_;
  std::size_t workers_ended_ = 0;
};

void run_nqueenk(iteration& it) {
  const std::uint64_t queens = it.parameter("n");
  const std::uint64_t threshold = std::min(it.parameter("threshold"), queens);
  const std::uint64_t workers = it.parameter("workers");
  it.check_that(queens <= queens_max, "n is at most " + std::to_string(queens_max));
  const board_size size{static_cast<std::uint8_t>(queens), static_cast<std::uint8_t>(threshold)};
  tally& all = it.keep<tally>(tally{std::vector<std::uint64_t>(workers)});
  it.tell(it.spawn<master>(size, all), work{});
  it.wait();
  it.check_that(all.solutions == solutions_of[queens - 1], "each solution is found once");
  it.check_that(all.works_done == all.works, "each work is done once");
  std::uint64_t boards = 0;
  for (const std::uint64_t each : all.boards_by_worker) boards += each;
  it.check_that(boards == boards_of[queens - 1], "each valid board is looked at once");
  it.check("solutions", all.solutions);
  it.check("work_messages", all.works);
  // Each work goes to the master and to a worker and is done; each worker is stopped and says so.
  it.check_messages(3 * all.works + all.solutions + 2 * workers);
}

}  // namespace

constinit const program nqueenk{"nqueenk",
                                "N queens on a board: a master divides the search",
                                bound::by_computing,
                                {{"n", 12, 11, 8}, {"threshold", 4, 4, 4}, {"workers", 20, 20, 20}},
                                &run_nqueenk};

}  // namespace savina
