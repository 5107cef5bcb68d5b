// Ports, files and signals on a driver that fails as the plan or the dice say: each ends exactly
// once, tells what it could not do, and leaves nothing.
#include <signal.h>
#include <string.h>

#include <set>

#include "base/temporary_folder.hpp"
#include "io/simulation.hpp"
#include "net/port_fixture.hpp"

using namespace port_test;
using io::fault;
using io::fault_kind;
using io::op_site;
using io::request_kind;

namespace {

io::simulation_options with_programs(std::uint64_t seed, io::simulation_odds odds) {
  io::simulation_options options;
  options.seed = seed;
  options.has_real_peers = true;
  options.odds = odds;
  return options;
}

node_options on_simulation(io::simulation& plan) {
  node_options options;
  options.schedulers = 1;
  options.driver = driver_choice::simulated;
  options.simulation = &plan;
  return options;
}

bool is_retried(int os_error) { return os_error == EINTR || os_error == EAGAIN; }

/// All errors of what a place asks for.
std::set<int> errors_of(std::initializer_list<request_kind> kinds) {
  std::set<int> all;
  for (const request_kind each : kinds) {
    for (const int os_error : io::errors_of(each)) all.insert(os_error);
  }
  return all;
}

/// A program that gives back what it is sent; the story of it.
story run_cat(port_host& host) {
  const auto made = host.run({.argv = {"cat"}, .deliver = port::lines{}});
  for (const char* const each : {"one\n", "two\n", "three\n"}) {
    made.send(port::input{{}, bytes::copy_of(std::string_view{each})});
  }
  made.send(port::close_input{});
  return host.notes.of(made.id());
}

/// What file metas tell.
struct clerk_notes {
  std::mutex guard;
  std::condition_variable changed;
  std::string text;
  std::vector<file::ended> ends;
  std::vector<int> outcomes;  // of writes, then of the sync
  std::vector<std::uint64_t> sizes;

  [[nodiscard]] bool wait_for(std::size_t end_count, std::size_t outcome_count) {
    std::unique_lock lock{guard};
    return changed.wait_for(lock, patience, [&] {
      return ends.size() >= end_count && outcomes.size() >= outcome_count;
    });
  }
};
struct append_order {
  alias to;
};
struct clerk : actor<clerk, append_order> {
  explicit clerk(clerk_notes& told_) : told(told_) {}
  void on(append_order order) {
    for (std::uint64_t i = 0; i < 3; ++i) {
      send(order.to, file::write{order.to, i, bytes::copy_of(std::string_view{"0123456789"})});
    }
    send(order.to, file::sync{order.to, 3});
  }
  void on(const file::data& part) {
    note([&] { told.text.append(part.bytes.text()); });
  }
  void on(const file::ended& last) {
    note([&] { told.ends.push_back(last); });
  }
  void on(const file::written& one) {
    note([&] {
      told.outcomes.push_back(one.os_error);
      told.sizes.push_back(one.bytes_written);
    });
  }
  void on(const file::synced& one) {
    note([&] { told.outcomes.push_back(one.os_error); });
  }
  template <class Change>
  void note(Change&& how) {
    const std::lock_guard lock{told.guard};
    how();
    told.changed.notify_all();
  }
  clerk_notes& told;
};

struct signal_notes {
  std::mutex guard;
  std::condition_variable changed;
  int count = 0;
};
struct guard_dog : actor<guard_dog> {
  explicit guard_dog(signal_notes& told_) : told(told_) {}
  void on(const signals::caught&) {
    const std::lock_guard lock{told.guard};
    ++told.count;
    told.changed.notify_all();
  }
  signal_notes& told;
};

}  // namespace

TEST_CASE("io faults: a port whose pipes fail tells what is missing, and ends once") {
  for (const op_site site : {op_site::pipe_read, op_site::pipe_write, op_site::child_exit}) {
    const bool is_write = site == op_site::pipe_write;
    for (const int os_error : is_write ? errors_of({request_kind::write, request_kind::poll})
                                       : errors_of({request_kind::read, request_kind::poll})) {
      for (std::uint64_t nth = 1; nth <= 3; ++nth) {
        if (site == op_site::child_exit && nth > 1) continue;
        INFO(io::to_string(site) << ", " << ::strerrorname_np(os_error) << ", the " << nth);
        io::simulation plan{with_programs(nth, {0, 0, 0, 0, 0, 0})};
        plan.inject({site, fault_kind::error, os_error, nth});
        port_host host{nullptr, 0, on_simulation(plan)};
        const story told = run_cat(host);
        CHECK(plan.fired_count() == 1);
        CHECK(told.end.is_known);
        const bool is_harmless = is_retried(os_error) || site == op_site::child_exit;
        const std::vector<std::string> all{"one", "two", "three"};
        if (is_harmless) {
          CHECK(told.parts == all);
          CHECK(told.end.is_output_complete);
          CHECK(told.end.input_bytes_lost == 0);
          CHECK(told.end.code == 0);
        } else if (is_write) {
          REQUIRE(told.lost.size() == 1);
          CHECK(told.lost[0].os_error == os_error);
          CHECK(told.end.input_bytes + told.end.input_bytes_lost == 14);
          CHECK(told.end.input_bytes_lost > 0);
          CHECK(told.end.is_output_complete);
        } else {
          CHECK(!told.end.is_output_complete);
        }
        host.end();
      }
    }
  }
}

TEST_CASE("io faults: a port loses nothing when what it asks for comes late and in crumbs") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  for (std::uint64_t round = 0; round < 20; ++round) {
    io::simulation plan{with_programs(seed + round, io::simulation_odds{})};
    port_host host{nullptr, 0, on_simulation(plan)};
    for (int i = 0; i < 3; ++i) {
      const story told = run_cat(host);
      CHECK(told.parts == std::vector<std::string>{"one", "two", "three"});
      CHECK(told.end.is_output_complete);
      CHECK(told.end.code == 0);
    }
    const auto made = host.run({.argv = {"sleep", "1000"}});
    host.on->exit(made.id(), round % 2 == 0 ? exit_reason::shutdown() : exit_reason::killed());
    const story told = host.notes.of(made.id());
    CHECK(told.end.signal == (round % 2 == 0 ? SIGTERM : SIGKILL));
    host.end();
  }
}

TEST_CASE("io faults: a port ends once whatever fails, however often") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  for (std::uint64_t round = 0; round < 20; ++round) {
    io::simulation_odds odds;
    odds.error = 150;
    io::simulation plan{with_programs(seed + round, odds)};
    port_host host{nullptr, 0, on_simulation(plan)};
    for (int i = 0; i < 5; ++i) {
      const story told = run_cat(host);
      if (told.end.is_output_complete && told.end.input_bytes_lost == 0) {
        CHECK(told.parts == std::vector<std::string>{"one", "two", "three"});
      }
    }
    host.end();
  }
}

TEST_CASE("io faults: a file reader tells the error, and ends once") {
  const temporary_folder folder;
  const std::string content(3000, 'c');
  const std::string path = folder.file("read", content);
  for (const fault_kind kind : {fault_kind::error, fault_kind::cut_short}) {
    for (const int os_error : errors_of({request_kind::read})) {
      for (std::uint64_t nth = 1; nth <= 4; ++nth) {
        INFO(::strerrorname_np(os_error) << ", the " << nth);
        io::simulation plan{with_programs(nth, {0, 0, 0, 0, 0, 0})};
        plan.inject({op_site::file_read, kind, os_error, nth});
        clerk_notes told;
        net_node on{on_simulation(plan)};
        auto worker = on->spawn<clerk>({}, told);
        REQUIRE(on->spawn_meta<file::reader>(
            {.path = path, .chunk_bytes = 1000, .worker = worker.value().id()}));
        REQUIRE(told.wait_for(1, 0));
        CHECK(plan.fired_count() == 1);
        if (kind == fault_kind::cut_short || is_retried(os_error)) {
          CHECK(told.ends[0].os_error == 0);
          CHECK(told.text == content);
        } else {
          CHECK(told.ends[0].os_error == os_error);
          CHECK(told.text == content.substr(0, 1000 * (nth - 1)));
        }
        CHECK(told.ends[0].bytes_read == told.text.size());
        on.end();
        CHECK(told.ends.size() == 1);
      }
      if (kind == fault_kind::cut_short) break;  // It has no errno.
    }
  }
}

TEST_CASE("io faults: an appender tells each error to the order it met, and goes on") {
  for (const fault_kind kind : {fault_kind::error, fault_kind::cut_short}) {
    for (const int os_error : errors_of({request_kind::write, request_kind::sync})) {
      for (std::uint64_t nth = 1; nth <= 4; ++nth) {
        INFO(::strerrorname_np(os_error) << ", the " << nth);
        const temporary_folder folder;
        const std::string path = folder.file("appended");
        io::simulation plan{with_programs(nth, {0, 0, 0, 0, 0, 0})};
        if (kind == fault_kind::cut_short && nth == 4) continue;  // A sync has no size.
        plan.inject({op_site::file_write, kind, os_error, nth});
        clerk_notes told;
        net_node on{on_simulation(plan)};
        auto worker = on->spawn<clerk>({}, told);
        auto log = on->spawn_meta<file::appender>({.path = path});
        REQUIRE(log);
        worker.value().send(append_order{log.value().id()});
        REQUIRE(told.wait_for(0, 4));
        CHECK(plan.fired_count() == 1);
        const bool is_told = kind == fault_kind::error && !is_retried(os_error);
        for (std::size_t i = 0; i < 4; ++i) {
          CHECK(told.outcomes[i] == (is_told && i == nth - 1 ? os_error : 0));
        }
        std::uint64_t written_bytes = 0;
        for (const std::uint64_t each : told.sizes) written_bytes += each;
        CHECK(content_of(path).size() == written_bytes);
        CHECK(written_bytes == (is_told && nth <= 3 ? 20 : 30));
        on.end();
      }
      if (kind == fault_kind::cut_short) break;
    }
  }
}

TEST_CASE("io faults: a watcher whose signals cannot be read ends; one that may retry does") {
  ::sigset_t set, before;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  for (const int os_error : errors_of({request_kind::read, request_kind::poll})) {
    for (std::uint64_t nth = 1; nth <= 2; ++nth) {
      INFO(::strerrorname_np(os_error) << ", the " << nth);
      io::simulation plan{with_programs(nth, {0, 0, 0, 0, 0, 0})};
      plan.inject({op_site::signal_read, fault_kind::error, os_error, nth});
      signal_notes told;
      net_node on{on_simulation(plan)};
      auto worker = on->spawn<guard_dog>({}, told);
      REQUIRE(
          on->spawn_meta<signals::watcher>({.numbers = {SIGUSR1}, .worker = worker.value().id()}));
      ::kill(::getpid(), SIGUSR1);
      if (is_retried(os_error)) {
        std::unique_lock lock{told.guard};
        CHECK(told.changed.wait_for(lock, patience, [&] { return told.count == 1; }));
      } else {
        CHECK(eventually([&] { return on->messages().alive == 1; }));
        CHECK(told.count == 0);
      }
      on.end();
      const ::timespec none{};
      ::sigtimedwait(&set, nullptr, &none);  // What nobody read.
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}
