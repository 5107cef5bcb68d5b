// actor/slot_table: a chunk is seen whole or not at all, and a slot has one taker. The real
// slot_table.cpp with chunks of four slots (edits.ini), a double for the slot and one for the core
// of the queue of free slots.
#include "actor/slot_table.hpp"

#include <sys/mman.h>

#include <memory>
#include <new>

#include "model.hpp"

namespace {

constexpr std::size_t chunks_max = 4;
void* chunks[chunks_max] = {};

void* map_chunk(void*, std::size_t size, int, int, int, long) noexcept {
  for (void*& chunk : chunks) {
    if (chunk != nullptr) continue;
    chunk = ::operator new(size);
    return chunk;
  }
  return MAP_FAILED;
}
int advise_chunk(void*, std::size_t, int) noexcept { return 0; }
int unmap_chunk(void* memory, std::size_t) noexcept {
  std::destroy_n(static_cast<sluice::core::slot*>(memory), sluice::core::slot_table::chunk_slots);
  for (void*& chunk : chunks) {
    if (chunk == memory) chunk = nullptr;
  }
  ::operator delete(memory);
  return 0;
}

}  // namespace

// The calls are written ::mmap(...), so what replaces them is global.
#define mmap map_chunk
#define munmap unmap_chunk
#define madvise advise_chunk
#include "actor/slot_table.cpp"
#undef mmap
#undef munmap
#undef madvise

namespace sluice::inline v0::model {
namespace {

constexpr unsigned slots_max = 2 * core::slot_table::chunk_slots;

struct taking : scenario {
  taking() {
    for (void*& chunk : chunks) chunk = nullptr;
  }
  // Takes one, and says where it is, in no order with anything: find() alone must do.
  void take(unsigned thread) {
    core::slot* const got = table.take(caches[thread]);
    if (got == nullptr) return;
    const std::uint32_t index = got->index;
    expect(table.find(index) == got, "who took a slot finds it");
    expect(holders[index] == 0, "a slot has one taker");
    holders[index] = 1;
    taken[thread].store(index + 1, base::relaxed);
  }
  void look(unsigned thread) {
    const std::uint32_t index = taken[thread].load(base::relaxed);
    if (index == 0) return;
    const core::slot* const found = table.find(index - 1);
    if (found == nullptr) return;
    expect(found->index == index - 1, "a slot that is found is built");
    expect(found->generation.load(base::relaxed) != 0, "a slot that is found is built");
  }

  core::slot_table table{slots_max};
  core::slot_cache caches[3];
  base::atomic<std::uint32_t> taken[2];
  plain<int> holders[slots_max];
};

// Two take, and so grow the table; the third looks up what they took.
struct finding : taking {
  void run(unsigned thread) override {
    if (thread != 2) return take(thread);
    look(0);
    look(1);
  }
};

// One takes, one goes over all slots there are, one flushes a cache and takes.
struct visiting : taking {
  void run(unsigned thread) override {
    if (thread == 0) return take(0);
    if (thread == 1) {
      take(1);
      table.flush(caches[1]);
      return;
    }
    std::uint32_t count = 0;
    table.for_each([&count](const core::slot& each) {
      expect(each.index == count, "a slot that is visited is built");
      ++count;
    });
    expect(count % core::slot_table::chunk_slots == 0, "chunks are visited whole");
  }
};

const registration visiting_{"slot_table", "visiting", &make<visiting>};
const registration finding_{"slot_table", "finding", &make<finding>};

}  // namespace
}  // namespace sluice::inline v0::model
