// chat_app: the messages between the actors of chat-app, its plan, and what it leaves for the
// checks. chat_app.cpp has the protocol.
#pragma once

#include <array>
#include <vector>

#include "program.hpp"

namespace suites::chat_app {

enum class action : std::uint8_t { compute, post, leave, invite, none };
inline constexpr std::size_t action_count = 5;
using action_counts = std::array<std::uint64_t, action_count>;

/// What the command line asks for; shares are percentages.
struct plan {
  std::uint64_t clients, directories, turns;
  std::uint64_t compute, post, leave, invite;  ///< of actions, 100 in all
  std::uint64_t befriend;                      ///< of pairs in a directory, twice asked
  std::uint64_t fib;                           ///< the number that a computing client works out
};

/// Of one client, when it has ended.
struct client_tally {
  action_counts chosen{};
  std::uint64_t acts = 0;
  std::uint64_t unable = 0;                   ///< acts that found no chat to post to or to leave
  std::uint64_t friends = 0, friend_ids = 0;  ///< how many, the sum of their ids
  std::uint64_t chats = 0, invitations = 0;   ///< made by it
  std::uint64_t joined = 0, left = 0;         ///< memberships, but the first of its own chats
  std::uint64_t left_at_logout = 0;           ///< of `left`
  std::uint64_t received = 0;
};

struct outcome {
  plan asked;
  std::vector<client_tally> clients{};
  action_counts settled{};  ///< by the accumulators' account
  std::uint64_t delivered = 0;
  double turn_ms = 0;  ///< sum over the turns
};

// To a client. Where an accumulator is named, it is that of the turn.
struct befriend {
  sluice::pid who;
  std::uint64_t id;
};
inline void spoil(befriend& message) { ++message.id; }
struct act {
  sluice::pid accumulator;
  std::uint64_t turn;
};
inline void spoil(act& message) { ++message.turn; }
struct accepted {
  sluice::pid chat;
  sluice::pid accumulator;
  std::uint32_t member;
  std::uint32_t replayed;  ///< posts of before that follow
};
inline void spoil(accepted& message) { ++message.replayed; }
struct forwarded {
  sluice::pid accumulator;
  std::uint64_t chat_id;
  std::uint32_t member;
  std::uint32_t number;  ///< of the post in its chat
};
inline void spoil(forwarded& message) { ++message.number; }
struct left {
  sluice::pid accumulator;
  std::uint64_t chat_id;
  std::uint32_t member;
  std::uint32_t posts;  ///< that this member was sent
};
inline void spoil(left& message) { ++message.posts; }
struct logout {};

// To a chat.
struct posted {
  sluice::pid accumulator;
};
struct join {
  sluice::pid client;
  sluice::pid accumulator;
};
inline void spoil(join& message) { message.client = {}; }
struct leave {
  sluice::pid client;
  sluice::pid accumulator;  ///< none at a logout
  std::uint32_t member;
};
inline void spoil(leave& message) { message.member = ~message.member; }

// To an accumulator. An action is settled once, and announces what will be delivered because of it.
struct settled {
  action what;
  std::uint64_t announced;
};
inline void spoil(settled& message) { ++message.announced; }
struct delivered {
  std::uint64_t announced;
};
inline void spoil(delivered& message) { ++message.announced; }
struct print {};

// To a directory.
struct login {
  std::uint64_t id;
};
inline void spoil(login& message) { ++message.id; }
struct befriend_all {};
struct poke {
  sluice::pid accumulator;
  std::uint64_t turn;
};
inline void spoil(poke& message) { ++message.turn; }
struct disconnect {};
struct client_left {
  std::uint64_t id;
};
inline void spoil(client_left& message) { ++message.id; }

// To the poker.
struct start {};
struct confirm {
  std::uint64_t turn;
};
inline void spoil(confirm& message) { ++message.turn; }
struct finished {};
struct collected {
  action_counts settled;
  std::uint64_t delivered;
  double turn_ms;
};
inline void spoil(collected& message) { ++message.delivered; }

/// A client of `directory`.
struct client_options {
  outcome& left_behind;
  sluice::pid directory;
  std::uint64_t id;
  std::int64_t seed;
};

}  // namespace suites::chat_app
