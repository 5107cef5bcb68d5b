#include <signal.h>
#include <unistd.h>

#include "net/net_fixture.hpp"

using namespace net_test;

namespace {

/// Blocks signals in this thread, and so in those that it starts.
class blocked {
 public:
  explicit blocked(std::initializer_list<int> numbers) {
    ::sigset_t set;
    ::sigemptyset(&set);
    for (const int each : numbers) ::sigaddset(&set, each);
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
    set_ = set;
  }
  ~blocked() {
    const ::timespec none{};
    while (::sigtimedwait(&set_, nullptr, &none) > 0) {  // What nobody read.
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  ::sigset_t set_, before_;
};

struct caught_list {
  std::mutex guard;
  std::condition_variable changed;
  std::vector<signals::caught> all;

  [[nodiscard]] bool wait_for(std::size_t count) {
    std::unique_lock lock{guard};
    return changed.wait_for(lock, patience, [&] { return all.size() >= count; });
  }
};

struct watch_errand {
  std::function<void(struct signal_worker&)> run;
};
struct signal_worker : actor<signal_worker, watch_errand> {
  explicit signal_worker(caught_list& list_, latch* hold_ = nullptr) : list(list_), hold(hold_) {}
  void on(watch_errand order) { order.run(*this); }
  void on(signals::caught one) {
    if (hold != nullptr) hold->wait();
    const std::lock_guard lock{list.guard};
    list.all.push_back(one);
    list.changed.notify_all();
  }
  caught_list& list;
  latch* hold;
};

}  // namespace

TEST_CASE("a signal that comes is told with its number and sender, and nothing else happens") {
  const blocked set{SIGTERM, SIGUSR1};
  for (const std::uint32_t io_threads : {0u, 1u}) {
    caught_list list;
    net_node on{{.io_threads = io_threads}};
    auto worker = on->spawn<signal_worker>({}, list);
    auto made = on->spawn_meta<signals::watcher>(
        {.numbers = {SIGTERM, SIGUSR1}, .worker = worker.value().id()});
    REQUIRE(made);
    ::kill(::getpid(), SIGTERM);
    REQUIRE(list.wait_for(1));
    ::kill(::getpid(), SIGUSR1);
    REQUIRE(list.wait_for(2));
    ::sigval value{};
    value.sival_int = 4711;
    ::sigqueue(::getpid(), SIGTERM, value);
    REQUIRE(list.wait_for(3));
    CHECK(list.all[0].id == made.value().id());
    CHECK(list.all[0].number == SIGTERM);
    CHECK(list.all[0].code == SI_USER);
    CHECK(list.all[0].sender_os_pid == ::getpid());
    CHECK(list.all[0].sender_uid == ::getuid());
    CHECK(list.all[1].number == SIGUSR1);
    CHECK(list.all[2].code == SI_QUEUE);
    CHECK(list.all[2].value == 4711);
    on.end();
  }
}

TEST_CASE("signals with a queue of their own are each told, in order") {
  const int number = SIGRTMIN + 3;
  const blocked set{number};
  caught_list list;
  net_node on;
  auto worker = on->spawn<signal_worker>({}, list);
  REQUIRE(on->spawn_meta<signals::watcher>({.numbers = {number}, .worker = worker.value().id()}));
  for (int i = 0; i < 100; ++i) {
    ::sigval value{};
    value.sival_int = i;
    REQUIRE(::sigqueue(::getpid(), number, value) == 0);
  }
  REQUIRE(list.wait_for(100));
  for (int i = 0; i < 100; ++i) CHECK(list.all[static_cast<std::size_t>(i)].value == i);
  on.end();
}

TEST_CASE("a signal that the host has not blocked is an error of the spawn, which names it") {
  const blocked set{SIGTERM, SIGUSR2};
  caught_list list;
  net_node on;
  auto worker = on->spawn<signal_worker>({}, list);
  const auto refused = [&](std::vector<int> numbers) {
    return on
        ->spawn_meta<signals::watcher>(
            {.numbers = std::move(numbers), .worker = worker.value().id()})
        .error();
  };
  CHECK(refused({SIGTERM, SIGUSR1, SIGUSR2}).place ==
        "signals::watcher: not blocked: signal " + std::to_string(SIGUSR1));
  CHECK(refused({SIGHUP}).place == std::string_view{"signals::watcher: not blocked: signal 1"});
  for (const std::vector<int>& wrong :
       std::vector<std::vector<int>>{{}, {0}, {-1}, {65}, {SIGKILL}, {SIGSTOP}}) {
    const error why = refused(wrong);
    CHECK(why.code == error_code::bad_argument);
    CHECK(why.place == std::string_view{"signals::watcher: numbers"});
  }
  CHECK(on->spawn_meta<signals::watcher>({.numbers = {SIGTERM}}).error().place ==
        std::string_view{"signals::watcher: worker"});
  // The node's own threads block all signals; that alone is not enough.
  std::atomic<int> verdict{0};
  worker.value().send(watch_errand{[&](signal_worker& self) {
    auto made = self.spawn_meta<signals::watcher>({.numbers = {SIGHUP}});
    auto good = self.spawn_meta<signals::watcher>({.numbers = {SIGTERM}});
    verdict = !made && good ? 1 : 2;
  }});
  REQUIRE(eventually([&] { return verdict != 0; }));
  CHECK(verdict == 1);
  on.end();
}

TEST_CASE("of several watchers of a signal one is told each time") {
  const blocked set{SIGUSR1};
  caught_list list;
  net_node on;
  net_node other;
  auto worker = on->spawn<signal_worker>({}, list);
  auto other_worker = other->spawn<signal_worker>({}, list);
  REQUIRE(on->spawn_meta<signals::watcher>({.numbers = {SIGUSR1}, .worker = worker.value().id()}));
  REQUIRE(on->spawn_meta<signals::watcher>({.numbers = {SIGUSR1}, .worker = worker.value().id()}));
  REQUIRE(other->spawn_meta<signals::watcher>(
      {.numbers = {SIGUSR1}, .worker = other_worker.value().id()}));
  for (std::size_t i = 1; i <= 50; ++i) {
    ::kill(::getpid(), SIGUSR1);
    REQUIRE(list.wait_for(i));
  }
  CHECK(list.all.size() == 50);
  const auto stopped = other->stop(patience);
  CHECK(stopped.is_clean());
}

TEST_CASE("a watcher ends when asked to and with its worker, and the signal stays blocked") {
  const blocked set{SIGUSR1};
  caught_list list;
  net_node on;
  for (const exit_reason& reason : {exit_reason::shutdown(), exit_reason::killed()}) {
    auto worker = on->spawn<signal_worker>({}, list);
    auto made =
        on->spawn_meta<signals::watcher>({.numbers = {SIGUSR1}, .worker = worker.value().id()});
    REQUIRE(made);
    on->exit(made.value().id(), reason);
    REQUIRE(eventually([&] { return on->messages().alive == 1; }));
    worker.value().exit();
    REQUIRE(eventually([&] { return on->messages().alive == 0; }));
  }
  ::kill(::getpid(), SIGUSR1);  // Nobody watches: pending, for the next watcher.
  auto worker = on->spawn<signal_worker>({}, list);
  REQUIRE(on->spawn_meta<signals::watcher>({.numbers = {SIGUSR1}, .worker = worker.value().id()}));
  REQUIRE(list.wait_for(1));
  worker.value().exit();
  REQUIRE(eventually([&] { return on->messages().alive == 1; }));
  ::kill(::getpid(), SIGUSR1);  // Nobody is left to tell.
  REQUIRE(eventually([&] { return on->messages().alive == 0; }));
  on.end();
}

TEST_CASE("signals that a full mailbox refuses are counted in the next one") {
  const int number = SIGRTMIN + 4;
  const blocked set{number};
  caught_list list;
  latch go_on;
  net_node on{{.io_threads = 1}};
  auto worker = on->spawn<signal_worker>({.mailbox_max = 5}, list, &go_on);
  REQUIRE(on->spawn_meta<signals::watcher>({.numbers = {number}, .worker = worker.value().id()}));
  for (int i = 0; i < 50; ++i) REQUIRE(::sigqueue(::getpid(), number, {}) == 0);
  REQUIRE(eventually([&] { return on->messages().full != 0; }));
  const ::timespec none{};
  ::sigset_t pending;
  do {
    std::this_thread::sleep_for(1ms);
    ::sigpending(&pending);
  } while (::sigismember(&pending, number) == 1);
  std::this_thread::sleep_for(5ms);
  static_cast<void>(none);
  go_on.open();
  REQUIRE(list.wait_for(5));
  REQUIRE(::sigqueue(::getpid(), number, {}) == 0);
  const auto told = [&] {
    const std::lock_guard lock{list.guard};
    std::size_t count = list.all.size();
    for (const auto& each : list.all) count += each.lost;
    return count;
  };
  REQUIRE(eventually([&] { return told() >= 51; }));
  CHECK(told() == 51);
  on.end();
}
