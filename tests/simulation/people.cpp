#include <map>
#include <stdexcept>

#include "town.hpp"

namespace simulation {
namespace {

struct letter {
  std::uint64_t from;    // an incarnation
  std::uint64_t number;  // of the pair
  std::uint32_t hops_left;
};
struct act {
  std::int64_t not_before_ns;
};
struct junk {};

// Everybody of a town.
struct person : sluice::actor<person, letter, act, junk, question,
                              sluice::completion<sluice::restart_child>> {
  person(town* of, std::uint32_t index) : at(*of), own(index), name(of->next_name++) {}

  void on_start() {
    if (at.happens(mishap::exception_in_start, 20)) throw std::runtime_error{"not today"};
    at.people[own].who = self();
    static_cast<void>(join_group("group" + std::to_string(own % 16)));
    rest();
  }

  void on(letter message) {
    std::uint64_t& wanted = expected[message.from];
    if (message.number != wanted) {
      at.complain("order: letter " + std::to_string(message.number) +
                  " of a pair comes as number " + std::to_string(wanted));
    }
    wanted = message.number + 1;
    if (at.happens(mishap::exception_in_handler, 20000)) throw std::runtime_error{"a bad letter"};
    if (message.hops_left > 0) write(message.hops_left - 1);
  }
  void on(junk) {}
  void on(const sluice::completion<sluice::restart_child>&) {}
  void on(question asked, sluice::reply_to<question> to) {
    // It is lost with what holds it, and who asked is told so.
    if (at.happens(mishap::leave_answer_open, 50)) return;
    to.reply(asked.value + 1);
  }

  sluice::task<void> on(act due) {
    if (at.now() < due.not_before_ns) at.complain("time: a timer fires early");
    rest();
    for (std::uint64_t i = at.draw(4); i > 0; --i) write(static_cast<std::uint32_t>(at.draw(96)));
    if (at.draw(4) == 0) send_to_group("group" + std::to_string(at.draw(16)), junk{});
    mishaps();
    if (at.draw(3) == 0) {
      const sluice::pid who = at.happens(mishap::call_nobody, 20) ? sluice::pid{} : somebody();
      const bool is_hasty = at.happens(mishap::call_times_out, 20);
      const question asked{at.draw(1000)};
      const auto answer = co_await call(who, asked, is_hasty ? 1ns : 10s);
      if (answer && answer.value() != asked.value + 1) at.complain("a call has another answer");
    }
  }

 private:
  void rest() {
    const auto delay =
        1 + static_cast<std::int64_t>(at.draw(2 * static_cast<std::uint64_t>(at.how().act_ns)));
    const std::int64_t early = at.is_planted(defect::early_timer) ? 1'000'000 : 0;
    pending = send_after(std::chrono::nanoseconds{delay - std::min(early, delay - 1)}, self(),
                         act{at.now() + delay});
  }
  sluice::pid somebody() { return at.people[at.draw(at.people.size())].who; }

  void write(std::uint32_t hops) {
    const sluice::pid to = somebody();
    std::uint64_t& number = given[to];
    const letter next{name, number, hops};
    if (at.is_planted(defect::lost_letter) && at.draw(500) == 0) {
      number += 1;
      return;
    }
    if (at.is_planted(defect::swapped_letters) && at.draw(500) == 0) {
      send(to, letter{name, number + 1, 0});
      send(to, next);
      number += 2;
      return;
    }
    if (send(to, next) == sluice::send_outcome::accepted) number += 1;
    if (at.is_planted(defect::doubled_letter) && at.draw(500) == 0) send(to, next);
  }

  void mishaps() {
    if (at.happens(mishap::kill_other, 60)) exit(somebody(), sluice::exit_reason::killed());
    if (at.happens(mishap::shut_down_other, 60)) exit(somebody(), sluice::exit_reason::shutdown());
    if (at.happens(mishap::kill_supervisor, 300)) {
      exit(at.districts[at.draw(at.districts.size())], sluice::exit_reason::killed());
    }
    if (at.happens(mishap::kill_server, 1000)) exit(at.server, sluice::exit_reason::killed());
    if (at.happens(mishap::kill_client, 200)) {
      exit(at.callers[at.draw(at.callers.size())].who, sluice::exit_reason::error("hung up"));
    }
    if (at.happens(mishap::fill_mailbox, 50)) {
      const sluice::pid to = somebody();
      for (int i = 0; i < 100; ++i) send(to, junk{});
    }
    if (at.happens(mishap::cancel_timer, 50)) {
      pending.cancel();
      rest();
    }
    if (at.happens(mishap::timer_storm, 50)) {
      for (int i = 0; i < 50; ++i) {
        send_after(std::chrono::nanoseconds{at.draw(1000)}, self(), junk{});
      }
    }
    if (at.happens(mishap::restart_by_hand, 100)) {
      // The answer comes to nobody who waits.
      static_cast<void>(request(
          at.districts[at.draw(at.districts.size())],
          sluice::restart_child{sluice::child_name{std::to_string(at.draw(at.people.size()))}}));
    }
    if (at.happens(mishap::spawn_and_forget, 50)) {
      static_cast<void>(spawn<forgotten>());
    }
    if (at.happens(mishap::exit_normal, 100)) exit();
    if (at.happens(mishap::exit_error, 100)) exit(sluice::exit_reason::error("fed up"));
  }

  // Ends by itself.
  struct forgotten : sluice::actor<forgotten, junk> {
    void on_start() { send_after(1min, self(), junk{}); }
    void on(junk) { exit(); }
  };

  town& at;
  std::uint32_t own;
  std::uint64_t name;
  sluice::timer pending;
  std::map<std::uint64_t, std::uint64_t> expected;
  struct before {
    bool operator()(const sluice::pid& a, const sluice::pid& b) const {
      return std::pair{a.slot, a.generation} < std::pair{b.slot, b.generation};
    }
  };
  std::map<sluice::pid, std::uint64_t, before> given;
};

// Echoes what connections bring, and is the server's owner.
struct echo : sluice::actor<echo> {
  explicit echo(town* of) : at(*of) {}
  sluice::result<void> on_start() {
    sluice::tcp::server_options options;
    options.port = at.port;
    options.port_bound = &at.port;
    options.connection.framing = {.by = sluice::frames::varint{}};
    auto made = spawn_meta<sluice::tcp::server>(options);
    if (!made) return made.error();
    at.server = made.value();
    monitor(at.server);
    return {};
  }
  void on(const sluice::down&) { exit(sluice::exit_reason::error("the server is gone")); }
  void on(sluice::tcp::data message) {
    if (at.happens(mishap::reset_connection, 200)) {
      exit(message.id, sluice::exit_reason::killed());
      return;
    }
    if (at.is_planted(defect::silent_echo)) return;
    send(message.id, sluice::tcp::data{message.id, std::move(message.bytes)});
  }
  void on(const sluice::tcp::connected&) {}
  void on(const sluice::tcp::disconnected&) {}
  town& at;
};

// Sends lines over a connection that is made again and again, and hears them back in order.
struct caller : sluice::actor<caller, act> {
  caller(town* of, std::uint32_t index) : at(*of), own(index) {}
  sluice::result<void> on_start() {
    at.callers[own].who = self();
    sluice::tcp::client_options options;
    options.port = at.port;
    options.reconnect = {.enabled = true, .backoff_min = 50ms, .backoff_max = 1000ms};
    options.connection.framing = {.by = sluice::frames::varint{}};
    auto made = spawn_meta<sluice::tcp::client>(options);
    if (!made) return made.error();
    client = made.value();
    monitor(client);
    rest();
    return {};
  }
  void on(const sluice::down&) { exit(sluice::exit_reason::error("the client is gone")); }
  void on(const sluice::tcp::connected&) {
    is_connected = true;
    sent = heard = 0;
    speak();
  }
  void on(const sluice::tcp::disconnected&) { is_connected = false; }
  void on(const sluice::tcp::connect_failed&) {}
  void on(const sluice::tcp::data& message) {
    const std::string text{reinterpret_cast<const char*>(message.bytes.data()),
                           message.bytes.size()};
    if (text != std::to_string(heard))
      at.complain("stream: line " + std::to_string(heard) + " is " + text);
    heard += 1;
    at.callers[own].answers += 1;
  }
  void on(act due) {
    if (at.now() < due.not_before_ns) at.complain("time: a caller's timer fires early");
    if (is_connected) speak();
    rest();
  }

 private:
  void rest() {
    const auto delay = static_cast<std::int64_t>(1 + at.draw(60'000'000'000));
    send_after(std::chrono::nanoseconds{delay}, self(), act{at.now() + delay});
  }
  void speak() {
    for (int i = 0; i < 3; ++i) {
      send(client, sluice::tcp::data{client, sluice::bytes::copy_of(std::to_string(sent))});
      sent += 1;
    }
  }
  town& at;
  std::uint32_t own;
  sluice::alias client{};
  bool is_connected = false;
  std::uint64_t sent = 0;
  std::uint64_t heard = 0;
};

// A supervisor that says where it is.
struct district : sluice::supervisor {
  district(town* of, std::uint32_t index, const sluice::supervisor_options& options,
           sluice::children first)
      : sluice::supervisor(options, std::move(first)), at(*of), own(index) {}
  sluice::result<void> on_start() {
    at.districts[own] = self();
    return sluice::supervisor::on_start();
  }
  town& at;
  std::uint32_t own;
};

constexpr sluice::restart_limit any_number{.restarts_max = sluice::restart_limit::unlimited};

sluice::child_options named(std::string id, std::uint32_t mailbox_max = 0) {
  sluice::child_options options;
  options.id = std::move(id);
  options.mailbox_max = mailbox_max;
  options.backoff = {.first = 10ms, .max = 1s};
  return options;
}

}  // namespace

sluice::result<void> settle(sluice::node& in, town& of) {
  constexpr std::uint32_t per_district = 8;
  constexpr sluice::restart_strategy strategies[] = {sluice::restart_strategy::one_for_one,
                                                     sluice::restart_strategy::rest_for_one,
                                                     sluice::restart_strategy::all_for_one};
  const auto people = static_cast<std::uint32_t>(of.people.size());
  const std::uint32_t count = (people + per_district - 1) / per_district;
  of.districts.resize(count);
  sluice::children districts;
  sluice::child_options outside = named("echo");
  districts.push_back(sluice::child<echo>(outside, &of));
  for (std::uint32_t i = 0; i < of.callers.size(); ++i) {
    districts.push_back(sluice::child<caller>(named("caller" + std::to_string(i)), &of, i));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    sluice::children inside;
    for (std::uint32_t j = i * per_district; j < std::min(people, (i + 1) * per_district); ++j) {
      sluice::child_options options = named(std::to_string(j), j % 5 == 0 ? 64 : 0);
      if (j == 0 && of.is_planted(defect::dead_person)) {
        options.restart = sluice::restart_policy::temporary;
      }
      inside.push_back(sluice::child<person>(options, &of, j));
    }
    const sluice::supervisor_options options{.strategy = strategies[i % 3], .limit = any_number};
    districts.push_back(sluice::child<district>(named("district" + std::to_string(i)), &of, i,
                                                options, std::move(inside)));
  }
  auto top = in.spawn<sluice::supervisor>(
      {.name = "top"}, sluice::supervisor_options{.limit = any_number}, std::move(districts));
  if (!top) return top.error();
  return {};
}

}  // namespace simulation
