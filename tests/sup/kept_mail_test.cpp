// A restarted child finds its unread mail.
#include <catch2/catch_test_macros.hpp>

#include "sup/family.hpp"

using namespace std::chrono_literals;
using sluice::pid;
using sluice::restart_policy;
using sluice::supervisor;

namespace {

struct job {
  int number = 0;
};
struct count_jobs {
  using reply = int;
};

struct worker : sluice::actor<worker, job, count_jobs, block_until, crash> {
  worker(std::vector<int>& to, test_counter& handled) : done(to), seen(handled) {}
  void on(job one) {
    if (one.number < 0) throw std::runtime_error("poison");
    done.push_back(one.number);
    seen.add();
  }
  void on(crash) { throw std::runtime_error("crash"); }
  void on(block_until message) { static_cast<void>(message.what->reaches(1)); }
  int on(count_jobs) { return static_cast<int>(done.size()); }
  std::vector<int>& done;
  test_counter& seen;
};

struct ask {};

/// Lets the worker go on once its request is in the worker's mailbox.
struct asker : sluice::actor<asker, ask> {
  asker(pid whom, std::vector<int>& to, test_counter& gate_of_worker, test_counter& told)
      : asked(whom), done(to), gate(gate_of_worker), seen(told) {}
  void on(ask) {
    static_cast<void>(request(asked, count_jobs{}, {.timeout = 60s}));
    gate.add();
  }
  void on(const sluice::completion<count_jobs>& end) {
    done.push_back(end.answer ? end.answer.value() : -1);
    seen.add();
  }
  pid asked;
  std::vector<int>& done;
  test_counter& gate;
  test_counter& seen;
};

struct setup {
  explicit setup(sluice::child_options options) {
    options.id = std::string{"w"};
    const auto made = node->spawn<supervisor>(
        {.name = "top"},
        sluice::children{sluice::child<worker>(options, std::ref(done), std::ref(seen))});
    REQUIRE(made);
    top = made.value();
    first = pid_of(*node, top, "w");
  }
  std::vector<int> done;
  test_counter seen;
  test_counter gate;
  test_node node;
  pid top;
  pid first;
};

}  // namespace

TEST_CASE("kept mail: a restarted child reads what was unread, in order, without what killed it") {
  setup on{{.keeps_mailbox = true}};
  on.node->send(on.first, block_until{&on.gate});
  for (int i = 0; i < 100; ++i) on.node->send(on.first, job{i});
  on.node->send(on.first, job{-1});
  for (int i = 100; i < 200; ++i) on.node->send(on.first, job{i});
  on.gate.add();
  on.seen.wait_for(200);
  for (int i = 0; i < 200; ++i) CHECK(on.done[static_cast<std::size_t>(i)] == i);
  on.node.settle();
  CHECK(on.node->messages().receiver_ended == 0);
}

TEST_CASE("kept mail: a request that waits is answered by the successor") {
  setup on{{.keeps_mailbox = true}};
  on.node->send(on.first, block_until{&on.gate});
  on.node->send(on.first, job{1});
  on.node->send(on.first, crash{});
  on.node->spawn<asker>({}, on.first, std::ref(on.done), std::ref(on.gate), std::ref(on.seen))
      .value()
      .send(ask{});
  on.seen.wait_for(2);
  CHECK(on.done.back() == 1);
}

TEST_CASE("kept mail: without the option it is buried, and said so") {
  setup on{{}};
  on.node->send(on.first, block_until{&on.gate});
  on.node->send(on.first, crash{});
  for (int i = 0; i < 10; ++i) on.node->send(on.first, job{i});
  on.gate.add();
  eventually([&] {
    const pid now = pid_of(*on.node, on.top, "w");
    return now.is_valid() && now != on.first;
  });
  CHECK(on.done.empty());
  on.node.settle();
  CHECK(on.node->messages().receiver_ended == 10);
}

TEST_CASE("kept mail: it is buried when nobody follows") {
  setup on{{.restart = restart_policy::temporary, .keeps_mailbox = true}};
  on.node->send(on.first, block_until{&on.gate});
  on.node->send(on.first, crash{});
  for (int i = 0; i < 10; ++i) on.node->send(on.first, job{i});
  on.gate.add();
  eventually([&] { return on.node->call(on.top, sluice::count_children{}).value().known == 0; });
  on.node.settle();
  CHECK(on.node->messages().receiver_ended == 10);
}

TEST_CASE("kept mail: a bounded mailbox gives its credits back before it is handed on") {
  setup on{{.keeps_mailbox = true, .mailbox_max = 8}};
  on.node->send(on.first, block_until{&on.gate});
  on.node->send(on.first, crash{});
  int accepted = 0;
  for (int i = 0; i < 20; ++i) {
    if (on.node->send(on.first, job{i}) == sluice::send_outcome::accepted) ++accepted;
  }
  CHECK(accepted >= 6);
  CHECK(accepted <= 8);
  on.gate.add();
  on.seen.wait_for(static_cast<std::uint32_t>(accepted));
  eventually([&] { return pid_of(*on.node, on.top, "w").is_valid(); });
  const pid now = pid_of(*on.node, on.top, "w");
  CHECK(on.node->call(now, count_jobs{}).value() == accepted);
}
