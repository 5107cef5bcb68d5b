// Lives: one is spawned, sent to, watched and ended by several at once. It terminates once, after
// its last handler, and each watcher hears of it once.
#include "scenario.hpp"

namespace interleave {
namespace {

struct hello {};
struct watch {
  sluice::pid who;
};

struct traces {
  tally ended;
  tally handled;
  bool has_ended = false;
};

struct killable : sluice::actor<killable, hello> {
  explicit killable(traces& of) : left(of) {}
  void on(hello) {
    const alone here{is_inside};
    expect(!left.has_ended, "a handler runs after terminate");
    left.handled.add();
  }
  void terminate(const sluice::exit_reason&) {
    const alone here{is_inside};
    expect(!left.has_ended, "terminate runs twice");
    left.has_ended = true;
    left.ended.add();
  }
  traces& left;
  bool is_inside = false;
};

struct watcher : sluice::actor<watcher, watch> {
  explicit watcher(tally& heard) : told(heard) {}
  void on(watch message) { last = monitor(message.who); }
  void on(const sluice::down& of) {
    expect(of.id == last, "a down of a monitor that was answered before");
    last = {};
    told.add();
  }
  sluice::ref last{};
  tally& told;
};

class lives final : public scenario {
 public:
  lives() {
    for (int i = 0; i < 2; ++i) {
      watchers_.push_back(node_->spawn<watcher>({}, std::ref(told_)).value());
    }
  }
  void round() override {
    traces left;
    const auto child = node_->spawn<killable>({}, std::ref(left)).value();
    const bool by_kill = draw(2) == 0;
    const std::uint64_t greetings = draw(4);
    on_threads({[&] {
                  for (std::uint64_t i = 0; i < greetings; ++i) child.send(hello{});
                  child.exit(sluice::exit_reason::shutdown());
                },
                [&] { watchers_[0].send(watch{child.id()}); },
                [&] {
                  watchers_[1].send(watch{child.id()});
                  child.exit(by_kill ? sluice::exit_reason::killed()
                                     : sluice::exit_reason::error("asked"));
                }});
    left.ended.wait_for(1);
    wanted_ += 2;
    told_.wait_for(wanted_);
    expect(child.send(hello{}) == sluice::send_outcome::unknown, "one that ended takes mail");
    node_.settle(2);
    expect(left.ended.value() == 1 && told_.value() == wanted_, "an end is told twice");
    counted().messages += greetings + 4;
  }
  void end() override { node_.finish(); }

 private:
  tally told_;
  judged_node node_;
  std::vector<sluice::handle<watcher>> watchers_;
  std::uint32_t wanted_ = 0;
};

}  // namespace

std::unique_ptr<scenario> make_lives() { return std::make_unique<lives>(); }

}  // namespace interleave
