// filterbank: a signal goes through eight banks of filters side by side and is put together again:
// a static split and join of pipelines.
//
//   driver --next--> producer --boot--> source --next--> producer --boot--> ...
//   source --value--> branches --value--> each bank --value--> delay --value--> fir_filter
//   --value--> sample_filter --value--> delay --value--> fir_filter --value--> tagged_forward
//   --tagged_value--> integrator --collection--> combine --value--> sink
//   The producer's end goes the same way as `leave`; the integrator waits for that of each bank.
#include <cstddef>
#include <deque>

#include "program.hpp"

namespace savina {

namespace {

struct boot {};
struct next {
  sluice::pid source;
};
void spoil(next& message) { message.source = {}; }
struct value {
  double is;
};
void spoil(value& message) { message.is += 1; }
struct tagged_value {
  std::uint32_t channel;
  double is;
};
void spoil(tagged_value& message) { message.is += 1; }
struct collection {
  std::vector<double> values;
};
void spoil(collection& message) { message.values[0] += 1; }
struct leave {};

struct outcome {
  std::uint64_t count = 0;
  std::uint64_t nonzero = 0;
  std::uint64_t first_nonzero_at = 0;
  double first_nonzero = 0;
  double last = 0;
  double sum = 0;
};

struct sink : player<sink, value, leave> {
  explicit sink(outcome& results) : results_(results) {}

  void on(value one) {
    if (one.is != 0 && so_far_.nonzero++ == 0) {
      so_far_.first_nonzero_at = so_far_.count;
      so_far_.first_nonzero = one.is;
    }
    ++so_far_.count;
    so_far_.last = one.is;
    so_far_.sum += one.is;
  }
  void on(leave) {
    results_ = so_far_;
    exit();
    arrive();
  }

  outcome& results_;
  outcome so_far_{};
};

struct combine : player<combine> {
  explicit combine(sluice::pid next) : next_(next) {}

  void on(const collection& all) {
    double sum = 0;
    for (const double each : all.values) sum += each;
    send(next_, value{sum});
  }
  void on(leave) {
    send(next_, leave{});
    exit();
  }

  sluice::pid next_;
};

// The suite's has a list of maps and puts a value into the first that lacks its channel. A channel
// fills them in order, so counting its values finds that one.
struct integrator : player<integrator, tagged_value, leave> {
  integrator(std::size_t channels, sluice::handle<combine> next)
      : next_(next), next_rows_(channels), left_(channels) {}

  void on(const tagged_value& one) {
    if (one.channel >= next_rows_.size()) return fail("there is no such channel");
    const std::size_t at = next_rows_[one.channel]++;
    if (at == rows_.size()) rows_.push_back({std::vector<double>(next_rows_.size()), 0});
    rows_[at].values[one.channel] = one.is;
    if (++rows_[at].count != next_rows_.size()) return;
    require(at == 0, "rows are filled in order");
    send(next_, collection{std::move(rows_.front().values)});
    rows_.pop_front();
    for (std::size_t& each : next_rows_) --each;
  }
  void on(leave) {
    if (--left_ != 0) return;
    require(rows_.empty(), "each row is filled");
    send(next_, leave{});
    exit();
  }

  struct row {
    std::vector<double> values;
    std::size_t count;
  };
  sluice::handle<combine> next_;
  std::vector<std::size_t> next_rows_;  // of each channel, an index into rows_
  std::deque<row> rows_;
  std::size_t left_;
};

struct tagged_forward : player<tagged_forward> {
  tagged_forward(std::uint32_t channel, sluice::pid next) : channel_(channel), next_(next) {}

  void on(value one) { send(next_, tagged_value{channel_, one.is}); }
  void on(leave) {
    send(next_, leave{});
    exit();
  }

  std::uint32_t channel_;
  sluice::pid next_;
};

// The suite's does not turn its buffer: values stand where they came, whatever their age.
template <class Next>
struct fir_filter : player<fir_filter<Next>> {
  fir_filter(std::vector<double> coefficients, sluice::handle<Next> next)
      : coefficients_(std::move(coefficients)), values_(coefficients_.size()), next_(next) {}

  void on(value one) {
    values_[at_] = one.is;
    if (++at_ == values_.size()) {
      at_ = 0;
      is_full_ = true;
    }
    if (!is_full_) return;
    double sum = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      sum += values_[i] * coefficients_[values_.size() - 1 - i];
    }
    this->send(next_, value{sum});
  }
  void on(leave) {
    this->send(next_, leave{});
    this->exit();
  }

  std::vector<double> coefficients_;
  std::vector<double> values_;
  sluice::handle<Next> next_;
  std::size_t at_ = 0;
  bool is_full_ = false;
};

template <class Next>
struct delay : player<delay<Next>> {
  delay(std::size_t length, sluice::handle<Next> next) : values_(length), next_(next) {}

  void on(value one) {
    this->send(next_, value{std::exchange(values_[at_], one.is)});
    if (++at_ == values_.size()) at_ = 0;
  }
  void on(leave) {
    this->send(next_, leave{});
    this->exit();
  }

  std::vector<double> values_;
  sluice::handle<Next> next_;
  std::size_t at_ = 0;
};

using second_delay = delay<fir_filter<tagged_forward>>;

struct sample_filter : player<sample_filter> {
  sample_filter(std::size_t rate, sluice::handle<second_delay> next) : rate_(rate), next_(next) {}

  void on(value one) {
    send(next_, value{at_ == 0 ? one.is : 0});
    if (++at_ == rate_) at_ = 0;
  }
  void on(leave) {
    send(next_, leave{});
    exit();
  }

  std::size_t rate_;
  sluice::handle<second_delay> next_;
  std::size_t at_ = 0;
};

using first_delay = delay<fir_filter<sample_filter>>;

struct shape {
  std::size_t columns;
  std::size_t channels;
};

struct bank : player<bank> {
  bank(std::size_t channel, const shape& all, sluice::pid last)
      : channel_(channel), shape_(all), last_(last) {}

  void on_start() {
    const std::size_t columns = shape_.columns;
    std::vector<double> first_coefficients;
    std::vector<double> second_coefficients;
    for (std::size_t i = 0; i < columns; ++i) {
      const std::size_t j = channel_;
      first_coefficients.push_back(
          static_cast<double>(i * columns + j * shape_.channels + j + i + j + 1));
      second_coefficients.push_back(static_cast<double>(i * j + j * j + j + i));
    }
    const auto forward = create<tagged_forward>(static_cast<std::uint32_t>(channel_), last_);
    const auto second = create<fir_filter<tagged_forward>>(std::move(second_coefficients), forward);
    const auto sampled = create<sample_filter>(columns, create<second_delay>(columns - 1, second));
    const auto first = create<fir_filter<sample_filter>>(std::move(first_coefficients), sampled);
    next_ = create<first_delay>(columns - 1, first);
  }
  void on(value one) { send(next_, one); }
  void on(leave) {
    send(next_, leave{});
    exit();
  }

  std::size_t channel_;
  const shape& shape_;
  sluice::pid last_;
  sluice::handle<first_delay> next_;
};

struct branches : player<branches> {
  branches(const shape& all, sluice::pid last) : shape_(all), last_(last) {}

  void on_start() {
    for (std::size_t i = 0; i < shape_.channels; ++i) {
      banks_.push_back(create<bank>(i, shape_, last_));
    }
  }
  void on(value one) {
    for (const auto& each : banks_) send(each, one);
  }
  void on(leave) {
    for (const auto& each : banks_) send(each, leave{});
    exit();
  }

  const shape& shape_;
  sluice::pid last_;
  std::vector<sluice::handle<bank>> banks_;
};

struct producer : player<producer, next> {
  explicit producer(std::uint64_t simulations) : left_(simulations) {}

  void on(const next& ready) {
    if (left_ == 0) {
      send(ready.source, leave{});
      return exit();
    }
    --left_;
    send(ready.source, boot{});
  }

  std::uint64_t left_;
};

struct source : player<source, boot, leave> {
  source(sluice::handle<producer> feeder, sluice::handle<branches> next)
      : feeder_(feeder), next_(next) {}

  void on(boot) {
    send(next_, value{static_cast<double>(current_)});
    current_ = (current_ + 1) % 1'000;
    send(feeder_, next{self()});
  }
  void on(leave) {
    send(next_, leave{});
    exit();
  }

  sluice::handle<producer> feeder_;
  sluice::handle<branches> next_;
  std::uint64_t current_ = 0;
};

void run_filterbank(iteration& it) {
  const std::uint64_t simulations = it.parameter("simulations");
  const auto& all = it.keep<shape>(shape{it.parameter("columns"), it.parameter("channels")});
  it.check_that(all.columns > 1, "there is something to delay");
  auto& results = it.keep<outcome>();
  const auto last = it.spawn<combine>(it.spawn<sink>(results).id());
  const auto joined = it.spawn<integrator>(all.channels, last);
  const auto split = it.spawn<branches>(all, joined.id());
  const auto first = it.spawn<producer>(simulations);
  it.tell(first, next{it.spawn<source>(first, split).id()});
  it.wait();

  // A filter gives nothing until it is full.
  const auto without = [](std::uint64_t count, std::uint64_t fewer) {
    return count > fewer ? count - fewer : 0;
  };
  const std::uint64_t filtered = without(simulations, all.columns - 1);
  const std::uint64_t twice = without(filtered, all.columns - 1);
  it.check_that(results.count == twice, "as many values come out as the filters leave");
  // next, boot and the source's value; the way to the first filter; to the second; to the end.
  it.check_messages(2 * simulations + 1 + simulations + all.channels * 3 * simulations +
                    all.channels * 3 * filtered + all.channels * 2 * twice + 2 * twice +
                    // leave: to source and branches, down the banks, to combine and sink
                    2 + all.channels * 8 + 2);
  it.check("sink_values", results.count);
  it.check("sum", results.sum, {});
  const auto check_if_published = [&](std::string_view key, double got) {
    if (it.is_published(key)) it.check(key, got, {});
  };
  check_if_published("first_nonzero_index", static_cast<double>(results.first_nonzero_at));
  check_if_published("first_nonzero", results.first_nonzero);
  check_if_published("last", results.last);
  check_if_published("nonzero", static_cast<double>(results.nonzero));
}

}  // namespace

constinit const program filterbank{
    "filterbank",
    "a signal split into eight pipelines of filters and joined again",
    bound::by_messages,
    {{"columns", 100, 100, 100}, {"simulations", 34'816, 16'384, 1'000}, {"channels", 8, 8, 8}},
    &run_filterbank};

}  // namespace savina
