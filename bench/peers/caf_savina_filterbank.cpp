// filterbank on CAF: a signal goes through eight banks of filters side by side and is put together
// again.
//
//   driver --next--> producer --boot--> source --next--> producer --boot--> ...
//   source --value--> branches --value--> each bank --value--> delay --value--> fir_filter
//   --value--> sample_filter --value--> delay --value--> fir_filter --value--> tagged_forward
//   --tagged_value--> integrator --collection--> combine --value--> sink
//   The producer's end goes the same way as `finish`; the integrator waits for that of each bank.
#include <deque>

#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

struct boot {};
struct next {
  caf::actor source;
};
void spoil(next& message) { message.source = nullptr; }
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
struct finish {};

struct signal {
  std::uint64_t count = 0;
  std::uint64_t nonzero = 0;
  std::uint64_t first_nonzero_at = 0;
  double first_nonzero = 0;
  double last = 0;
  double sum = 0;
};

struct sink : player<sink, value, finish> {
  sink(caf::actor_config& config, signal& results) : player(config), results_(results) {}

  void on(value one) {
    if (one.is != 0 && so_far_.nonzero++ == 0) {
      so_far_.first_nonzero_at = so_far_.count;
      so_far_.first_nonzero = one.is;
    }
    ++so_far_.count;
    so_far_.last = one.is;
    so_far_.sum += one.is;
  }
  void on(finish) {
    results_ = so_far_;
    quit();
    arrive();
  }

  signal& results_;
  signal so_far_{};
};

// An actor that hands what it makes to the next one, and its end.
template <class Self, class... Messages>
struct stage : player<Self, Messages..., finish> {
  stage(caf::actor_config& config, caf::actor next)
      : player<Self, Messages..., finish>(config), next_(std::move(next)) {}

  void end() {
    this->tell(next_, finish{});
    this->quit();
  }
  void forget() override { next_ = nullptr; }

  caf::actor next_;
};

struct combine : stage<combine, collection> {
  using stage::stage;

  void on(const collection& all) {
    double sum = 0;
    for (const double each : all.values) sum += each;
    tell(next_, value{sum});
  }
  void on(finish) { end(); }
};

// A channel fills the rows in order, so counting its values finds the one that lacks it.
struct integrator : stage<integrator, tagged_value> {
  integrator(caf::actor_config& config, std::size_t channels, caf::actor next)
      : stage(config, std::move(next)), next_rows_(channels), left_(channels) {}

  void on(const tagged_value& one) {
    if (one.channel >= next_rows_.size()) return fail("there is no such channel");
    const std::size_t at = next_rows_[one.channel]++;
    if (at == rows_.size()) rows_.push_back({std::vector<double>(next_rows_.size()), 0});
    rows_[at].values[one.channel] = one.is;
    if (++rows_[at].count != next_rows_.size()) return;
    require(at == 0, "rows are filled in order");
    tell(next_, collection{std::move(rows_.front().values)});
    rows_.pop_front();
    for (std::size_t& each : next_rows_) --each;
  }
  void on(finish) {
    if (--left_ != 0) return;
    require(rows_.empty(), "each row is filled");
    end();
  }

  struct row {
    std::vector<double> values;
    std::size_t count;
  };
  std::vector<std::size_t> next_rows_;  // of each channel, an index into rows_
  std::deque<row> rows_;
  std::size_t left_;
};

struct tagged_forward : stage<tagged_forward, value> {
  tagged_forward(caf::actor_config& config, std::uint32_t channel, caf::actor next)
      : stage(config, std::move(next)), channel_(channel) {}

  void on(value one) { tell(next_, tagged_value{channel_, one.is}); }
  void on(finish) { end(); }

  std::uint32_t channel_;
};

// The suite's does not turn its buffer: values stand where they came, whatever their age.
struct fir_filter : stage<fir_filter, value> {
  fir_filter(caf::actor_config& config, std::vector<double> coefficients, caf::actor next)
      : stage(config, std::move(next)),
        coefficients_(std::move(coefficients)),
        values_(coefficients_.size()) {}

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
    tell(next_, value{sum});
  }
  void on(finish) { end(); }

  std::vector<double> coefficients_;
  std::vector<double> values_;
  std::size_t at_ = 0;
  bool is_full_ = false;
};

struct delay : stage<delay, value> {
  delay(caf::actor_config& config, std::size_t length, caf::actor next)
      : stage(config, std::move(next)), values_(length) {}

  void on(value one) {
    tell(next_, value{std::exchange(values_[at_], one.is)});
    if (++at_ == values_.size()) at_ = 0;
  }
  void on(finish) { end(); }

  std::vector<double> values_;
  std::size_t at_ = 0;
};

struct sample_filter : stage<sample_filter, value> {
  sample_filter(caf::actor_config& config, std::size_t rate, caf::actor next)
      : stage(config, std::move(next)), rate_(rate) {}

  void on(value one) {
    tell(next_, value{at_ == 0 ? one.is : 0});
    if (++at_ == rate_) at_ = 0;
  }
  void on(finish) { end(); }

  std::size_t rate_;
  std::size_t at_ = 0;
};

struct shape {
  std::size_t columns;
  std::size_t channels;
};

// `next_` is the integrator until it has made its filters.
struct bank : stage<bank, value> {
  bank(caf::actor_config& config, std::size_t channel, const shape& all, caf::actor last)
      : stage(config, std::move(last)), channel_(channel), shape_(all) {}

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
    next_ = create<tagged_forward>(static_cast<std::uint32_t>(channel_), std::move(next_));
    next_ = create<fir_filter>(std::move(second_coefficients), std::move(next_));
    next_ = create<delay>(columns - 1, std::move(next_));
    next_ = create<sample_filter>(columns, std::move(next_));
    next_ = create<fir_filter>(std::move(first_coefficients), std::move(next_));
    next_ = create<delay>(columns - 1, std::move(next_));
  }
  void on(value one) { tell(next_, one); }
  void on(finish) { end(); }

  std::size_t channel_;
  const shape& shape_;
};

struct branches : player<branches, value, finish> {
  branches(caf::actor_config& config, const shape& all, caf::actor last)
      : player(config), shape_(all), last_(std::move(last)) {}

  void on_start() {
    for (std::size_t i = 0; i < shape_.channels; ++i) {
      banks_.push_back(create<bank>(i, shape_, last_));
    }
  }
  void on(value one) {
    for (const auto& each : banks_) tell(each, one);
  }
  void on(finish) {
    for (const auto& each : banks_) tell(each, finish{});
    quit();
  }
  void forget() override {
    last_ = nullptr;
    banks_.clear();
  }

  const shape& shape_;
  caf::actor last_;
  roster banks_;
};

struct producer : player<producer, next> {
  producer(caf::actor_config& config, std::uint64_t simulations)
      : player(config), left_(simulations) {}

  void on(const next& ready) {
    if (left_ == 0) {
      tell(ready.source, finish{});
      return quit();
    }
    --left_;
    tell(ready.source, boot{});
  }

  std::uint64_t left_;
};

struct signal_source : stage<signal_source, boot> {
  signal_source(caf::actor_config& config, caf::actor feeder, caf::actor next)
      : stage(config, std::move(next)), feeder_(std::move(feeder)) {}

  void on(boot) {
    tell(next_, value{static_cast<double>(current_)});
    current_ = (current_ + 1) % 1'000;
    tell(feeder_, next{self()});
  }
  void on(finish) { end(); }
  void forget() override {
    stage::forget();
    feeder_ = nullptr;
  }

  caf::actor feeder_;
  std::uint64_t current_ = 0;
};

// How many messages a run has: a filter gives nothing until it is full.
struct traffic {
  std::uint64_t values;  // that come out
  std::uint64_t messages;
};

traffic expected_traffic(std::uint64_t simulations, const shape& all) {
  const auto without = [](std::uint64_t count, std::uint64_t fewer) {
    return count > fewer ? count - fewer : 0;
  };
  const std::uint64_t filtered = without(simulations, all.columns - 1);
  const std::uint64_t twice = without(filtered, all.columns - 1);
  // next, boot and the source's value; the way to the first filter; to the second; to the end.
  const std::uint64_t values = 2 * simulations + 1 + simulations + all.channels * 3 * simulations +
                               all.channels * 3 * filtered + all.channels * 2 * twice + 2 * twice;
  // To source and branches, down the banks, to combine and sink.
  const std::uint64_t finishes = 2 + all.channels * 8 + 2;
  return {twice, values + finishes};
}

void run_filterbank(iteration& it) {
  const std::uint64_t simulations = it.parameter("simulations");
  const auto& all = it.keep<shape>(shape{it.parameter("columns"), it.parameter("channels")});
  it.check_that(all.columns > 1, "there is something to delay");
  auto& results = it.keep<signal>();
  roster& first = it.share();
  first.push_back(it.spawn<producer>(simulations));
  it.tell(
      first.front(),
      next{it.spawn<signal_source>(
          first.front(),
          it.spawn<branches>(all, it.spawn<integrator>(
                                      all.channels, it.spawn<combine>(it.spawn<sink>(results)))))});
  it.wait();

  const traffic expected = expected_traffic(simulations, all);
  it.check_that(results.count == expected.values, "as many values come out as the filters leave");
  it.check_messages(expected.messages);
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
    {{"columns", 100, 100, 100}, {"simulations", 34'816, 16'384, 1'000}, {"channels", 8, 8, 8}},
    scheduler::stealing,
    &run_filterbank};

}  // namespace caf_savina
