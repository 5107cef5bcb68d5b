// Metas: two flows, ended from either side or by their parent; terminate runs once, after both.
#include "scenario.hpp"

namespace interleave {
namespace {

struct tick {};
struct grow {};

struct traces {
  tally ended;
  bool is_in_start = false;
  bool is_in_handler = false;
};

struct two_flows : sluice::meta<two_flows, tick> {
  two_flows(traces& of, bool leaves_itself) : left(of), leaves(leaves_itself) {}
  void start(std::stop_token stop) {
    left.is_in_start = true;
    tally stopped;
    const std::stop_callback on_stop{stop, [&] { stopped.add(); }};
    send(self(), tick{});
    if (!leaves) stopped.wait_for(1);
    left.is_in_start = false;
  }
  void on(tick) {
    expect(left.ended.value() == 0, "a handler of a meta runs after terminate");
    const alone here{left.is_in_handler};
  }
  void terminate(const sluice::exit_reason&) {
    expect(!left.is_in_start, "terminate of a meta runs beside its start");
    expect(!left.is_in_handler, "terminate of a meta runs beside a handler");
    expect(left.ended.value() == 0, "terminate of a meta runs twice");
    left.ended.add();
  }
  traces& left;
  bool leaves;
};

struct parent : sluice::actor<parent, grow> {
  parent(traces& of, bool leaves_itself, tally& done, sluice::meta_handle<two_flows>& given)
      : left(of), leaves(leaves_itself), made(done), child(given) {}
  void on(grow) {
    child = spawn_meta<two_flows>({.is_pinned = false}, std::ref(left), bool{leaves}).value();
    made.add();
  }
  traces& left;
  bool leaves;
  tally& made;
  sluice::meta_handle<two_flows>& child;
};

class metas final : public scenario {
 public:
  void round() override {
    traces left;
    tally made;
    sluice::meta_handle<two_flows> child;
    const bool leaves = draw(2) == 0;
    const bool by_parent = draw(2) == 0;
    const auto above =
        node_->spawn<parent>({}, std::ref(left), bool{leaves}, std::ref(made), std::ref(child))
            .value();
    above.send(grow{});
    made.wait_for(1);
    on_threads({[&] {
                  if (!by_parent) child.exit();
                },
                [&] { above.exit(); }});
    left.ended.wait_for(1);
    node_.settle(0);
    expect(left.ended.value() == 1, "terminate of a meta runs twice");
    counted().messages += 2;
  }
  void end() override { node_.finish(); }

 private:
  judged_node node_;
};

}  // namespace

std::unique_ptr<scenario> make_metas() { return std::make_unique<metas>(); }

}  // namespace interleave
