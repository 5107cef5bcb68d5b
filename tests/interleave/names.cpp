// Names: two threads spawn under one name and end what they got; one has it at a time, and it is
// free when its owner's end has been told.
#include "scenario.hpp"

namespace interleave {
namespace {

struct hello {};

struct bearer : sluice::actor<bearer, hello> {
  void on(hello) {}
};

class names final : public scenario {
 public:
  void round() override {
    tally got;
    const auto life = [&] {
      const auto made = node_->spawn<bearer>({.name = "somebody"});
      if (!made) {
        expect(made.error().code == sluice::error_code::name_taken,
               "a spawn under a name fails for no reason");
        return;
      }
      got.add();
      node_->send(made.value().id(), hello{});
      made.value().exit();
    };
    on_threads({life, life, [&] {
                  const sluice::pid found = node_->find("somebody");
                  if (found.is_valid()) node_->send(found, hello{});
                }});
    expect(got.value() >= 1, "two ask for a free name and neither gets it");
    node_.settle(0);
    expect(!node_->find("somebody").is_valid(), "a name outlives its owner");
    counted().messages += 2;
  }
  void end() override { node_.finish(); }

 private:
  judged_node node_;
};

}  // namespace

std::unique_ptr<scenario> make_names() { return std::make_unique<names>(); }

}  // namespace interleave
