// fib: a tree of actors that grows and folds again. Who is asked for a number above 2 asks two
// actors that it makes.
//
//   driver --question(n)--> root
//   n > 2:   asked --question(n - 1)--> left, asked --question(n - 2)--> right
//            left, right --response--> asked --response(their sum)--> who asked
//   n <= 2:  asked --response(1)--> who asked
//
// Who has answered ends.
#include "program.hpp"

namespace savina {

namespace {

struct question {
  std::uint64_t n;
};
void spoil(question& message) { message.n = message.n > 2 ? message.n - 1 : 3; }
struct response {
  std::uint64_t value;
};
void spoil(response& message) { ++message.value; }

class adder : public player<adder, response> {
 public:
  // `result` is where the one that nobody asked, the root, leaves its value.
  adder(sluice::pid parent, std::uint64_t& result) : parent_(parent), result_(result) {}

  void on(question asked) {
    if (asked.n <= 2) return answer(1);
    send(create<adder>(self(), result_), question{asked.n - 1});
    send(create<adder>(self(), result_), question{asked.n - 2});
  }
  void on(response told) {
    sum_ += told.value;
    if (++responses_ == 2) answer(sum_);
  }

 private:
  void answer(std::uint64_t value) {
    exit();
    if (parent_.is_valid()) return send(parent_, response{value});
    result_ = value;
    arrive();
  }

  const sluice::pid parent_;
  std::uint64_t& result_;
  std::uint64_t sum_ = 0;
  int responses_ = 0;
};

std::uint64_t fibonacci(std::uint64_t n) noexcept {
  std::uint64_t last = 0, value = 1;
  for (std::uint64_t i = 1; i < n; ++i) last = std::exchange(value, last + value);
  return value;
}

void run_fib(iteration& it) {
  const std::uint64_t n = it.parameter("n");
  std::uint64_t& result = it.keep<std::uint64_t>(0);
  it.tell(it.spawn<adder>(sluice::pid{}, result), question{n});
  it.wait();
  it.check_that(result == fibonacci(n), "the root has the number of Fibonacci");
  it.check("result", result);
  // Each leaf of the tree adds 1, and all others have two children.
  const std::uint64_t actors = 2 * result - 1;
  it.check_that(it.spawned() == actors, "exactly " + std::to_string(actors) + " actors are made");
  it.check("actors", it.spawned());
  it.check_messages(2 * actors - 1);  // The root answers nobody.
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program fib{"fib",
                            "a tree of actors that grows and folds again",
                            bound::by_messages,
                            {{"n", 25, 25, 15}},
                            &run_fib};

}  // namespace savina
