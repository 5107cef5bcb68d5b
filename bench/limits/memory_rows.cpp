// Allocation: malloc, mimalloc where its library is there, and the simplest free list, each local
// (allocated and freed by one thread) and remote (freed on the other core). What a queue longer
// than a cache costs, and what touching a page for the first time does.
#include <dlfcn.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "rows.hpp"

namespace sluice::bench {
namespace {

constexpr std::size_t block_bytes = 64;
constexpr std::size_t batch = 64;

using allocate_function = void* (*)(std::size_t);
using free_function = void (*)(void*);

// One pair a step, the block touched in between.
double pairs_local(std::uint64_t n, allocate_function allocate, free_function release) {
  const std::uint64_t start = now_ns();
  for (std::uint64_t i = 0; i < n; ++i) {
    void* block = allocate(block_bytes);
    keep(block);
    *static_cast<std::uint64_t*>(block) = i;
    release(block);
  }
  return static_cast<double>(now_ns() - start) / static_cast<double>(n);
}

// A single-producer ring of pointers: the cheapest way to get blocks to the other core.
class pointer_ring {
 public:
  void push(void* block) {
    const std::uint64_t at = written_.load(std::memory_order_relaxed);
    while (at - seen_read_ == slots) {
      seen_read_ = read_.load(std::memory_order_acquire);
      if (at - seen_read_ == slots) cpu_relax();
    }
    blocks_[at % slots] = block;
    written_.store(at + 1, std::memory_order_release);
  }
  void* pop() {
    const std::uint64_t at = read_.load(std::memory_order_relaxed);
    while (written_.load(std::memory_order_acquire) == at) cpu_relax();
    void* block = blocks_[at % slots];
    read_.store(at + 1, std::memory_order_release);
    return block;
  }

 private:
  static constexpr std::uint64_t slots = 256;
  alignas(64) std::atomic<std::uint64_t> written_{0};
  std::uint64_t seen_read_ = 0;
  alignas(64) std::atomic<std::uint64_t> read_{0};
  alignas(64) void* blocks_[slots] = {};
};

double pairs_remote(rows& out, std::uint64_t n, allocate_function allocate, free_function release) {
  pointer_ring ring;
  const auto produce = [&] {
    for (std::uint64_t i = 0; i < n; ++i) {
      void* block = allocate(block_bytes);
      *static_cast<std::uint64_t*>(block) = i;
      ring.push(block);
    }
  };
  const auto consume = [&] {
    for (std::uint64_t i = 0; i < n; ++i) {
      void* block = ring.pop();
      if (*static_cast<std::uint64_t*>(block) != i) std::abort();
      release(block);
    }
  };
  return run_pair(out.cpus(), produce, consume) / static_cast<double>(n);
}

// A free list of one thread; freed blocks of others come back in chains through one word.
struct free_block {
  free_block* next;
};

class free_list {
 public:
  explicit free_list(std::size_t count) : memory_(count * block_bytes) {
    for (std::size_t i = 0; i < count; ++i) release(&memory_[i * block_bytes]);
  }
  void* allocate() {
    while (first_ == nullptr) {
      first_ = returned_.exchange(nullptr, std::memory_order_acquire);
      if (first_ == nullptr) cpu_relax();
    }
    free_block* block = first_;
    first_ = block->next;
    return block;
  }
  void release(void* memory) {
    auto* block = static_cast<free_block*>(memory);
    block->next = first_;
    first_ = block;
  }
  // From another thread: a chain of freed blocks at once.
  void give_back(free_block* first, free_block* last) {
    free_block* seen = returned_.load(std::memory_order_relaxed);
    do {
      last->next = seen;
    } while (!returned_.compare_exchange_weak(seen, first, std::memory_order_release,
                                              std::memory_order_relaxed));
  }

 private:
  std::vector<char> memory_;
  free_block* first_ = nullptr;
  alignas(64) std::atomic<free_block*> returned_{nullptr};
};

void measure_free_list(rows& out) {
  out.measure("free_list_pair_local", "ns", 20'000'000, [](std::uint64_t n) {
    free_list list(1024);
    free_list* target = &list;  // kept in memory, as a thread's list is, not in registers
    const std::uint64_t start = now_ns();
    for (std::uint64_t i = 0; i < n; ++i) {
      keep(target);
      void* block = target->allocate();
      keep(block);
      *static_cast<std::uint64_t*>(block) = i;
      target->release(block);
    }
    return static_cast<double>(now_ns() - start) / static_cast<double>(n);
  });
  out.measure_pair("free_list_pair_remote_batch_64", "ns", 4'000'000, [&](std::uint64_t n) {
    free_list list(4096);
    pointer_ring ring;
    n = (n + batch - 1) / batch * batch;
    const auto produce = [&] {
      for (std::uint64_t i = 0; i < n; ++i) {
        void* block = list.allocate();
        static_cast<std::uint64_t*>(block)[1] = i;
        ring.push(block);
      }
    };
    const auto consume = [&] {
      free_block* first = nullptr;
      free_block* last = nullptr;
      for (std::uint64_t i = 0; i < n; ++i) {
        void* memory = ring.pop();
        if (static_cast<std::uint64_t*>(memory)[1] != i) std::abort();
        auto* block = static_cast<free_block*>(memory);
        block->next = first;
        first = block;
        if (last == nullptr) last = block;
        if ((i + 1) % batch == 0) {
          list.give_back(first, last);
          first = last = nullptr;
        }
      }
    };
    return run_pair(out.cpus(), produce, consume) / static_cast<double>(n);
  });
  out.measure_pair("pointer_ring_alone", "ns", 4'000'000, [&](std::uint64_t n) {
    static std::uint64_t block[2];
    pointer_ring ring;
    const auto produce = [&] {
      for (std::uint64_t i = 0; i < n; ++i) ring.push(block);
    };
    const auto consume = [&] {
      for (std::uint64_t i = 0; i < n; ++i) {
        void* taken = ring.pop();
        keep(taken);
      }
    };
    return run_pair(out.cpus(), produce, consume) / static_cast<double>(n);
  });
}

// mimalloc is opened, not linked: Debian's library replaces malloc wherever it is linked, and both
// are wanted here.
void measure_mimalloc(rows& out) {
  allocate_function allocate = nullptr;
  free_function release = nullptr;
  for (const char* name : {"libmimalloc.so.2", "libmimalloc.so.3", "libmimalloc.so"}) {
    void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    allocate = reinterpret_cast<allocate_function>(::dlsym(library, "mi_malloc"));
    release = reinterpret_cast<free_function>(::dlsym(library, "mi_free"));
    break;
  }
  if (allocate == nullptr || release == nullptr) {
    out.skip("mimalloc_pair_local", "libmimalloc cannot be opened");
    out.skip("mimalloc_pair_remote", "libmimalloc cannot be opened");
    return;
  }
  out.measure("mimalloc_pair_local", "ns", 10'000'000,
              [=](std::uint64_t n) { return pairs_local(n, allocate, release); });
  out.measure_pair("mimalloc_pair_remote", "ns", 3'000'000,
                   [=, &out](std::uint64_t n) { return pairs_remote(out, n, allocate, release); });
}

// Every 64 bytes of fresh memory once, as a flood of new envelopes does; the figure is per 64
// bytes.
double touch_fresh(std::uint64_t lines) {
  const std::size_t bytes = lines * 64;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  ::madvise(memory, bytes, MADV_NOHUGEPAGE);
  char* at = static_cast<char*>(memory);
  const std::uint64_t start = now_ns();
  for (std::size_t i = 0; i < bytes; i += 64) at[i] = 1;
  keep(at);
  const double each = static_cast<double>(now_ns() - start) / static_cast<double>(lines);
  ::munmap(memory, bytes);
  return each;
}

// What a queue that is longer than a cache asks of memory: each line is written by who sends and
// read by who receives, both in the order of addresses, which no queue can beat.
class long_queue {
 public:
  explicit long_queue(std::size_t bytes) : words_(bytes / sizeof(std::uint64_t)) {}

  double write(std::uint64_t lines) {
    return each_line(lines, [](std::uint64_t& word, std::uint64_t i) { word = i; });
  }
  double read(std::uint64_t lines) {
    std::uint64_t sum = 0;
    const double ns = each_line(lines, [&sum](std::uint64_t& word, std::uint64_t) { sum += word; });
    keep(sum);
    return ns;
  }

 private:
  static constexpr std::size_t stride = 64 / sizeof(std::uint64_t);

  template <class Visit>
  double each_line(std::uint64_t lines, Visit visit) {
    std::size_t at = 0;
    const std::uint64_t start = now_ns();
    for (std::uint64_t i = 0; i < lines; ++i) {
      visit(words_[at], i);
      if ((at += stride) >= words_.size()) at = 0;
    }
    std::uint64_t* written = words_.data();
    keep(written);
    return static_cast<double>(now_ns() - start) / static_cast<double>(lines);
  }

  std::vector<std::uint64_t> words_;
};

void measure_long_queues(rows& out) {
  for (const std::size_t mib : {6, 256}) {
    long_queue queue{mib << 20};
    const std::string size = std::to_string(mib) + "_mib";
    out.measure("write_64_bytes_" + size, "ns", 8'000'000,
                [&](std::uint64_t lines) { return queue.write(lines); });
    out.measure("read_64_bytes_" + size, "ns", 8'000'000,
                [&](std::uint64_t lines) { return queue.read(lines); });
  }
}

}  // namespace

void measure_memory(rows& out) {
  out.measure("malloc_pair_local", "ns", 10'000'000,
              [](std::uint64_t n) { return pairs_local(n, std::malloc, std::free); });
  out.measure_pair("malloc_pair_remote", "ns", 3'000'000,
                   [&](std::uint64_t n) { return pairs_remote(out, n, std::malloc, std::free); });
  measure_mimalloc(out);
  measure_free_list(out);
  measure_long_queues(out);
  out.measure("fresh_64_bytes", "ns", 2'000'000, touch_fresh);
  out.measure("page_fault", "ns", 2'000'000,
              [](std::uint64_t lines) { return touch_fresh(lines) * 64; });
}

}  // namespace sluice::bench
