// actor/rundown.cpp, whole, on a double of the node: while a thread that got in is inside, the node
// is there, and close() ends.
#include "actor/rundown.hpp"

#include "model.hpp"
#include "runtime_double.hpp"
//
#include "actor/rundown.cpp"

namespace sluice::inline v0::model {
namespace {

struct closing : scenario {
  closing() {
    core::all_cells.renew(nullptr);
    core::last_node_id.renew(0);
    for (core::execution*& each : core::executions) each = nullptr;
    core::own_thread.for_each([](core::foreign_thread*) {});  // Of an execution that failed.
    through.open(node);
    for (plain<int>& each : node_is_there) each = 1;
  }
  ~closing() override {
    core::thread_cell* cell = core::all_cells.load(base::relaxed);
    while (cell != nullptr) delete std::exchange(cell, cell->next);
    core::all_cells.end();
    core::last_node_id.end();
  }

  void visit() {
    const core::foreign_access access{through, node.id};
    if (!access) return;
    plain<int>& mine = node_is_there[this_thread()];
    expect(mine == 1, "who is inside finds the node");
    mine = 1;  // A write: the node's end must come after all of it.
    visits += 1;
  }
  // The node's stop: nobody comes in, what is left of the others is let go of.
  void stop() {
    through.close();
    for (plain<int>& each : node_is_there) each = 0;
    node.guard.lock();
    for (core::execution* each : node.attached) {
      // Release: the node's last use of it, as in detach_foreign.
      if (each != nullptr) each->is_detached.store(true, base::release);
    }
    node.guard.unlock();
  }
  void end_thread() {
    if (core::own_thread != nullptr) core::end_thread(core::own_thread);
  }

  core::node_core node;
  core::gate through;
  plain<int> node_is_there[2];
  int visits = 0;
};

// Two threads come in once, one of them nested, and end, while the node stops.
struct visitors : closing {
  void run(unsigned thread) override {
    if (thread == 2) return stop();
    if (thread == 0) {
      visit();
    } else {
      const core::foreign_access access{through, node.id};
      if (access) visit();  // Nested: one place is enough.
    }
    end_thread();
  }
};

// One comes in twice; whose thread ends first hands its cell on.
struct handing_on : closing {
  void run(unsigned thread) override {
    if (thread == 2) return stop();
    if (thread == 0) visit();
    visit();
    end_thread();
  }
};

const registration handing_on_{"rundown", "handing_on", &make<handing_on>};
const registration visitors_{"rundown", "visitors", &make<visitors>};

}  // namespace
}  // namespace sluice::inline v0::model
