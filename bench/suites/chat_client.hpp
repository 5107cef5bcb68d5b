// chat_client: the clients of chat-app and the chats that they make.
#pragma once

#include <vector>

#include "../harness/random.hpp"
#include "chat_app.hpp"

namespace suites::chat_app {

/// Ends when its last member has left: by then nobody can reach it. Its maker invites before it can
/// leave, and a client says nothing to a chat after it has said that it leaves.
class chat : public player<chat, posted, join, leave> {
 public:
  chat(std::uint64_t id, sluice::pid maker) : id_(id), members_{{maker, 0}} {}

  void on(posted made);
  void on(join asked);
  void on(leave asked);

 private:
  struct member {
    sluice::pid client;
    std::uint32_t number;
  };
  void forward_to(const member& one, std::uint32_t number, sluice::pid accumulator);

  std::uint64_t id_;
  std::vector<member> members_;
  std::uint32_t members_ever_ = 1;
  std::uint32_t posts_ = 0;  // The published buffer of posts; they are empty.
};

class client : public player<client, befriend, act, accepted, forwarded, left, logout> {
 public:
  explicit client(const client_options& given)
      : asked_(given.left_behind.asked),
        result_(given.left_behind.clients[given.id]),
        directory_(given.directory),
        id_(given.id),
        source_(given.seed) {}

  void on(befriend one);
  void on(act turn);
  void on(accepted told);
  void on(forwarded got);
  void on(left told);
  void on(logout);

 private:
  struct membership {
    sluice::pid chat;
    std::uint32_t member;
  };
  // Of posts by number: exactly once when both sums agree in the end.
  struct deliveries {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;  // modulo 2^64, each number weighed by its chat and member

    friend bool operator==(const deliveries&, const deliveries&) = default;
  };

  [[nodiscard]] action draw_action();
  [[nodiscard]] std::uint64_t draw_below(std::uint64_t limit);
  void shuffle_friends();
  void compute(sluice::pid accumulator);
  void post_to(std::uint64_t index, sluice::pid accumulator);
  void leave_one(std::uint64_t index, sluice::pid accumulator);
  void invite(sluice::pid accumulator);
  void settle(sluice::pid accumulator, action what, std::uint64_t announced = 0);
  void end_if_alone();

  const plan& asked_;
  client_tally& result_;
  client_tally so_far_{};
  sluice::pid directory_;
  std::uint64_t id_;
  pseudo_random source_;
  std::vector<sluice::pid> friends_;
  std::vector<membership> chats_;
  deliveries received_{}, sent_to_it_{};
  std::uint64_t leaving_ = 0;  // leaves without an answer
  bool is_logged_out_ = false;
};

}  // namespace suites::chat_app
