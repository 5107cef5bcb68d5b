#include "figures.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "median.hpp"

namespace sluice::bench {

bool print_figures(std::FILE* out, std::string_view workload, std::uint32_t threads,
                   std::span<const figure> figures) {
  for (const figure& each : figures) {
    std::fprintf(out, "%s%s %u %.2f %s\n", std::string{workload}.c_str(),
                 std::string{each.suffix}.c_str(), threads, each.value,
                 std::string{each.unit}.c_str());
  }
  return std::fflush(out) == 0;
}

void print_listed(std::string_view workload, std::string_view what,
                  std::span<const parameter> parameters) {
  std::printf("%-10s %s;", std::string{workload}.c_str(), std::string{what}.c_str());
  for (const parameter& one : parameters) {
    if (one.name.empty()) continue;
    std::printf(" %s=%llu", std::string{one.name}.c_str(),
                static_cast<unsigned long long>(one.value));
  }
  std::printf("\n");
}

void figure_book::copy_lines(std::FILE* from) {
  char line[256], name[64], unit[16];
  double value = 0;
  unsigned threads = 0;
  while (std::fgets(line, sizeof line, from) != nullptr) {
    if (std::sscanf(line, "%63s %u %lf %15s", name, &threads, &value, unit) != 4) continue;
    std::fputs(line, stdout);
    std::fflush(stdout);
    auto found =
        std::find_if(all_.begin(), all_.end(), [&](auto& one) { return one.name == name; });
    if (found == all_.end()) found = all_.insert(found, {name, unit, {}});
    found->values.push_back(value);
  }
}

bool figure_book::print_medians(std::uint32_t threads) const {
  for (const series& each : all_) {
    std::printf("median %s %u %.2f %s\n", each.name.c_str(), threads, median(each.values),
                each.unit.c_str());
  }
  return std::fflush(stdout) == 0;
}

child_end run_in_child(const std::function<bool(std::FILE* out)>& body, figure_book& figures) {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    std::_Exit(body(::fdopen(ends[1], "w")) ? 0 : 1);
  }
  ::close(ends[1]);
  std::FILE* const from = ::fdopen(ends[0], "r");
  figures.copy_lines(from);
  std::fclose(from);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return {};
  return {WIFEXITED(status) && WEXITSTATUS(status) == 0,
          WIFSIGNALED(status) ? WTERMSIG(status) : 0};
}

}  // namespace sluice::bench
