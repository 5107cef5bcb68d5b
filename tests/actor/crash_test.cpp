// Exceptions out of every callback of a process or meta: the end of that one, told once, and of
// nobody else.
#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <stop_token>
#include <string>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::exit_code;
using sluice::exit_reason;

namespace {

enum class where {
  handler,
  request_handler,
  coroutine,
  woken_coroutine,
  completion,
  timer,
  inspect,
  down,
  exit_signal,
  terminate,
};

struct begin {};
struct tick {};
struct leave {};
struct ask {
  using reply = int;
};

struct record {
  test_counter terminated;
  test_counter destroyed;
  exit_reason reason;
};

struct bystander : sluice::actor<bystander, ask, leave> {
  int on(ask) { return 7; }
  void on(leave) { exit(exit_reason::error("left")); }
};

// What is alike in the process and the meta.
template <class Self, class Base>
struct fragile_part : Base {
  fragile_part(record& to, where spot_) : out(to), spot(spot_) {}
  fragile_part(const fragile_part&) = delete;
  fragile_part& operator=(const fragile_part&) = delete;
  ~fragile_part() { out.destroyed.add(); }
  void on(tick) { fail(); }
  void on(const sluice::completion<ask>&) { fail(); }
  void on_inspect(sluice::inspect_items&) { fail_if(where::inspect); }
  void terminate(const exit_reason& why) {
    out.reason = why;
    out.terminated.add();
    fail_if(where::terminate);
  }
  void arm() {
    if (spot == where::timer) this->send_after(1us, this->self(), tick{});
    if (spot == where::completion) static_cast<void>(this->request(this->find("nobody"), ask{}));
    if (spot == where::terminate) this->exit();
  }
  void fail_if(where here) {
    if (spot == here) fail();
  }
  static void fail() { throw std::runtime_error("planted"); }
  record& out;
  where spot;
};

struct fragile : fragile_part<fragile, sluice::actor<fragile, begin, tick, leave, ask>> {
  fragile(record& to, where spot_, sluice::handle<bystander> other_)
      : fragile_part(to, spot_), other(other_) {}
  using fragile_part::on;
  void on(begin) {
    fail_if(where::handler);
    arm();
    if (spot == where::down) static_cast<void>(monitor(other.id()));
    if (spot == where::exit_signal) {
      trap_exit(true);
      static_cast<void>(link(other.id()));
    }
    if (spot == where::down || spot == where::exit_signal) send(other, leave{});
  }
  sluice::task<void> on(leave) {
    fail_if(where::coroutine);
    co_await sleep(1us);
    fail();
  }
  int on(ask) {
    fail_if(where::request_handler);
    return 0;
  }
  void on(const sluice::down&) { fail(); }
  void on(const sluice::exit_signal&) { fail(); }
  sluice::handle<bystander> other;
};

struct fragile_meta : fragile_part<fragile_meta, sluice::meta<fragile_meta, begin, tick>> {
  using fragile_part::fragile_part;
  using fragile_part::on;
  void start(std::stop_token stop) {
    test_counter stopped;
    const std::stop_callback on_stop{stop, [&] { stopped.add(); }};
    static_cast<void>(stopped.reaches(1));
  }
  void on(begin) {
    fail_if(where::handler);
    arm();
  }
};

void check_end(const record& out, where spot) {
  const exit_reason wanted = spot == where::terminate
                                 ? exit_reason::normal()
                                 : exit_reason{exit_code::exception, "planted"};
  CHECK(out.reason == wanted);
  CHECK(out.terminated.value() == 1);
  CHECK(out.destroyed.value() == 1);
}

}  // namespace

TEST_CASE("crash: out of any callback of a process it is its end, told once, and nobody else's") {
  for (const where spot : {where::handler, where::request_handler, where::coroutine,
                           where::woken_coroutine, where::completion, where::timer, where::inspect,
                           where::down, where::exit_signal, where::terminate}) {
    INFO("spot " << static_cast<int>(spot));
    record out;
    test_node node;
    const auto other = node->spawn<bystander>().value();
    const auto third = node->spawn<bystander>().value();
    const auto one = node->spawn<fragile>({}, std::ref(out), spot, other).value();
    const bool ends_other = spot == where::down || spot == where::exit_signal;
    switch (spot) {
      case where::inspect:
        CHECK(node->inspect(one.id()).error().code == error_code::receiver_ended);
        break;
      case where::request_handler:
        CHECK(node->call(one, ask{}).error().code == error_code::receiver_ended);
        break;
      case where::coroutine:
      case where::woken_coroutine: one.send(leave{}); break;
      default: one.send(begin{}); break;
    }
    eventually([&] { return node->messages().alive == (ends_other ? 1u : 2u); });
    CHECK(node->call(third, ask{}).value() == 7);
    node.finish();
    check_end(out, spot);
  }
}

TEST_CASE("crash: out of any callback of a meta it is its end, told once, and nobody else's") {
  for (const where spot :
       {where::handler, where::completion, where::timer, where::inspect, where::terminate}) {
    INFO("spot " << static_cast<int>(spot));
    record out;
    test_node node;
    const auto other = node->spawn<bystander>().value();
    const auto one = node->spawn_meta<fragile_meta>({.is_pinned = false}, std::ref(out), spot);
    REQUIRE(one);
    if (spot == where::inspect) {
      CHECK(node->inspect(one.value().id()).error().code == error_code::receiver_ended);
    } else {
      one.value().send(begin{});
    }
    eventually([&] { return node->messages().alive == 1; });
    CHECK(node->call(other, ask{}).value() == 7);
    node.finish();
    check_end(out, spot);
  }
}
