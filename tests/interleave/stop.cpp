// Stop: a node is started and stopped while threads spawn in it, send to it and call it. It ends
// clean, and nobody is killed who would have ended when asked.
#include "scenario.hpp"

namespace interleave {
namespace {

struct hello {
  using reply = int;
};
struct more {};

struct host : sluice::actor<host, hello, more> {
  explicit host(std::uint32_t spawns) : left(spawns) {}
  int on(hello) { return 1; }
  void on(more) {
    if (left == 0) return;
    const auto made = spawn<host>({}, left - 1);
    if (made) send(made.value(), more{});
  }
  std::uint32_t left;
};

class stop final : public scenario {
 public:
  void round() override {
    judged_node node;
    const auto first = node->spawn<host>({}, 3u).value();
    on_threads({[&] {
                  const auto report = node->stop(std::chrono::seconds{30});
                  for (const auto& each : report.not_stopped) fail("did not stop in time: " + each);
                },
                [&] {
                  const auto made = node->spawn<host>({}, 2u);
                  if (made) made.value().send(more{});
                  first.send(more{});
                },
                [&] {
                  static_cast<void>(
                      node->call(first, hello{}, {.timeout = std::chrono::seconds{1}}));
                }});
    node.finish();
    counted().messages += 4;
  }
};

}  // namespace

std::unique_ptr<scenario> make_stop() { return std::make_unique<stop>(); }

}  // namespace interleave
