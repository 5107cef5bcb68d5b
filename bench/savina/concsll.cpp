// concsll: readers and writers of one sorted list that is walked for each request. A list and E
// workers, each of which has one request outstanding.
//
//   master creates the list and the workers; --do_work--> each worker
//   worker --write v / contains v / get_size--> list --result--> worker, M times
//   worker --end_work--> master; when all have: master --end_work--> list
//
// The driver sends nothing: it makes the master. A write is answered by its value, contains by 0 or
// 1, get_size by the length. The walks are the published ones: contains stops at an equal element
// or the end, not at a larger one, and get_size counts.
#include "program.hpp"

#include <algorithm>
#include <forward_list>
#include <iterator>

#include "../harness/random.hpp"

namespace savina {

namespace {

struct do_work {};
struct write {
  sluice::pid from;
  std::int32_t value;
};
void spoil(write& message) { message.value ^= 1; }
struct contains {
  sluice::pid from;
  std::int32_t value;
};
void spoil(contains& message) { message.from = {}; }
struct get_size {
  sluice::pid from;
};
void spoil(get_size& message) { message.from = {}; }
struct result {
  std::int64_t value;
};
void spoil(result& message) { message.value = ~message.value; }
struct end_work {};

// What the workers ask.
struct plan {
  std::uint64_t workers;
  std::uint64_t requests;  // of each
  std::int64_t write_percent;
  std::int64_t size_percent;
};

enum class request : std::uint8_t { write, contains, get_size };
struct exchange {
  request asked;
  std::int32_t value;
  std::int64_t answer;
};

struct outcome {
  std::forward_list<std::int32_t> values{};  // as they were in the end
  std::uint64_t writes = 0;
  std::uint64_t sizes = 0;
  std::uint64_t searches = 0;
  std::vector<std::vector<exchange>> exchanges{};  // of each worker
};

struct list : player<list> {
  explicit list(outcome& left) : outcome_(left) {}

  void on(const write& one) {
    ++writes_;
    auto before = values_.before_begin();
    for (auto at = values_.begin(); at != values_.end() && *at <= one.value; ++at) before = at;
    values_.insert_after(before, one.value);
    send(one.from, result{one.value});
  }
  void on(const contains& one) {
    ++searches_;
    const bool is_there = std::ranges::find(values_, one.value) != values_.end();
    send(one.from, result{is_there ? 1 : 0});
  }
  void on(const get_size& one) {
    ++sizes_;
    send(one.from, result{std::ranges::distance(values_)});
  }
  void on(end_work) {
    outcome_.values = std::move(values_);
    outcome_.writes = writes_;
    outcome_.sizes = sizes_;
    outcome_.searches = searches_;
    exit();
    arrive();
  }

  outcome& outcome_;
  std::uint64_t writes_ = 0;
  std::uint64_t sizes_ = 0;
  std::uint64_t searches_ = 0;
  std::forward_list<std::int32_t> values_{};
};

struct worker : player<worker, result> {
  worker(std::vector<exchange>& own, const plan& all, std::uint64_t index, sluice::pid master,
         sluice::handle<list> asked)
      : own_(own),
        plan_(all),
        master_(master),
        list_(asked),
        random_(static_cast<std::int64_t>(index + all.requests) + all.write_percent +
                all.size_percent) {
    own_.reserve(all.requests);
  }

  void on(do_work) { ask(); }
  void on(const result& answer) {
    if (!own_.empty()) own_.back().answer = answer.value;
    ask();
  }

  void ask() {
    if (own_.size() == plan_.requests) {
      send(master_, end_work{});
      return exit();
    }
    const std::int64_t draw = random_.next_below(100);
    if (draw < plan_.size_percent) {
      own_.push_back({request::get_size, 0, 0});
      return send(list_, get_size{self()});
    }
    const auto value = static_cast<std::int32_t>(random_.next());
    if (draw < plan_.size_percent + plan_.write_percent) {
      own_.push_back({request::write, value, 0});
      return send(list_, write{self(), value});
    }
    own_.push_back({request::contains, value, 0});
    send(list_, contains{self(), value});
  }

  std::vector<exchange>& own_;
  const plan& plan_;
  sluice::pid master_;
  sluice::handle<list> list_;
  pseudo_random random_;
};

struct master : player<master, end_work> {
  master(outcome& left, const plan& all) : outcome_(left), plan_(all), missing_(all.workers) {}

  void on_start() {
    list_ = create<list>(outcome_);
    for (std::uint64_t i = 0; i < plan_.workers; ++i) {
      send(create<worker>(outcome_.exchanges[i], plan_, i, self(), list_), do_work{});
    }
  }
  void on(end_work) {
    if (--missing_ != 0) return;
    send(list_, end_work{});
    exit();
  }

  outcome& outcome_;
  const plan& plan_;
  std::uint64_t missing_;
  sluice::handle<list> list_{};
};

// What one worker was told, in its order, against its own writes and the list in the end: nothing
// ever leaves a list.
void check_exchanges(iteration& it, const std::vector<exchange>& all,
                     const std::vector<std::int32_t>& in_the_end) {
  std::multiset<std::int32_t> written;
  std::int64_t length = 0;
  for (const exchange& each : all) {
    switch (each.asked) {
      case request::write:
        it.check_that(each.answer == each.value, "a write is answered by its value");
        written.insert(each.value);
        length = std::max(length, std::ssize(written));
        break;
      case request::contains:
        it.check_that(each.answer == 1 || (each.answer == 0 && !written.contains(each.value)),
                      "what was written is contained");
        it.check_that(each.answer == 0 || std::ranges::binary_search(in_the_end, each.value),
                      "what is contained has been written");
        break;
      case request::get_size:
        it.check_that(each.answer >= length && each.answer <= std::ssize(in_the_end),
                      "a list grows");
        length = each.answer;
        break;
    }
  }
}

void check_list(iteration& it, const outcome& left) {
  const std::vector<std::int32_t> values(left.values.begin(), left.values.end());
  it.check_that(std::ranges::is_sorted(values) && values.size() == left.writes,
                "the list is sorted and has each value that was written");
  for (const auto& each : left.exchanges) check_exchanges(it, each, values);
  std::int64_t sum = 0;
  for (const std::int32_t each : values) sum += each;
  it.check("final_length", values.size());
  it.check("sum", sum);
  it.check("min", std::int64_t{values.empty() ? 0 : values.front()});
  it.check("max", std::int64_t{values.empty() ? 0 : values.back()});
  it.check("hash31", hash31(values));
}

void run_concsll(iteration& it) {
  const plan& all = it.keep<plan>(it.parameter("entities"), it.parameter("msgs"),
                                  static_cast<std::int64_t>(it.parameter("write_pct")),
                                  static_cast<std::int64_t>(it.parameter("size_pct")));
  outcome& left = it.keep<outcome>();
  left.exchanges.resize(all.workers);
  it.begin_inner();
  static_cast<void>(it.spawn<master>(left, all));
  it.wait();
  const std::uint64_t requests = all.workers * all.requests;
  it.check_that(left.writes + left.searches + left.sizes == requests,
                "each request is handled once");
  it.check("writes", left.writes);
  it.check("sizes", left.sizes);
  it.check("contains", left.searches);
  check_list(it, left);
  it.check_messages(all.workers + 2 * requests + all.workers + 1);
}

}  // namespace

constinit const program concsll{"concsll",
                                "readers and writers of one sorted list",
                                bound::by_computing,
                                {{"entities", 20, 20, 20},
                                 {"msgs", 8'000, 1'000, 400},
                                 {"write_pct", 10, 10, 10},
                                 {"size_pct", 1, 1, 1}},
                                &run_concsll};

}  // namespace savina
