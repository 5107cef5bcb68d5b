// recmatmul: C = A * B by blocks that are cut into quarters until they are small. The matrices are
// shared memory, as in the suite.
//
//   driver --start--> master --work--> worker (row + column of C's block) mod `workers`
//   worker, large block --work--> master     8 times; then --done--> master
//   worker, small block: multiplies --done--> master
//   master --stop--> each worker --stop--> master     when all work is done
//
// All work for one block of C goes to one worker, so no two actors write one element.
#include "program.hpp"

namespace savina {

namespace {

struct start {};
struct corner {
  std::uint64_t row;
  std::uint64_t column;
};
struct work {
  std::uint64_t priority;
  corner a;
  corner b;
  corner c;
  std::uint64_t elements;  // of each of the three blocks
  std::uint64_t dimension;
};
void spoil(work& message) { ++message.a.row; }
struct done {};
struct stop {};

// Square, row by row. Rows are a cache line longer than a power of two, so that a column does not
// fall into a few sets of the cache; nor does the suite's, whose rows are objects with heads.
class matrix {
 public:
  explicit matrix(std::uint64_t dimension)
      : dimension_(dimension), stride_(dimension + gap), all_(dimension * stride_) {}

  [[nodiscard]] std::uint64_t dimension() const noexcept { return dimension_; }
  [[nodiscard]] double& at(std::uint64_t row, std::uint64_t column) noexcept {
    return all_[row * stride_ + column];
  }
  [[nodiscard]] double at(std::uint64_t row, std::uint64_t column) const noexcept {
    return all_[row * stride_ + column];
  }
  [[nodiscard]] bool has(corner first, std::uint64_t dimension) const noexcept {
    return first.row + dimension <= dimension_ && first.column + dimension <= dimension_;
  }

 private:
  static constexpr std::uint64_t gap = 64 / sizeof(double);

  std::uint64_t dimension_;
  std::uint64_t stride_;
  std::vector<double> all_;
};

struct product {
  product(std::uint64_t dimension, std::uint64_t workers)
      : a(dimension), b(dimension), c(dimension), leaves(workers) {
    for (std::uint64_t row = 0; row < dimension; ++row) {
      for (std::uint64_t column = 0; column < dimension; ++column) {
        a.at(row, column) = static_cast<double>(row);
        b.at(row, column) = static_cast<double>(column);
      }
    }
  }

  matrix a;
  matrix b;
  matrix c;
  std::uint64_t works = 0;
  std::vector<std::uint64_t> leaves;  // of each worker, who writes it
};

class worker : public player<worker> {
 public:
  worker(product& all, sluice::pid master, std::uint64_t elements_max, std::uint64_t& leaves)
      : all_(all), master_(master), elements_max_(elements_max), leaves_(leaves) {}

  void on(const work& block) {
    if (!all_.a.has(block.a, block.dimension) || !all_.b.has(block.b, block.dimension) ||
        !all_.c.has(block.c, block.dimension)) {
      return fail("blocks lie within their matrices");
    }
    if (block.elements > elements_max_) {
      cut(block);
    } else {
      multiply(block);
    }
    send(master_, done{});
  }
  void on(stop) {
    leaves_ = multiplied_;
    send(master_, stop{});
    exit();
  }

 private:
  // Each quarter of C is the sum of two products of quarters.
  void cut(const work& block) {
    const std::uint64_t half = block.dimension / 2;
    for (const corner of_c : {corner{0, 0}, corner{0, half}, corner{half, 0}, corner{half, half}}) {
      for (const std::uint64_t k : {std::uint64_t{0}, half}) {
        send(master_, work{block.priority + 1,
                           {block.a.row + of_c.row, block.a.column + k},
                           {block.b.row + k, block.b.column + of_c.column},
                           {block.c.row + of_c.row, block.c.column + of_c.column},
                           block.elements / 4,
                           half});
      }
    }
  }

  void multiply(const work& block) {
    ++multiplied_;
    for (std::uint64_t i = 0; i < block.dimension; ++i) {
      for (std::uint64_t j = 0; j < block.dimension; ++j) {
        double sum = all_.c.at(block.c.row + i, block.c.column + j);
        for (std::uint64_t k = 0; k < block.dimension; ++k) {
          sum += all_.a.at(block.a.row + i, block.a.column + k) *
                 all_.b.at(block.b.row + k, block.b.column + j);
        }
        all_.c.at(block.c.row + i, block.c.column + j) = sum;
      }
    }
  }

  product& all_;
  const sluice::pid master_;
  const std::uint64_t elements_max_;
  std::uint64_t& leaves_;
  std::uint64_t multiplied_ = 0;
};

class master : public player<master, work, done, stop> {
 public:
  master(product& all, std::uint64_t elements_max) : all_(all), elements_max_(elements_max) {}

  void on_start() {
    for (std::uint64_t& each : all_.leaves) {
      workers_.push_back(create<worker>(all_, self(), elements_max_, each));
    }
  }
  void on(start) {
    const std::uint64_t dimension = all_.c.dimension();
    assign(work{0, {0, 0}, {0, 0}, {0, 0}, dimension * dimension, dimension});
  }
  void on(const work& block) { assign(block); }
  void on(done) {
    if (++done_ < all_.works) return;
    for (const auto& each : workers_) send(each, stop{});
  }
  void on(stop) {
    if (++stopped_ < workers_.size()) return;
    exit();
    arrive();
  }

 private:
  void assign(const work& block) {
    ++all_.works;
    send(workers_[(block.c.row + block.c.column) % workers_.size()], block);
  }

  product& all_;
  const std::uint64_t elements_max_;
  std::vector<sluice::handle<worker>> workers_{};
  std::uint64_t done_ = 0;
  std::size_t stopped_ = 0;
};

// A[i][j] = i and B[i][j] = j, so C[i][j] = n * i * j; all sums are whole and below 2^53.
bool is_product(const matrix& c) noexcept {
  for (std::uint64_t i = 0; i < c.dimension(); ++i) {
    for (std::uint64_t j = 0; j < c.dimension(); ++j) {
      if (c.at(i, j) != static_cast<double>(c.dimension() * i * j)) return false;
    }
  }
  return true;
}

std::uint64_t sum_of(const matrix& c) noexcept {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < c.dimension(); ++i) {
    for (std::uint64_t j = 0; j < c.dimension(); ++j) {
      sum += static_cast<std::uint64_t>(c.at(i, j));
    }
  }
  return sum;
}

void run_recmatmul(iteration& it) {
  const std::uint64_t workers = it.parameter("workers");
  product& all = it.keep<product>(it.parameter("n"), workers);
  it.tell(it.spawn<master>(all, it.parameter("threshold")), start{});
  it.wait();
  std::uint64_t leaves = 0;
  for (const std::uint64_t each : all.leaves) leaves += each;
  it.check_that(is_product(all.c), "each element of the product is right");
  it.check("work_messages", all.works);
  it.check("leaves", leaves);
  it.check("sum_C", sum_of(all.c));
  // The start; all work goes to a worker and is done, all but the first by way of the master.
  it.check_messages(1 + 3 * all.works - 1 + 2 * workers);
  it.check_that(all.works == 1 + 8 * (all.works - leaves), "what is cut is cut into eight");
}

}  // namespace

constinit const program recmatmul{
    "recmatmul",
    "a product of matrices: divide and conquer in equal parts",
    bound::by_computing,
    {{"n", 1'024, 512, 256}, {"threshold", 16'384, 16'384, 4'096}, {"workers", 20, 20, 20}},
    &run_recmatmul};

}  // namespace savina
