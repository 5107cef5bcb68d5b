// The sorting network of bitonicsort apart from its actors: who gets which value, and how many
// actors and messages there are. Peers on other runtimes lay out the same network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../harness/random.hpp"

namespace savina {

// Whose turn it is: each of `members` for `length` values.
class round_robin {
 public:
  round_robin(std::uint64_t members, std::uint64_t length) : members_(members), length_(length) {}

  [[nodiscard]] std::uint64_t member() const noexcept { return member_; }
  void advance() noexcept {
    if (++run_ != length_) return;
    run_ = 0;
    member_ = (member_ + 1) % members_;
  }

 private:
  const std::uint64_t members_;
  const std::uint64_t length_;
  std::uint64_t member_ = 0;
  std::uint64_t run_ = 0;
};

// First in, first out; takes no memory before it is used, as there are very many.
class fifo {
 public:
  [[nodiscard]] bool is_empty() const noexcept { return taken_ == numbers_.size(); }
  void push(std::uint64_t number) { numbers_.push_back(number); }
  std::uint64_t take() noexcept {
    const std::uint64_t number = numbers_[taken_++];
    if (is_empty()) {
      numbers_.clear();
      taken_ = 0;
    }
    return number;
  }

 private:
  std::vector<std::uint64_t> numbers_;
  std::size_t taken_ = 0;
};

enum class direction : bool { up, down };

struct step_plan {
  std::uint64_t size;          // N.
  std::uint64_t stage_length;  // N for the last stage.
  std::uint64_t length;

  [[nodiscard]] bool is_of_last_stage() const noexcept { return stage_length == size; }
  [[nodiscard]] std::uint64_t workers() const noexcept { return size / length; }
  // Stages leave runs that go up and down in turn; the last one has a single run.
  [[nodiscard]] direction sorts(std::uint64_t worker) const noexcept {
    const std::uint64_t workers_per_run = stage_length / length;
    return worker / workers_per_run % 2 == 0 ? direction::up : direction::down;
  }
};

struct input_plan {
  std::uint64_t size;
  std::uint64_t seed;
};

// Calls `use` with each of the numbers to sort.
template <class Use>
void for_each_input(input_plan plan, Use&& use) {
  sluice::bench::pseudo_random draw{static_cast<std::int64_t>(plan.seed)};
  for (std::uint64_t i = 0; i < plan.size; ++i) use(static_cast<std::uint64_t>(draw.next()));
}

// How many actors the network has, and how many messages N values and a finish make of it.
struct network {
  std::uint64_t actors = 0;
  std::uint64_t messages = 0;
};

inline network count_network(std::uint64_t size) {
  const std::uint64_t all = size + 1;  // Who sees everything gets N values and one finish.
  network sum{4, 1 + 3 * all};         // Source, kernel, adapter, validation; start.
  for (std::uint64_t stage = 2; stage <= size; stage *= 2) {
    sum.actors += 1;
    sum.messages += all;
    for (std::uint64_t length = 2; length <= stage; length *= 2) {
      const step_plan plan{size, stage, length};
      const std::uint64_t workers = plan.workers();
      const std::uint64_t adapters = plan.is_of_last_stage() ? 0 : 1;
      sum.actors += 3 + adapters + workers;  // The step, its splitter and its joiner.
      sum.messages += (2 + adapters) * all + 2 * (size + workers);
      if (length == 2) continue;
      sum.actors += workers * (3 + length / 2);
      sum.messages += 2 * (size + workers) + 2 * (size + workers * length / 2);
    }
  }
  return sum;
}

}  // namespace savina
