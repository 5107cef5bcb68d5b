// Handlers that wait: calls, and what is served meanwhile.
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::result;
using sluice::task;

namespace {

struct doubled {
  using reply = int;
  int value = 0;
};
struct named {
  using reply = std::string;
  std::string text;
};
struct kept {  // answered never
  using reply = int;
};
struct begin {};
struct note {
  int number = 0;
};

struct callee : sluice::actor<callee, doubled, named, kept> {
  int on(doubled asked) { return 2 * asked.value; }
  std::string on(const named& asked) { return asked.text + "!"; }
  void on(kept, sluice::reply_to<kept> answer) { waiting.push_back(std::move(answer)); }
  std::vector<sluice::reply_to<kept>> waiting;
};

struct outcomes {
  test_counter done;
  std::vector<int> values;
  std::vector<error_code> errors;
  std::string text;
};

struct caller : sluice::actor<caller, begin, note> {
  caller(outcomes& into_, sluice::handle<callee> other_) : into(&into_), other(other_) {}
  task<void> on(begin) {
    for (int i = 0; i < 3; ++i) {
      const result<int> doubled_value = co_await call(other, doubled{i}, 10s);
      into->values.push_back(doubled_value.value());
    }
    const named asked{std::string(100, 'x')};
    into->text = (co_await call(other.id(), asked, 10s)).value();
    into->done.add();
  }
  void on(note each) {
    into->values.push_back(each.number);
    into->done.add();
  }
  outcomes* into;
  sluice::handle<callee> other;
};

}  // namespace

TEST_CASE("call: a handler that waits goes on with the answer, by handle and by pid") {
  outcomes seen;
  test_node node;
  const auto other = node->spawn<callee>().value();
  const auto first = node->spawn<caller>({}, seen, other).value();
  first.send(begin{});
  first.send(note{7});
  seen.done.wait_for(2);
  CHECK(seen.values == std::vector<int>{0, 2, 4, 7});
  CHECK(seen.text == std::string(100, 'x') + "!");
}
