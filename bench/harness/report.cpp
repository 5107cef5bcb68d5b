#include "report.hpp"

#include <algorithm>
#include <cstdio>

#include "median.hpp"
#include "statistics.hpp"

namespace sluice::bench {

namespace {

void write_list(std::FILE* to, const std::vector<double>& values) {
  std::fputs("[", to);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::fprintf(to, "%s%.6g", i == 0 ? "" : ", ", values[i]);
  }
  std::fputs("]", to);
}

void write_statistics(std::FILE* to, const char* name, const std::vector<double>& values) {
  const statistics all = summarise(values);
  std::fprintf(to,
               "  \"%s\": {\"kept\": %zu, \"best\": %.6g, \"worst\": %.6g, \"median\": %.6g, "
               "\"arithmetic_mean\": %.6g, \"geometric_mean\": %.6g, \"harmonic_mean\": %.6g, "
               "\"deviation\": %.6g, \"interval_95\": %.6g, \"variation\": %.6g, "
               "\"skewness\": %.6g},\n",
               name, all.kept, all.best, all.worst, all.median, all.arithmetic_mean,
               all.geometric_mean, all.harmonic_mean, all.deviation, all.interval, all.variation,
               all.skewness);
}

void print_figure(const char* before, const std::string& name, std::uint32_t threads, double value,
                  const std::string& unit) {
  std::printf("%s%s %u %.3f %s\n", before, name.c_str(), threads, value, unit.c_str());
}

}  // namespace

void series::add_measured(const measurement& one) {
  std::string name{what_.name};
  if (!one.suffix.empty()) name += '-' + one.suffix;
  print_figure("", name, given_.threads, one.value, one.unit);
  auto found = std::ranges::find(measured_, name, &figures::name);
  if (found == measured_.end()) found = measured_.insert(found, {name, one.unit, {}});
  found->values.push_back(one.value);
}

void series::add(const iteration& done) {
  const std::string name{what_.name};
  if (has_times()) {
    print_figure("", name, given_.threads, done.total_ms(), "ms");
    print_figure("", name + "-inner", given_.threads, done.inner_ms(), "ms");
  }
  for (const measurement& each : done.measured()) add_measured(each);
  std::fflush(stdout);
  total_ms_.push_back(done.total_ms());
  inner_ms_.push_back(done.inner_ms());
  messages_ = done.sums().sent;
  checked_against_ = done.published_name();
  for (const auto& [key, value] : done.notes()) {
    auto found = std::ranges::find(notes_, key, &decltype(notes_)::value_type::first);
    if (found == notes_.end()) found = notes_.insert(notes_.end(), {key, {}});
    found->second.push_back(value);
  }
}

void series::print_summary() const {
  const std::string name{what_.name};
  if (has_times()) {
    print_figure("median ", name, given_.threads, median(total_ms_), "ms");
    print_figure("median ", name + "-inner", given_.threads, median(inner_ms_), "ms");
  }
  for (const figures& each : measured_) {
    print_figure("median ", each.name, given_.threads, median(each.values), each.unit);
  }
  print_statistics();
  for (const auto& [key, values] : notes_) {
    std::printf("# %s: %.6g (median)\n", key.c_str(), median(values));
  }
}

void series::print_statistics() const {
  const statistics all = summarise(total_ms_);
  std::printf(
      "# %zu of %zu kept: best %.3f worst %.3f mean %.3f/%.3f/%.3f (a/g/h) deviation %.3f +- %.3f "
      "variation %.3f skewness %.2f; %llu messages; checked against: %s\n",
      all.kept, total_ms_.size(), all.best, all.worst, all.arithmetic_mean, all.geometric_mean,
      all.harmonic_mean, all.deviation, all.interval, all.variation, all.skewness,
      static_cast<unsigned long long>(messages_),
      checked_against_.empty() ? "the protocol only" : checked_against_.c_str());
}

bool series::write_json(const std::string& path) const {
  std::FILE* const to = std::fopen(path.c_str(), "w");
  if (to == nullptr) return false;
  std::fprintf(to, "{\n  \"program\": \"%s\",\n  \"threads\": %u,\n  \"messages\": %llu,\n",
               std::string{what_.name}.c_str(), given_.threads,
               static_cast<unsigned long long>(messages_));
  std::fprintf(to, "  \"checked_against\": \"%s\",\n  \"total_ms\": ", checked_against_.c_str());
  write_list(to, total_ms_);
  std::fputs(",\n  \"inner_ms\": ", to);
  write_list(to, inner_ms_);
  std::fputs(",\n", to);
  write_statistics(to, "total", total_ms_);
  write_statistics(to, "inner", inner_ms_);
  for (const figures& each : measured_) {
    std::fprintf(to, "  \"%s %s\": ", each.name.c_str(), each.unit.c_str());
    write_list(to, each.values);
    std::fputs(",\n", to);
  }
  std::fputs("  \"notes\": {", to);
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    std::fprintf(to, "%s\"%s\": ", i == 0 ? "" : ", ", notes_[i].first.c_str());
    write_list(to, notes_[i].second);
  }
  std::fputs("}\n}\n", to);
  return std::fclose(to) == 0;
}

}  // namespace sluice::bench
