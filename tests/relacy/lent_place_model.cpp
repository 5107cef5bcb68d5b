// sync/lent_place.hpp: an owner without read-modify-writes and two thieves; what is put is taken
// once, and whole.
#include "sync/lent_place.hpp"

#include "model.hpp"

namespace sluice::inline v0::model {
namespace {

struct job {
  plain<int> content;
};

struct lending_with : scenario {
  explicit lending_with(bool is_barrier_there)
      : place((has_barrier = is_barrier_there, sync::lending::sometimes)) {
    put(0);
  }
  void put(int number) {
    jobs[number].content = number + 1;
    place.put(&jobs[number]);
  }
  void note(job* got) {
    if (got == nullptr) return;
    const int number = got->content - 1;
    expect(&jobs[number] == got, "what is taken is seen as it was put");
    got->content = 0;
    taken[number] += 1;
  }
  void run(unsigned thread) override {
    if (thread != 2) {
      job* const seen = place.peek();
      if (seen != nullptr && place.steal(seen)) note(seen);
      return;
    }
    note(place.take());
    if (!place.is_empty()) return;
    put(1);
    is_second_put = true;
    note(place.take());
  }
  void verify() override {
    note(place.take());
    expect(taken[0] == 1, "what was put is taken once");
    expect(taken[1] == (is_second_put ? 1 : 0), "what was put is taken once");
  }

  sync::lent_place<job> place;
  job jobs[2];
  int taken[2] = {};
  bool is_second_put = false;
};

struct barrier : lending_with {
  barrier() : lending_with(true) {}
};
struct no_barrier : lending_with {
  no_barrier() : lending_with(false) {}
};

const registration no_barrier_{"lent_place", "no_barrier", &make<no_barrier>};
const registration barrier_{"lent_place", "barrier", &make<barrier>};

}  // namespace
}  // namespace sluice::inline v0::model
