// Mail: threads of the host and processes send to processes; each pair's messages are numbered, so
// one that is lost, doubled or overtaken shows at its receiver.
#include "scenario.hpp"

namespace interleave {
namespace {

constexpr unsigned relay_count = 4;
constexpr unsigned thread_count = 2;

struct hop {
  std::uint32_t from;    // a thread, or thread_count + relay
  std::uint64_t number;  // of the pair
  std::uint32_t hops_left;
  std::uint64_t way;  // draws who is next
};

struct relay;
struct ground {
  std::vector<sluice::handle<relay>> relays;
  tally arrived;
};

struct relay : sluice::actor<relay, hop> {
  relay(ground& on, std::uint32_t index) : at(on), own(index) {}
  void on(hop message) {
    const alone here{is_inside};
    expect(message.number == expected[message.from]++, "order: a message is lost, twice or early");
    counted().messages += 1;
    if (message.hops_left > 0) {
      const auto to = static_cast<std::uint32_t>(message.way % relay_count);
      const hop next{thread_count + own, given[to]++, message.hops_left - 1,
                     message.way * 6364136223846793005u + 1442695040888963407u};
      expect(send(at.relays[to], next) == sluice::send_outcome::accepted, "a send is refused");
    }
    at.arrived.add();
  }
  ground& at;
  std::uint32_t own;
  std::uint64_t expected[thread_count + relay_count] = {};
  std::uint64_t given[relay_count] = {};
  bool is_inside = false;
};

class mail final : public scenario {
 public:
  mail() {
    for (std::uint32_t i = 0; i < relay_count; ++i) {
      auto made = node_->spawn<relay>({}, std::ref(ground_), i);
      expect(static_cast<bool>(made), "a spawn is refused");
      ground_.relays.push_back(made.value());
    }
  }
  void round() override {
    std::vector<std::function<void()>> senders;
    for (std::uint32_t thread = 0; thread < thread_count; ++thread) {
      const std::uint64_t messages = 1 + draw(3);
      std::vector<std::pair<std::uint32_t, hop>> planned;
      for (std::uint64_t i = 0; i < messages; ++i) {
        const auto to = static_cast<std::uint32_t>(draw(relay_count));
        const auto hops = static_cast<std::uint32_t>(draw(4));
        planned.push_back({to, {thread, given_[thread][to]++, hops, draw(1u << 30) << 3}});
        planned.back().second.way |= draw(8);
        wanted_ += hops + 1;
      }
      senders.push_back([this, planned] {
        for (const auto& [to, message] : planned) {
          expect(ground_.relays[to].send(message) == sluice::send_outcome::accepted,
                 "a send is refused");
        }
      });
    }
    on_threads(senders);
    ground_.arrived.wait_for(wanted_);
  }
  void end() override { node_.finish(); }

 private:
  ground ground_;
  judged_node node_;
  std::uint64_t given_[thread_count][relay_count] = {};
  std::uint32_t wanted_ = 0;
};

}  // namespace

std::unique_ptr<scenario> make_mail() { return std::make_unique<mail>(); }

}  // namespace interleave
