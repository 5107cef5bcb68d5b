// The owner's lists: order within a lane, overtaking between lanes, no starvation.
#include "actor/lanes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <deque>
#include <utility>

using sluice::core::envelope;
using sluice::core::lane_count;
using sluice::core::lanes;

namespace {

// Letters numbered in the order in which they were sent, with the links of a mailbox.
class post_office {
 public:
  // A chain of `count` in one lane, pushed on what was pushed before.
  void push(std::uint8_t lane, int count = 1) {
    envelope* last = nullptr;
    for (int i = 0; i < count; ++i) {
      envelope& made = all_.emplace_back();
      made.lane = lane;
      made.from_generation = sent_++;
      if (last == nullptr) {
        made.next = &made;
      } else {
        made.next = last->next;
        last->next = &made;
      }
      last = &made;
    }
    last->older = newest_;
    newest_ = last;
  }
  envelope* take() { return std::exchange(newest_, nullptr); }

 private:
  std::deque<envelope> all_;
  envelope* newest_ = nullptr;
  std::uint32_t sent_ = 0;
};

}  // namespace

TEST_CASE("lanes: within one lane the order of sending is kept over takes, chains and singles") {
  post_office post;
  lanes mail;
  std::uint32_t expected = 0;
  for (int take = 0; take < 5; ++take) {
    post.push(2);
    post.push(2, 3);
    post.push(2, 2);
    post.push(2);
    mail.absorb(post.take());
    REQUIRE(mail.pop()->from_generation == expected++);  // Some stay for the next absorb.
  }
  while (envelope* one = mail.pop()) REQUIRE(one->from_generation == expected++);
  REQUIRE(expected == 35);
  REQUIRE(mail.is_empty());
}

TEST_CASE(
    "lanes: a take of mixed lanes keeps the order within each, and serves the highest first") {
  post_office post;
  lanes mail;
  for (int round = 0; round < 3; ++round) {
    post.push(3, 2);
    post.push(2, 2);
    post.push(1);
    post.push(0, 2);
  }
  mail.absorb(post.take());
  std::int64_t last[lane_count] = {-1, -1, -1, -1};
  std::uint32_t seen = 0;
  std::uint32_t overtaken = 0;  // Served while something higher waited.
  std::uint32_t waiting[lane_count] = {6, 3, 6, 6};
  while (envelope* one = mail.pop()) {
    REQUIRE(std::int64_t{one->from_generation} > last[one->lane]);
    last[one->lane] = one->from_generation;
    for (unsigned higher = 0; higher < one->lane; ++higher) overtaken += waiting[higher] != 0;
    --waiting[one->lane];
    ++seen;
  }
  REQUIRE(seen == 21);
  REQUIRE(overtaken <= 12);  // Fairness: at most three in sixteen are of lower lanes.
}

TEST_CASE("lanes: a control message overtakes data that was taken before it") {
  post_office post;
  lanes mail;
  post.push(2, 100);
  mail.absorb(post.take());
  post.push(0);
  mail.absorb(post.take());
  REQUIRE(mail.pop()->lane == 0);
  REQUIRE(mail.pop()->lane == 2);
}

TEST_CASE("lanes: every lane with mail is served within the published number of messages") {
  for (std::uint32_t turns_before = 0; turns_before < 32; ++turns_before) {
    for (unsigned present = 1; present < (1u << lane_count); ++present) {
      post_office post;
      lanes mail;
      post.push(0, static_cast<int>(turns_before) + 1);
      post.push(1, static_cast<int>(turns_before) + 1);
      mail.absorb(post.take());
      for (std::uint32_t i = 0; i < turns_before; ++i) REQUIRE(mail.pop() != nullptr);
      while (mail.pop() != nullptr) {
      }
      for (std::uint8_t lane = 0; lane < lane_count; ++lane) {
        if ((present >> lane & 1) != 0) post.push(lane, 200);
      }
      mail.absorb(post.take());
      std::uint32_t since[lane_count] = {};
      for (int turn = 0; turn < 100; ++turn) {
        const unsigned served = mail.pop()->lane;
        for (unsigned lane = 0; lane < lane_count; ++lane) {
          since[lane] = lane == served ? 0 : since[lane] + 1;
          if ((present >> lane & 1) == 0) continue;
          CAPTURE(present, lane, turn);
          REQUIRE(since[lane] <= lanes::fairness_interval);
        }
      }
    }
  }
}
