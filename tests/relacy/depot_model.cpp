// mem/depot: batches of free blocks go from thread to thread, each held by one (D1), and a word
// that went and came back is noticed (D2). The real depot.cpp with tables of four records
// (edits.ini); memory for them comes from here, with the records built in it.
#include "mem/depot.hpp"

#include <sys/mman.h>

#include <memory>
#include <new>

#include "model.hpp"

namespace {

namespace mem = sluice::mem;

// What the table of records got; the scenario gives it back.
struct mapping {
  mem::batch* first = nullptr;
  std::size_t count = 0;
};
mapping mappings[4];

void* map_records(void*, std::size_t size, int, int, int, long) noexcept {
  for (auto& each : mappings) {
    if (each.first != nullptr) continue;
    each.count = size / sizeof(mem::batch);
    each.first = static_cast<mem::batch*>(::operator new(size));
    for (std::size_t i = 0; i < each.count; ++i) new (each.first + i) mem::batch;
    return each.first;
  }
  return MAP_FAILED;
}

int unmap_records(void* memory, std::size_t) noexcept {
  for (auto& each : mappings) {
    if (each.first != memory) continue;
    std::destroy_n(each.first, each.count);
    ::operator delete(memory);
    each = {};
  }
  return 0;
}

}  // namespace

// The calls are written ::mmap(...), so what replaces them is global.
#define mmap map_records
#define munmap unmap_records
#include "mem/depot.cpp"
#undef mmap
#undef munmap

namespace sluice::inline v0::model {
namespace {

constexpr mem::class_index lane = 0;

struct depositing : scenario {
  depositing() {
    for (auto& each : mappings) each = {};
  }
  ~depositing() override {
    for (auto& each : mappings) {
      if (each.first != nullptr) unmap_records(each.first, 0);
    }
  }

  mem::batch* take_empty() {
    mem::batch* const got = depot.take_empty();
    if (got != nullptr) hold(*got);
    return got;
  }
  void push(mem::batch& full) {
    full.count = 1;
    let_go(full);
    depot.push(lane, full);
  }
  void give_empty(mem::batch& empty) {
    let_go(empty);
    depot.give_empty(empty);
  }
  mem::batch* pop() {
    mem::batch* const got = depot.pop(lane);
    if (got != nullptr) hold(*got);
    return got;
  }
  // Plain: two holders are a race, or are seen.
  void hold(mem::batch& got) {
    plain<int>& holder = holders[got.self];
    expect(holder == 0, "a batch has one holder (D1)");
    holder = 1;
  }
  void let_go(mem::batch& got) { holders[got.self] = 0; }

  void verify() override {
    while (pop() != nullptr) {
    }
  }

  mem::depot depot;
  plain<int> holders[8];
};

// Two fill a batch each, the third takes one, empties it and takes an empty one.
struct exchanging : depositing {
  void run(unsigned thread) override {
    if (thread != 2) {
      if (mem::batch* const own = take_empty()) push(*own);
      return;
    }
    mem::batch* const got = pop();
    if (got == nullptr) return;
    give_empty(*got);
    if (mem::batch* const again = take_empty()) push(*again);
  }
};

// Two batches lie there. One thread takes one; another takes both and brings the first back.
struct coming_back : depositing {
  coming_back() {
    mem::batch* const below = take_empty();
    mem::batch* const above = take_empty();
    push(*below);
    push(*above);
  }
  void run(unsigned thread) override {
    if (thread == 0) {
      static_cast<void>(pop());
    } else if (thread == 1) {
      mem::batch* const first = pop();
      static_cast<void>(pop());
      if (first != nullptr) push(*first);
    }
  }
};

const registration coming_back_{"depot", "coming_back", &make<coming_back>};
const registration exchanging_{"depot", "exchanging", &make<exchanging>};

}  // namespace
}  // namespace sluice::inline v0::model
