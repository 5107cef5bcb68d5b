// caf_mandelbrot: a picture of the Mandelbrot set, an actor for each of its rows.
//
//   driver --draw(y)--> each of n actors, which draws row y and ends
//
// A bit a point, the leftmost in the highest bit of its byte; set where the point is still within 2
// after all rounds. Compared with a picture that one thread draws, when the clock has stopped.
#include <algorithm>

#include "program.hpp"

namespace suites {

namespace {

struct draw {
  std::uint64_t y;
};
void spoil(draw& message) { message.y = message.y == 0 ? 1 : message.y - 1; }

// Rows begin on cache lines of their own, since actors of neighbours draw at the same time.
class picture {
 public:
  explicit picture(std::uint64_t points)
      : points_(points),
        stride_((points + line_points - 1) / line_points * line_bytes),
        bytes_(points * stride_ + line_bytes) {
    const auto at = reinterpret_cast<std::uintptr_t>(bytes_.data()) % line_bytes;
    begin_ = (line_bytes - at) % line_bytes;
  }

  [[nodiscard]] std::uint64_t points() const noexcept { return points_; }
  [[nodiscard]] std::span<std::uint8_t> row(std::uint64_t y) noexcept {
    return std::span{bytes_}.subspan(begin_ + y * stride_, (points_ + 7) / 8);
  }

 private:
  static constexpr std::uint64_t line_bytes = 64;
  static constexpr std::uint64_t line_points = line_bytes * 8;

  std::uint64_t points_;
  std::uint64_t stride_;
  std::vector<std::uint8_t> bytes_;
  std::size_t begin_;
};

bool is_within(double x, double y, std::uint64_t rounds) noexcept {
  double real = 0, imaginary = 0, real_square = 0, imaginary_square = 0;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    imaginary = 2 * real * imaginary + y;
    real = real_square - imaginary_square + x;
    real_square = real * real;
    imaginary_square = imaginary * imaginary;
    if (real_square + imaginary_square > 4) return false;
  }
  return true;
}

void draw_row(picture& into, std::uint64_t y, std::uint64_t rounds) noexcept {
  const double unit = 2 / static_cast<double>(into.points());
  const double imaginary = unit * static_cast<double>(y) - 1;
  const std::span<std::uint8_t> row = into.row(y);
  for (std::uint64_t x = 0; x < into.points(); ++x) {
    if (!is_within(unit * static_cast<double>(x) - 1.5, imaginary, rounds)) continue;
    row[x / 8] = static_cast<std::uint8_t>(row[x / 8] | 0x80u >> x % 8);
  }
}

struct artist : player<artist> {
  artist(picture& into, std::uint64_t rounds) : into_(into), rounds_(rounds) {}

  void on(draw order) {
    draw_row(into_, order.y, rounds_);
    exit();
    arrive();
  }

  picture& into_;
  const std::uint64_t rounds_;
};

struct digest {
  std::uint64_t within = 0;
  std::uint64_t hash = 0;  // of rows without what fills their lines: h * 31 + byte, modulo 2^64
};

digest digest_of(picture& all) {
  digest sums;
  for (std::uint64_t y = 0; y < all.points(); ++y) {
    for (const std::uint8_t byte : all.row(y)) {
      sums.within += static_cast<std::uint64_t>(std::popcount(byte));
      sums.hash = sums.hash * 31 + byte;
    }
  }
  return sums;
}

bool is_alike(picture& one, picture& other) {
  for (std::uint64_t y = 0; y < one.points(); ++y) {
    if (!std::ranges::equal(one.row(y), other.row(y))) return false;
  }
  return true;
}

void run_caf_mandelbrot(iteration& it) {
  const std::uint64_t rows = it.parameter("n");
  const std::uint64_t rounds = it.parameter("rounds");
  auto& drawn = it.keep<picture>(rows);
  it.expect_arrivals(rows);
  for (std::uint64_t y = 0; y < rows; ++y) it.tell(it.spawn<artist>(drawn, rounds), draw{y});
  it.wait();
  auto& sequential = it.keep<picture>(rows);
  for (std::uint64_t y = 0; y < rows; ++y) draw_row(sequential, y, rounds);
  it.check_that(is_alike(drawn, sequential), "the picture is the one that a thread alone draws");
  const digest sums = digest_of(drawn);
  it.check("within", sums.within);
  it.check("hash31", sums.hash);
  it.check_messages(rows);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program caf_mandelbrot{
    "caf_mandelbrot",
    "CAF: a picture of the Mandelbrot set, an actor for each row",
    bound::by_computing,
    {{"n", 2'000, 1'000, 64}, {"rounds", 250, 250, 250}},
    &run_caf_mandelbrot};

}  // namespace suites
