// blocking_threads: the threads that run the start() of blocking metas.
//
// One thread a meta, named and pinned as its order says. A thread that has ended is joined by the
// next start or by wait_all. A start() that will not return by the deadline is quarantined: its
// thread is detached, its object is left to it on purpose, and the count says so (PROTOCOLS 7).
#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sluice/result.hpp>
#include <sluice/spawn_order.hpp>

#include "base/clock.hpp"

namespace sluice::inline v0::core {

struct meta_state;
struct node_core;

class blocking_threads {
 public:
  explicit blocking_threads(node_core& node) noexcept : node_(node) {}

  /// Any thread.
  [[nodiscard]] result<void> start(meta_state& meta, const meta_order& order);

  /// Node stop: joins all threads that end by the deadline; quarantines and names the others.
  [[nodiscard]] std::vector<std::string> wait_all(base::nanoseconds_t deadline_ns);

 private:
  struct entry {
    std::thread thread;
    std::string name;
    bool is_done = false;
  };

  void run(meta_state& meta, entry& own) noexcept;
  void join_done(std::list<std::shared_ptr<entry>>& done);

  node_core& node_;
  std::mutex guard_;
  std::condition_variable changed_;
  std::list<std::shared_ptr<entry>> entries_;
  bool is_closed_ = false;
};

}  // namespace sluice::inline v0::core
