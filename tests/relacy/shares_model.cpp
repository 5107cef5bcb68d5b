// actor/event_share and mem/bytes: what is counted in parts, or by slices, ends once, after the
// last use of every holder.
#include "actor/event_share.hpp"

#include <sluice/bytes.hpp>

#include "mem/bytes_owner.hpp"
#include "model.hpp"
//
#include "actor/event_share.cpp"
#include "mem/bytes.cpp"

namespace sluice::inline v0::model {
namespace {

struct value : core::event_value {
  plain<int> content;
  plain<int>* ends = nullptr;
};

void end_value(core::event_value* ended) noexcept {
  auto* const own = static_cast<value*>(ended);
  own->content = -1;  // A race with a holder that still reads.
  *own->ends = *own->ends + 1;
}

struct sharing : scenario {
  sharing() {
    published.destroy = &end_value;
    published.ends = &ends;
    published.content = 7;
    root = core::make_root_share(&published, pid{1, 1, 1});
  }
  void read() { expect(published.content == 7, "a value lives as long as it is held"); }
  void verify() override { expect(ends == 1, "a value ends once"); }

  value published;
  plain<int> ends;
  core::event_share* root = nullptr;
};

// Two share one part, the third has another and lets the root go.
struct parts : sharing {
  parts() {
    first = &core::make_share(*root, 2);
    second = &core::make_share(*root, 1);
  }
  void run(unsigned thread) override {
    read();
    if (thread != 2) {
      core::drop_share(first);
      return;
    }
    core::drop_share(root);
    read();
    core::drop_share(second);
  }
  core::event_share* first = nullptr;
  core::event_share* second = nullptr;
};

// The hub makes a part while subscribers of the first one copy and let go.
struct slicing : sharing {
  slicing() { first = &core::make_share(*root, 2); }
  void run(unsigned thread) override {
    if (thread == 2) {
      core::event_share& second = core::make_share(*root, 1);
      core::drop_share(root);
      read();
      core::drop_share(&second);
    } else if (thread == 1) {
      core::hold_share(first);
      core::drop_share(first);
      read();
      core::drop_share(first);
    } else {
      read();
      core::drop_share(first);
    }
  }
  core::event_share* first = nullptr;
};

struct counted : detail::bytes_owner {
  explicit counted(std::uint32_t holders) : bytes_owner(holders, &end) {}
  static void end(bytes_owner* owner) noexcept {
    auto* const own = static_cast<counted*>(owner);
    own->content = -1;
    own->ends = own->ends + 1;
  }
  plain<int> content{7};
  plain<int> ends;
};

// Three slices; one is copied while the others go.
struct slices : scenario {
  void run(unsigned thread) override {
    bytes own{&owner, nullptr, 0};
    read();
    if (thread == 2) {
      bytes copy = own;
      own = {};
      read();
    }
  }
  void read() { expect(owner.content == 7, "a block lives as long as a slice"); }
  void verify() override { expect(owner.ends == 1, "a block goes home once"); }

  counted owner{3};
};

const registration slices_{"bytes", "slices", &make<slices>};
const registration slicing_{"event_share", "slicing", &make<slicing>};
const registration parts_{"event_share", "parts", &make<parts>};

}  // namespace
}  // namespace sluice::inline v0::model
