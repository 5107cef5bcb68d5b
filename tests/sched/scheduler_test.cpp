// Workers without actors: nothing runnable is lost, nothing waits behind a long item for ever.
#include "sched/scheduler.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "actor/test_node.hpp"
#include "sched/park_driver.hpp"
#include "sched/worker.hpp"

using sluice::sched::scheduler;
using sluice::sched::scheduler_hooks;
using sluice::sched::work;
using sluice::sched::worker;
using sluice::sched::worker_plan;

namespace {

std::vector<worker_plan> plans_for(std::size_t process_workers, std::size_t others = 0) {
  std::vector<worker_plan> plans(process_workers + others);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    plans[i].runs_processes = i < process_workers;
    plans[i].thread_name = "worker" + std::to_string(i);
    plans[i].parking = std::make_unique<sluice::sched::park_driver>();
  }
  return plans;
}

// A started set of workers that is judged at its end.
struct crew {
  explicit crew(std::size_t process_workers, std::size_t others = 0)
      : all(plans_for(process_workers, others), {[](worker&) {}, [](worker&) {}, {}}) {
    REQUIRE(all.start());
  }
  ~crew() {
    CHECK(all.stop(sluice::base::no_deadline).empty());
    for (std::size_t i = 0; i < all.worker_count(); ++i) {
      // Relaxed: the threads are gone.
      CHECK(all.worker_at(i).statistics().rescued_by_timeout.load(sluice::base::relaxed) == 0);
    }
  }
  scheduler all;
};

// Counts its runs; runs `then` each time.
struct task : work {
  using function = void (*)(task&, worker&);
  explicit task(test_counter& to, function action = nullptr) : ran(to), then(action) {
    run = [](work* self, worker& on) {
      auto& own = static_cast<task&>(*self);
      if (own.then != nullptr) own.then(own, on);
      own.ran.add();
    };
  }
  test_counter& ran;
  function then;
  task* other = nullptr;
  test_counter* gate = nullptr;
  std::uint32_t left = 0;
  std::thread::id seen_on;
};

}  // namespace

TEST_CASE("scheduler: work injected by foreign threads is never lost") {
  constexpr std::uint32_t per_thread = 5000;
  test_counter ran;
  std::deque<task> tasks[3];
  for (auto& own : tasks) {
    for (std::uint32_t i = 0; i < per_thread; ++i) own.emplace_back(ran);
  }
  crew workers{2};
  std::vector<std::thread> threads;
  for (auto& own : tasks) {
    threads.emplace_back([&] {
      for (auto& each : own) workers.all.inject(&each);
    });
  }
  for (auto& each : threads) each.join();
  ran.wait_for(3 * per_thread);
}

TEST_CASE("scheduler: every injection into a sleeping crew wakes it") {
  // One at a time, so that each races the workers going to sleep.
  for (const std::size_t count : {1u, 2u, 3u}) {
    test_counter ran;
    task one{ran};
    crew workers{count};
    for (std::uint32_t i = 1; i <= 3000; ++i) {
      workers.all.inject(&one);
      ran.wait_for(i);
      // Now and then long enough for all to be asleep.
      if (i % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
  }
}

TEST_CASE("scheduler: what is scheduled behind a long item is taken by another worker") {
  // Each item schedules the next one, which lands in its worker's lifo slot, and ends only when the
  // last one has run: with N workers, N such items can be under way.
  for (const std::size_t count : {2u, 3u, 4u}) {
    for (int round = 0; round < 10; ++round) {
      test_counter ran;
      test_counter last;
      std::deque<task> chain;
      for (std::size_t i = 0; i < count; ++i) {
        chain.emplace_back(ran, [](task& self, worker& on) {
          if (self.other == nullptr) return self.gate->add();
          on.schedule(self.other);
          static_cast<void>(self.gate->reaches(1));
        });
        chain.back().gate = &last;
        if (i != 0) chain[i - 1].other = &chain[i];
      }
      crew workers{count};
      workers.all.inject(&chain.front());
      ran.wait_for(static_cast<std::uint32_t>(count));
    }
  }
}

TEST_CASE("scheduler: injected work is taken while others sit in long items") {
  for (const std::size_t count : {2u, 3u, 4u}) {
    test_counter ran;
    test_counter gate;
    test_counter entered;
    std::deque<task> blockers;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      blockers.emplace_back(entered, [](task& self, worker&) {
        self.ran.add();
        static_cast<void>(self.gate->reaches(1));
      });
      blockers.back().gate = &gate;
    }
    task quick{ran};
    crew workers{count};
    for (auto& each : blockers) workers.all.inject(&each);
    entered.wait_for(static_cast<std::uint32_t>(blockers.size()));
    for (std::uint32_t i = 1; i <= 200; ++i) {
      workers.all.inject(&quick);
      ran.wait_for(i);
    }
    gate.add();
    entered.wait_for(2 * static_cast<std::uint32_t>(blockers.size()));
  }
}

TEST_CASE("scheduler: an item that keeps rescheduling itself starves no other") {
  test_counter ran;
  test_counter spins;
  task spinner{spins, [](task& self, worker& on) {
                 if (self.gate->value() == 0) on.schedule(&self);
               }};
  test_counter over;
  spinner.gate = &over;
  task injected{ran};
  crew workers{1};
  workers.all.inject(&spinner);
  for (std::uint32_t i = 1; i <= 100; ++i) {
    workers.all.inject(&injected);
    ran.wait_for(i);
  }
  over.add();
}

TEST_CASE("scheduler: posted work runs on its own worker, in order, whoever posts it") {
  constexpr std::uint32_t count = 3000;
  for (const std::size_t others : {0u, 1u}) {
    test_counter ran;
    std::deque<task> tasks;
    for (std::uint32_t i = 0; i < count; ++i) {
      tasks.emplace_back(ran,
                         [](task& self, worker&) { self.seen_on = std::this_thread::get_id(); });
    }
    crew workers{2, others};
    worker& home = workers.all.worker_at(workers.all.worker_count() - 1);
    for (auto& each : tasks) home.post(&each);
    ran.wait_for(count);
    task alone{ran, [](task& self, worker&) { self.seen_on = std::this_thread::get_id(); }};
    for (std::uint32_t i = 1; i <= 1000; ++i) {  // One by one: each post races the park.
      home.post(&alone);
      ran.wait_for(count + i);
    }
    for (auto& each : tasks) REQUIRE(each.seen_on == alone.seen_on);
  }
}

TEST_CASE("scheduler: a burst beyond the run queue's room overflows and is run all the same") {
  constexpr std::uint32_t count = 2000;
  static_assert(count > 2 * worker::run_queue_capacity);
  test_counter ran;
  std::deque<task> tasks;
  for (std::uint32_t i = 0; i < count; ++i) tasks.emplace_back(ran);
  for (std::uint32_t i = 0; i + 1 < count; ++i) tasks[i].other = &tasks[i + 1];
  task burst{ran, [](task& self, worker& on) {
               for (task* each = self.other; each != nullptr; each = each->other) on.schedule(each);
             }};
  burst.other = &tasks.front();
  crew workers{2};
  workers.all.inject(&burst);
  ran.wait_for(count + 1);
}

namespace {

// Always runnable until it is over: a backlog for everybody.
struct restless : work {
  using flag = sluice::base::atomic<bool>;
  restless(const flag& end, test_counter& twice, test_counter& gone)
      : is_over(end), doubled(twice), ended(gone) {
    run = [](work* self, worker& on) { static_cast<restless*>(self)->turn(on); };
  }
  void turn(worker& on) {
    if (is_running.exchange(true, sluice::base::acquire)) doubled.add();
    auto& done = *static_cast<sluice::base::atomic<std::uint64_t>*>(on.context);
    sluice::base::add_single_writer(done, std::uint64_t{1});
    is_running.store(false, sluice::base::release);
    if (is_over.load(sluice::base::relaxed)) return ended.add();  // Relaxed: some later turn.
    on.schedule_last(this);
  }
  const flag& is_over;
  test_counter& doubled;
  test_counter& ended;
  flag is_running{false};
};

}  // namespace

TEST_CASE("scheduler: a worker leaves short work to the others, and none of it is lost") {
  // No worker knows what the items take one alone, so the second one is to leave, however they are
  // spread; and it comes back, now and then.
  constexpr std::uint32_t items = 64;
  restless::flag is_over{false};
  test_counter doubled;
  test_counter ended;
  std::deque<restless> all;
  for (std::uint32_t i = 0; i < items; ++i) all.emplace_back(is_over, doubled, ended);
  sluice::base::atomic<std::uint64_t> done[2] = {};
  scheduler workers{plans_for(2),
                    {[&done](worker& on) {
                       on.context = &done[on.index()];
                       on.work_done = &done[on.index()];
                     },
                     [](worker&) {},
                     {}}};
  REQUIRE(workers.start());
  for (auto& each : all) workers.inject(&each);
  const auto& left = workers.worker_at(1).statistics().left_to_others;
  const auto deadline_ns = sluice::base::now_ns() + 60'000'000'000;
  // Relaxed: a counter.
  while (left.load(sluice::base::relaxed) < 3 && sluice::base::now_ns() < deadline_ns) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  is_over.store(true, sluice::base::relaxed);  // Relaxed: as above.
  ended.wait_for(items);
  REQUIRE(workers.stop(sluice::base::no_deadline).empty());
  CHECK(left.load(sluice::base::relaxed) >= 3);
  CHECK(workers.worker_at(0).statistics().left_to_others.load(sluice::base::relaxed) == 0);
  CHECK(doubled.value() == 0);
}

TEST_CASE("scheduler: ten thousand starts and stops, some with work at the last moment") {
  constexpr int cycles = has_sanitizer ? 1000 : 10'000;
  test_counter ran;
  task one{ran};
  std::uint32_t injected = 0;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    scheduler all{plans_for(1 + static_cast<std::size_t>(cycle) % 2),
                  {[](worker&) {}, [](worker&) {}, {}}};
    REQUIRE(all.start());
    if (cycle % 4 == 0) {
      all.inject(&one);
      ran.wait_for(++injected);
    }
    REQUIRE(all.stop(sluice::base::no_deadline).empty());
  }
}
