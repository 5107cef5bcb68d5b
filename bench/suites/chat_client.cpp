#include "chat_client.hpp"

#include <algorithm>

namespace suites::chat_app {

namespace {

// Odd, so that no multiple by a smaller number than 2^64 is 0.
std::uint64_t weight_of(std::uint64_t chat_id, std::uint32_t member) noexcept {
  std::uint64_t mixed = (chat_id + member * 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
  mixed ^= mixed >> 31;
  return mixed * 0x94d049bb133111eb | 1;
}

[[gnu::noinline]] std::uint64_t fibonacci(std::uint64_t n) noexcept {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

std::uint64_t fibonacci_by_sums(std::uint64_t n) noexcept {
  std::uint64_t last = 1, value = 0;
  for (std::uint64_t i = 0; i < n; ++i) last = std::exchange(value, last + value);
  return value;
}

}  // namespace

void chat::forward_to(const member& one, std::uint32_t number, sluice::pid accumulator) {
  send(one.client, forwarded{accumulator, id_, one.number, number});
}

void chat::on(posted made) {
  const std::uint32_t number = posts_++;
  send(made.accumulator, settled{action::post, members_.size()});
  for (const member& each : members_) forward_to(each, number, made.accumulator);
}

void chat::on(join asked) {
  members_.push_back({asked.client, members_ever_++});
  const member& one = members_.back();
  send(one.client, accepted{self(), asked.accumulator, one.number, posts_});
  for (std::uint32_t i = 0; i < posts_; ++i) forward_to(one, i, asked.accumulator);
}

void chat::on(leave asked) {
  const auto found = std::ranges::find(members_, asked.member, &member::number);
  if (found == members_.end()) return fail("who leaves a chat is a member");
  members_.erase(found);
  send(asked.client, left{asked.accumulator, id_, asked.member, posts_});
  if (members_.empty()) exit();
}

void client::on(befriend one) {
  friends_.push_back(one.who);
  ++so_far_.friends;
  so_far_.friend_ids += one.id;
}

// As published, the draw for a chat comes before that for what to do.
void client::on(act turn) {
  require(turn.turn == so_far_.acts++, "a client acts once in each turn, in order");
  const std::uint64_t index = draw_below(chats_.size());
  const action what = draw_action();
  ++so_far_.chosen[static_cast<std::size_t>(what)];
  switch (what) {
    case action::compute: return compute(turn.accumulator);
    case action::post: return post_to(index, turn.accumulator);
    case action::leave: return leave_one(index, turn.accumulator);
    case action::invite: return invite(turn.accumulator);
    case action::none: break;
  }
  settle(turn.accumulator, action::none);
}

std::uint64_t client::draw_below(std::uint64_t limit) {
  const auto drawn = static_cast<std::uint64_t>(source_.next());
  return limit == 0 ? 0 : drawn % limit;
}

action client::draw_action() {
  std::uint64_t dice = draw_below(100);
  const std::uint64_t shares[] = {asked_.compute, asked_.post, asked_.leave, asked_.invite};
  for (std::size_t i = 0; i < std::size(shares); ++i) {
    if (dice < shares[i]) return static_cast<action>(i);
    dice -= shares[i];
  }
  return action::none;
}

void client::shuffle_friends() {
  for (std::size_t i = friends_.size(); i > 1; --i) {
    std::swap(friends_[i - 1], friends_[draw_below(i)]);
  }
}

void client::settle(sluice::pid accumulator, action what, std::uint64_t announced) {
  if (what == action::none) ++so_far_.unable;
  send(accumulator, settled{what, announced});
}

void client::compute(sluice::pid accumulator) {
  require(fibonacci(asked_.fib) == fibonacci_by_sums(asked_.fib), "a client computes right");
  settle(accumulator, action::compute);
}

void client::post_to(std::uint64_t index, sluice::pid accumulator) {
  if (chats_.empty()) return settle(accumulator, action::none);
  send(chats_[index].chat, posted{accumulator});
}

void client::leave_one(std::uint64_t index, sluice::pid accumulator) {
  if (chats_.empty()) return settle(accumulator, action::none);
  const membership one = chats_[index];
  chats_.erase(chats_.begin() + static_cast<std::ptrdiff_t>(index));
  ++leaving_;
  send(one.chat, leave{self(), accumulator, one.member});
}

void client::invite(sluice::pid accumulator) {
  if (friends_.empty()) return settle(accumulator, action::none);
  const std::uint64_t chat_id = id_ << 32 | so_far_.chats++;
  const sluice::pid made = create<chat>(chat_id, self()).id();
  chats_.push_back({made, 0});
  shuffle_friends();
  const std::uint64_t invitations = std::max<std::uint64_t>(draw_below(friends_.size()), 1);
  for (std::uint64_t i = 0; i < invitations; ++i) send(made, join{friends_[i], accumulator});
  so_far_.invitations += invitations;
  settle(accumulator, action::invite, invitations);
}

void client::on(accepted told) {
  ++so_far_.joined;
  chats_.push_back({told.chat, told.member});
  send(told.accumulator, delivered{told.replayed});
}

void client::on(forwarded got) {
  ++received_.count;
  received_.sum += weight_of(got.chat_id, got.member) * (got.number + std::uint64_t{1});
  send(got.accumulator, delivered{0});
}

void client::on(left told) {
  const std::uint64_t posts = told.posts;
  sent_to_it_.count += posts;
  sent_to_it_.sum += weight_of(told.chat_id, told.member) * (posts * (posts + 1) / 2);
  ++so_far_.left;
  require(leaving_-- != 0, "who is told that it left has asked to");
  if (told.accumulator.is_valid()) settle(told.accumulator, action::leave);
  end_if_alone();
}

void client::on(logout) {
  require(!is_logged_out_, "a client logs out once");
  is_logged_out_ = true;
  leaving_ += chats_.size();
  so_far_.left_at_logout = chats_.size();
  for (const membership& each : chats_) send(each.chat, leave{self(), {}, each.member});
  chats_.clear();
  end_if_alone();
}

void client::end_if_alone() {
  if (!is_logged_out_ || leaving_ != 0) return;
  require(received_ == sent_to_it_, "every member receives every post exactly once");
  so_far_.received = received_.count;
  result_ = so_far_;
  send(directory_, client_left{id_});
  exit();
}

}  // namespace suites::chat_app
