// concdict: readers and writers of one map. A dictionary and E workers, each of which has one
// request outstanding.
//
//   master creates the dictionary and the workers; --do_work--> each worker
//   worker --write k v / read k--> dictionary --result v--> worker, M times
//   worker --end_work--> master; when all have: master --end_work--> dictionary
//
// The driver sends nothing: it makes the master. The map is a std::unordered_map that holds k at
// each k before the first request; the dictionary's constructor fills it, inside of both clocks.
// Its 20 MB are in no core's cache, so most of the time goes into looking up, not into messages.
#include "program.hpp"

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

#include "../harness/random.hpp"

namespace savina {

namespace {

struct do_work {};
struct write {
  sluice::pid from;
  std::int32_t key;
  std::int32_t value;
};
void spoil(write& message) { message.value ^= 1; }
struct read {
  sluice::pid from;
  std::int32_t key;
};
void spoil(read& message) { message.key ^= 1; }
struct result {
  std::int32_t value;
};
void spoil(result& message) { message.value ^= 1; }
struct end_work {};

using map = std::unordered_map<std::int32_t, std::int32_t>;

// What the workers ask.
struct plan {
  std::uint64_t workers;
  std::uint64_t requests;  // of each
  std::int32_t write_percent;
  std::int32_t keys;
};

struct entry {
  std::int32_t key;
  std::int32_t value;
};

struct outcome {
  map table{};                  // as it was in the end
  std::vector<write> writes{};  // in the order of the dictionary
  std::uint64_t reads = 0;
  std::vector<std::vector<entry>> changed{};  // what each worker read where k was not k
};

struct dictionary : player<dictionary> {
  dictionary(outcome& left, std::int32_t keys) : outcome_(left) {
    table_.reserve(static_cast<std::size_t>(keys));
    for (std::int32_t key = 0; key < keys; ++key) table_.emplace(key, key);
  }

  void on(const write& one) {
    std::int32_t& value = table_[one.key];
    value = one.value;
    outcome_.writes.push_back(one);
    send(one.from, result{value});
  }
  void on(const read& one) {
    ++reads_;
    const auto found = table_.find(one.key);
    if (found == table_.end()) return fail("the dictionary has each key");
    send(one.from, result{found->second});
  }
  void on(end_work) {
    outcome_.table = std::move(table_);
    outcome_.reads = reads_;
    exit();
    arrive();
  }

  outcome& outcome_;
  std::uint64_t reads_ = 0;
  map table_{};
};

struct worker : player<worker, result> {
  worker(std::vector<entry>& changed, const plan& all, std::uint64_t index, sluice::pid master,
         sluice::handle<dictionary> asked)
      : changed_(changed),
        plan_(all),
        master_(master),
        dictionary_(asked),
        random_(static_cast<std::int64_t>(index + all.requests) + all.write_percent) {}

  void on(do_work) { ask(); }
  void on(const result& answer) {
    if (is_writing_) {
      require(answer.value == value_, "what is written is there");
    } else if (answer.value != key_) {
      changed_.push_back({key_, answer.value});
    }
    ask();
  }

  void ask() {
    if (++asked_ > plan_.requests) {
      send(master_, end_work{});
      return exit();
    }
    is_writing_ = random_.next_below(100) < plan_.write_percent;
    key_ = static_cast<std::int32_t>(std::abs(std::int64_t{random_.next_int()}) % plan_.keys);
    if (!is_writing_) return send(dictionary_, read{self(), key_});
    value_ = random_.next_int();
    send(dictionary_, write{self(), key_, value_});
  }

  std::vector<entry>& changed_;
  const plan& plan_;
  sluice::pid master_;
  sluice::handle<dictionary> dictionary_;
  java_random random_;
  std::uint64_t asked_ = 0;
  std::int32_t key_ = 0;
  std::int32_t value_ = 0;
  bool is_writing_ = false;
};

struct master : player<master, end_work> {
  master(outcome& left, const plan& all) : outcome_(left), plan_(all), missing_(all.workers) {}

  void on_start() {
    dictionary_ = create<dictionary>(outcome_, plan_.keys);
    for (std::uint64_t i = 0; i < plan_.workers; ++i) {
      send(create<worker>(outcome_.changed[i], plan_, i, self(), dictionary_), do_work{});
    }
  }
  void on(end_work) {
    if (--missing_ != 0) return;
    send(dictionary_, end_work{});
    exit();
  }

  outcome& outcome_;
  const plan& plan_;
  std::uint64_t missing_;
  sluice::handle<dictionary> dictionary_{};
};

// Of one key that was written.
struct history {
  std::set<sluice::pid> writers{};
  std::set<std::int32_t> values{};
};
using histories = std::unordered_map<std::int32_t, history>;

histories histories_of(const std::vector<write>& writes) {
  histories all;
  for (const write& each : writes) {
    all[each.key].writers.insert(each.from);
    all[each.key].values.insert(each.value);
  }
  return all;
}

bool may_hold(const histories& written, std::int32_t key, std::int32_t value) {
  const auto found = written.find(key);
  if (found == written.end()) return value == key;
  return value == key || found->second.values.contains(value);
}

void check_values(iteration& it, const outcome& left) {
  const histories written = histories_of(left.writes);
  for (const auto& of_one : left.changed) {
    for (const entry& each : of_one) {
      it.check_that(may_hold(written, each.key, each.value), "what is read has been written");
    }
  }
  for (const auto& [key, value] : left.table) {
    it.check_that(may_hold(written, key, value), "what the dictionary holds has been written");
  }
  std::uint64_t single = 0;
  std::int64_t sum = 0;
  for (const auto& [key, all] : written) {
    if (all.writers.size() != 1) continue;
    ++single;
    sum += left.table.at(key);
  }
  it.check("distinct_keys_written", written.size());
  it.check("keys_written_by_one_worker", single);
  it.check("sum_final_values_of_those", sum);
}

void run_concdict(iteration& it) {
  const plan& all = it.keep<plan>(it.parameter("entities"), it.parameter("msgs"),
                                  static_cast<std::int32_t>(it.parameter("write_pct")),
                                  static_cast<std::int32_t>(it.parameter("limit")));
  outcome& left = it.keep<outcome>();
  left.changed.resize(all.workers);
  it.begin_inner();
  static_cast<void>(it.spawn<master>(left, all));
  it.wait();
  const std::uint64_t requests = all.workers * all.requests;
  it.check_that(left.writes.size() + left.reads == requests, "each request is handled once");
  it.check_that(left.table.size() == static_cast<std::size_t>(all.keys), "no key is new");
  it.check("writes", left.writes.size());
  it.check("reads", left.reads);
  it.check("final_size", left.table.size());
  check_values(it, left);
  it.check_messages(all.workers + 2 * requests + all.workers + 1);
}

}  // namespace

constinit const program concdict{"concdict",
                                 "readers and writers of one map",
                                 bound::by_computing,
                                 {{"entities", 20, 20, 20},
                                  {"msgs", 10'000, 10'000, 500},
                                  {"write_pct", 10, 10, 10},
                                  {"limit", 524'287, 524'287, 524'287}},
                                 &run_concdict};

}  // namespace savina
