// actor/meta_flow.cpp: which of the two flows runs terminate, and that it sees what both did (F2,
// F3). The file needs all of the runtime; leave_flow, where the flows meet, is taken out of it as
// it stands (edits.ini) and runs here between doubles.
#include "model.hpp"

namespace sluice::inline v0::flows {

struct execution {
  unsigned thread;
};
struct meta_state {
  base::atomic<std::uint8_t> flows{2};
  model::plain<int> of_handler;
  model::plain<int> of_start;
  int finished = 0;
};

inline void finish(execution&, meta_state& meta) noexcept {
  model::expect(meta.of_handler == 1 && meta.of_start == 1, "terminate sees no live flow (F3)");
  meta.of_handler = 2;
  meta.of_start = 2;
  meta.finished += 1;
}

#include "excerpts/leave_flow.inc"

}  // namespace sluice::inline v0::flows

namespace sluice::inline v0::model {
namespace {

// Two flows of one meta, and both flows of another one after each other on a third thread.
struct leaving : scenario {
  void run(unsigned thread) override {
    flows::execution by{thread};
    if (thread == 0) {
      meta.of_handler = 1;
      flows::leave_flow(by, meta);
    } else if (thread == 1) {
      meta.of_start = 1;
      flows::leave_flow(by, meta);
    } else {
      other.of_handler = 1;
      flows::leave_flow(by, other);
      expect(other.finished == 0, "one flow is left");
      other.of_start = 1;
      flows::leave_flow(by, other);
      expect(other.finished == 1, "the last flow finishes");
    }
  }
  void verify() override { expect(meta.finished == 1, "terminate runs once"); }

  flows::meta_state meta;
  flows::meta_state other;
};

const registration leaving_{"meta_flow", "leaving", &make<leaving>};

}  // namespace
}  // namespace sluice::inline v0::model
