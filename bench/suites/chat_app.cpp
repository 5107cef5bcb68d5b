// chat_app: "Run, Actor, Run", a chat service of many short-lived groups. Clients of directories
// act in turns: compute, post to a chat, leave one, or make one and invite friends.
//
//   driver --start--> poker, makes the directories and, for each turn, an accumulator
//   poker --login(id)--> directory, makes the client;   poker --befriend_all--> directory
//   directory --befriend--> two clients, for each pair that it draws
//   poker --poke--> directory --act--> each client      turn after turn, not awaiting one
//     compute   client --settled--> accumulator
//     post      client --posted--> chat --settled(n)--> accumulator, chat --forwarded--> its n
//     members
//               member --delivered--> accumulator
//     leave     client --leave--> chat --left--> client --settled--> accumulator
//     invite    client makes a chat --join--> it, for each of n friends; --settled(n)-->
//     accumulator
//               chat --accepted--> friend --delivered--> accumulator; then what was posted before
//   accumulator --confirm--> poker, when all actions are settled and all that they announced is
//     delivered; after the last turn:
//   poker --disconnect--> directory --logout--> client --leave--> its chats --left--> client
//   client --client_left--> directory --finished--> poker, after the last of all
//   poker --print--> accumulator --collected--> poker
#include "chat_app.hpp"

#include <algorithm>

#include "chat_client.hpp"

namespace suites {

namespace chat_app {

namespace {

class accumulator : public player<accumulator, settled, delivered, print> {
 public:
  accumulator(sluice::pid poker, std::uint64_t clients, std::uint64_t turn)
      : poker_(poker), turn_(turn), missing_(clients) {}

  void on(settled told) {
    require(missing_-- != 0, "each client settles one action in a turn");
    ++settled_[static_cast<std::size_t>(told.what)];
    announced_ += told.announced;
    confirm_if_over();
  }
  void on(delivered told) {
    ++delivered_;
    announced_ += told.announced;
    confirm_if_over();
  }
  void on(print) {
    require(is_confirmed_ && announced_ == delivered_, "what is announced is delivered once");
    send(poker_, collected{settled_, delivered_, turn_ms_});
    exit();
  }

 private:
  // Not too early, in whatever order messages of different senders come: what a post or an
  // invitation announces is known when it is settled; what an invited client adds, before it is
  // counted.
  void confirm_if_over() {
    if (missing_ != 0 || announced_ != delivered_) return;
    require(!is_confirmed_, "a turn ends once");
    is_confirmed_ = true;
    const std::chrono::duration<double, std::milli> taken = bench_clock::now() - begin_;
    turn_ms_ = taken.count();
    send(poker_, confirm{turn_});
  }

  const bench_clock::time_point begin_ = bench_clock::now();
  sluice::pid poker_;
  std::uint64_t turn_;
  std::uint64_t missing_;
  std::uint64_t announced_ = 0, delivered_ = 0;
  action_counts settled_{};
  double turn_ms_ = 0;
  bool is_confirmed_ = false;
};

class directory : public player<directory, login, befriend_all, poke, disconnect, client_left> {
 public:
  directory(outcome& left_behind, sluice::pid poker, std::int64_t seed)
      : outcome_(left_behind), poker_(poker), source_(seed) {}

  void on(login who) {
    if (who.id >= outcome_.clients.size()) return fail("a client has a known id");
    const client_options options{outcome_, self(), who.id, source_.next()};
    clients_.push_back({create<client>(options).id(), who.id});
    ids_ += who.id;
  }
  // Each is asked about all, again and again until it has a friend.
  void on(befriend_all) {
    if (clients_.size() < 2) return;
    constexpr int rounds_max = 65'536;  // The numbers come again then.
    for (const entry& one : clients_) {
      int round = 0;
      while (!has_befriended(one) && ++round < rounds_max) {
      }
      require(round < rounds_max, "everybody finds a friend");
    }
  }
  void on(poke turn) {
    for (const auto& each : clients_) send(each.who, act{turn.accumulator, turn.turn});
  }
  void on(disconnect) {
    for (const auto& each : clients_) send(each.who, logout{});
    end_if_empty();
  }
  void on(client_left who) {
    ids_ -= who.id;
    ++gone_;
    end_if_empty();
  }

 private:
  struct entry {
    sluice::pid who;
    std::uint64_t id;
  };
  bool has_befriended(const entry& one) {
    const auto share = static_cast<std::int64_t>(outcome_.asked.befriend);
    bool has_friend = false;
    for (const entry& other : clients_) {
      if (source_.next_below(100) >= share || &one == &other) continue;
      send(other.who, befriend{one.who, one.id});
      send(one.who, befriend{other.who, other.id});
      has_friend = true;
    }
    return has_friend;
  }
  void end_if_empty() {
    if (gone_ != clients_.size()) return;
    require(ids_ == 0, "those who leave are those who came");
    send(poker_, finished{});
    exit();
  }

  outcome& outcome_;
  sluice::pid poker_;
  pseudo_random source_;
  std::vector<entry> clients_;
  std::uint64_t gone_ = 0;
  std::uint64_t ids_ = 0;  // sum over those who are here
};

class poker : public player<poker, confirm, finished, collected> {
 public:
  explicit poker(outcome& left_behind) : outcome_(left_behind), asked_(left_behind.asked) {}

  void on(start) {
    constexpr std::int64_t seed = 42;
    pseudo_random source{seed};
    for (std::uint64_t i = 0; i < asked_.directories; ++i) {
      directories_.push_back(create<directory>(outcome_, self(), source.next()));
    }
    for (std::uint64_t i = 0; i < asked_.clients; ++i) {
      send(directories_[i % directories_.size()], login{i});
    }
    if (asked_.befriend != 0) {
      for (const auto& each : directories_) send(each, befriend_all{});
    }
    for (std::uint64_t i = 0; i < asked_.turns; ++i) {
      turns_.push_back(create<accumulator>(self(), asked_.clients, i));
      for (const auto& each : directories_) send(each, poke{turns_.back().id(), i});
    }
  }
  void on(confirm turn) {
    turn_numbers_ += turn.turn;
    if (++confirmed_ != asked_.turns) return;
    require(turn_numbers_ == asked_.turns * (asked_.turns - 1) / 2, "each turn is confirmed");
    for (const auto& each : directories_) send(each, disconnect{});
  }
  void on(finished) {
    if (++finished_ != directories_.size()) return;
    for (const auto& each : turns_) send(each, print{});
  }
  void on(const collected& one) {
    for (std::size_t i = 0; i < action_count; ++i) outcome_.settled[i] += one.settled[i];
    outcome_.delivered += one.delivered;
    outcome_.turn_ms += one.turn_ms;
    if (++collected_ != asked_.turns) return;
    exit();
    arrive();
  }

 private:
  outcome& outcome_;
  const plan& asked_;
  std::vector<sluice::handle<directory>> directories_;
  std::vector<sluice::handle<accumulator>> turns_;
  std::uint64_t confirmed_ = 0, turn_numbers_ = 0, finished_ = 0, collected_ = 0;
};

client_tally sum_of(const std::vector<client_tally>& clients) {
  client_tally sum;
  for (std::size_t id = 0; id < clients.size(); ++id) {
    const client_tally& each = clients[id];
    for (std::size_t i = 0; i < action_count; ++i) sum.chosen[i] += each.chosen[i];
    sum.acts += each.acts;
    sum.unable += each.unable;
    sum.friends += each.friends;
    sum.friend_ids += (id + 1) * each.friend_ids;
    sum.chats += each.chats;
    sum.invitations += each.invitations;
    sum.joined += each.joined;
    sum.left += each.left;
    sum.left_at_logout += each.left_at_logout;
    sum.received += each.received;
  }
  return sum;
}

std::uint64_t count_of(const action_counts& all, action what) noexcept {
  return all[static_cast<std::size_t>(what)];
}

void check_sums(iteration& it, const outcome& left, const client_tally& sum) {
  const plan& asked = left.asked;
  const std::uint64_t actions = asked.clients * asked.turns;
  it.check_that(
      std::ranges::all_of(left.clients, [&](const auto& each) { return each.acts == asked.turns; }),
      "each client acts once in each turn");
  std::uint64_t settled = 0;
  for (const std::uint64_t each : left.settled) settled += each;
  it.check_that(settled == actions, "each action is settled once");
  it.check_that(
      count_of(left.settled, action::none) == sum.unable &&
          count_of(left.settled, action::compute) == count_of(sum.chosen, action::compute) &&
          count_of(left.settled, action::leave) == sum.left - sum.left_at_logout,
      "accumulators count what clients did");
  it.check_that(sum.joined == sum.invitations, "each invitation is accepted once");
  it.check_that(sum.left == sum.chats + sum.joined, "each membership ends once");
  it.check_that(left.delivered == sum.received + sum.joined, "deliveries are received");
}

// Of each kind, as the protocol above has them.
std::uint64_t messages_of(const outcome& left, const client_tally& sum) {
  const plan& asked = left.asked;
  const std::uint64_t actions = asked.clients * asked.turns;
  const std::uint64_t opening =
      1 + asked.clients + (asked.befriend == 0 ? 0 : asked.directories) + sum.friends;
  const std::uint64_t turns = asked.turns * asked.directories + 2 * actions;
  const std::uint64_t chats = count_of(left.settled, action::post) + sum.invitations +
                              2 * (sum.joined + sum.received) + 2 * sum.left;
  const std::uint64_t closing = 2 * asked.directories + 2 * asked.clients + 3 * asked.turns;
  return opening + turns + chats + closing;
}

void run(iteration& it) {
  outcome& left = it.keep<outcome>();
  left.asked = {it.parameter("clients"), it.parameter("directories"), it.parameter("turns"),
                it.parameter("compute"), it.parameter("post"),        it.parameter("leave"),
                it.parameter("invite"),  it.parameter("befriend"),    it.parameter("fib")};
  const plan& asked = left.asked;
  it.check_that(asked.compute + asked.post + asked.leave + asked.invite == 100,
                "the shares of actions are 100 in all");
  left.clients.resize(asked.clients);
  it.tell(it.spawn<poker>(left), start{});
  it.wait();
  const client_tally sum = sum_of(left.clients);
  check_sums(it, left, sum);
  it.check_that(it.spawned() == 1 + asked.directories + asked.turns + asked.clients + sum.chats,
                "so many actors are made");
  it.check_messages(messages_of(left, sum));
  it.check("computes", count_of(sum.chosen, action::compute));
  it.check("posts_or_none", count_of(sum.chosen, action::post));
  it.check("leaves_or_none", count_of(sum.chosen, action::leave));
  it.check("chats", sum.chats);
  it.check("invitations", sum.invitations);
  it.check("friends", sum.friends);
  it.check("friend_ids", sum.friend_ids);
  it.note("posts received", static_cast<double>(sum.received));
  it.note("actions that found no chat", static_cast<double>(sum.unable));
  it.note("mean time of a turn, ms", left.turn_ms / static_cast<double>(asked.turns));
}

}  // namespace

}  // namespace chat_app

constinit const program chat_app_default{"chat_app",
                                         "clients of a chat service act in turns",
                                         bound::by_messages,
                                         {{"clients", 1'024, 256, 32},
                                          {"directories", 8, 8, 4},
                                          {"turns", 32, 32, 8},
                                          {"compute", 55, 55, 55, 0},
                                          {"post", 25, 25, 25, 0},
                                          {"leave", 10, 10, 10, 0},
                                          {"invite", 10, 10, 10, 0},
                                          {"befriend", 10, 10, 10, 0},
                                          {"fib", 20, 20, 10}},
                                         &chat_app::run};
constinit const program chat_app_scalability{"chat_app_scalability",
                                             "chat_app: clients that compute only",
                                             bound::by_computing,
                                             {{"clients", 1'024, 256, 32},
                                              {"directories", 24, 24, 6},
                                              {"turns", 16, 16, 4},
                                              {"compute", 100, 100, 100, 0},
                                              {"post", 0, 0, 0, 0},
                                              {"leave", 0, 0, 0, 0},
                                              {"invite", 0, 0, 0, 0},
                                              {"befriend", 10, 10, 10, 0},
                                              {"fib", 20, 20, 10}},
                                             &chat_app::run};
constinit const program chat_app_mailbox{"chat_app_mailbox",
                                         "chat_app: posts to groups that grow",
                                         bound::by_messages,
                                         {{"clients", 256, 128, 32},
                                          {"directories", 8, 8, 4},
                                          {"turns", 64, 32, 4},
                                          {"compute", 0, 0, 0, 0},
                                          {"post", 80, 80, 80, 0},
                                          {"leave", 0, 0, 0, 0},
                                          {"invite", 20, 20, 20, 0},
                                          {"befriend", 100, 100, 100, 0},
                                          {"fib", 20, 20, 10}},
                                         &chat_app::run};
constinit const program chat_app_message{"chat_app_message",
                                         "chat_app: two clients that have nothing to leave",
                                         bound::by_messages,
                                         {{"clients", 2, 2, 2},
                                          {"directories", 1, 1, 1},
                                          {"turns", 32'768, 4'096, 64},
                                          {"compute", 0, 0, 0, 0},
                                          {"post", 0, 0, 0, 0},
                                          {"leave", 100, 100, 100, 0},
                                          {"invite", 0, 0, 0, 0},
                                          {"befriend", 10, 10, 10, 0},
                                          {"fib", 20, 20, 10}},
                                         &chat_app::run};
constinit const program chat_app_actorgc{"chat_app_actorgc",
                                         "chat_app: groups come and go",
                                         bound::by_messages,
                                         {{"clients", 2'048, 512, 32},
                                          {"directories", 8, 8, 4},
                                          {"turns", 128, 32, 16},
                                          {"compute", 0, 0, 0, 0},
                                          {"post", 90, 90, 90, 0},
                                          {"leave", 5, 5, 5, 0},
                                          {"invite", 5, 5, 5, 0},
                                          {"befriend", 10, 10, 10, 0},
                                          {"fib", 20, 20, 10}},
                                         &chat_app::run};

}  // namespace suites
