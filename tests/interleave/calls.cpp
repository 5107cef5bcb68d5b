// Calls: of threads and of processes, answered late, in time, by somebody else, or not before their
// time is over. Each is answered once: with its own answer or with an error.
#include "scenario.hpp"

namespace interleave {
namespace {

using namespace std::chrono_literals;

struct twice {
  using reply = std::uint64_t;
  std::uint64_t value;
  bool is_late;
};
struct turn {};
struct begin_call {
  std::uint64_t value;
  bool is_late;
};

struct server : sluice::actor<server, twice, turn> {
  void on(twice asked, sluice::reply_to<twice> to) {
    const alone here{is_inside};
    if (!asked.is_late) {
      to.reply(2 * asked.value);
      return;
    }
    kept.emplace_back(asked.value, std::move(to));
    send(self(), turn{});
  }
  void on(turn) {
    const alone here{is_inside};
    for (auto& [value, to] : kept) to.reply(2 * value);
    kept.clear();
  }
  std::vector<std::pair<std::uint64_t, sluice::reply_to<twice>>> kept;
  bool is_inside = false;
};

struct caller : sluice::actor<caller, begin_call> {
  caller(sluice::handle<server> of, tally& done) : to(of), answered(done) {}
  sluice::task<void> on(begin_call message) {
    const twice asked{message.value, message.is_late};
    const auto answer = co_await call(to, asked, 5us);
    if (answer) {
      expect(answer.value() == 2 * message.value, "a call has the answer of another one");
    } else {
      expect(answer.error().code == sluice::error_code::timed_out, "a call fails for no reason");
    }
    answered.add();
  }
  sluice::handle<server> to;
  tally& answered;
};

class calls final : public scenario {
 public:
  calls() {
    server_ = node_->spawn<server>().value();
    for (int i = 0; i < 2; ++i) {
      callers_.push_back(node_->spawn<caller>({}, server_, std::ref(answered_)).value());
    }
  }
  void round() override {
    std::vector<std::function<void()>> threads;
    for (int i = 0; i < 2; ++i) {
      const std::uint64_t value = ++value_;
      const bool is_late = draw(2) == 0;
      const auto patience = std::chrono::nanoseconds{1 + (std::uint64_t{1} << draw(24))};
      threads.push_back([this, value, is_late, patience] {
        const auto answer = node_->call(server_, twice{value, is_late}, {.timeout = patience});
        if (answer) {
          expect(answer.value() == 2 * value, "a call of a thread has the answer of another one");
        } else {
          expect(answer.error().code == sluice::error_code::timed_out,
                 "a call of a thread fails for no reason");
        }
      });
    }
    for (const auto& each : callers_) {
      each.send(begin_call{++value_, draw(2) == 0});
      wanted_ += 1;
    }
    on_threads(threads);
    answered_.wait_for(wanted_);
    counted().messages += 4;
    node_.settle(3);
  }
  void end() override { node_.finish(); }

 private:
  judged_node node_;
  sluice::handle<server> server_;
  std::vector<sluice::handle<caller>> callers_;
  tally answered_;
  std::uint32_t wanted_ = 0;
  std::uint64_t value_ = 0;
};

}  // namespace

std::unique_ptr<scenario> make_calls() { return std::make_unique<calls>(); }

}  // namespace interleave
