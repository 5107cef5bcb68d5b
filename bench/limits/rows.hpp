// limits: what one operation costs on this machine, so that the runtime's figures can be read as
// multiples of it. Each row is measured `runs` times and reported as its median. Rows that need a
// second CPU are skipped by name where there is none.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sluice::bench {

struct cpu_pair {
  int first = -1;
  int second = -1;  // -1: there is only one
};

class rows {
 public:
  rows(int runs, double scale, std::string only, cpu_pair cpus)
      : runs_(runs), scale_(scale), only_(std::move(only)), cpus_(cpus) {}

  // `measure(iterations)` returns the value of one run; `iterations` is scaled by --quick.
  using measurement = std::function<double(std::uint64_t iterations)>;
  void measure(const std::string& name, const char* unit, std::uint64_t iterations,
               const measurement& run);
  // The same for a row that needs both CPUs.
  void measure_pair(const std::string& name, const char* unit, std::uint64_t iterations,
                    const measurement& run);
  void skip(const std::string& name, const char* why);

  [[nodiscard]] cpu_pair cpus() const { return cpus_; }
  [[nodiscard]] bool write_json(const std::string& path) const;

 private:
  struct row {
    std::string name;
    std::string unit;
    double median = 0;
    double least = 0;
    double most = 0;
    std::string skipped;
  };

  [[nodiscard]] bool is_wanted(const std::string& name) const;

  int runs_;
  double scale_;
  std::string only_;
  cpu_pair cpus_;
  std::vector<row> rows_;
};

// The rows, by what they are about; one file each.
void measure_cpu(rows& out);     // cpu_rows.cpp: instructions, cache lines, calls, clocks
void measure_queues(rows& out);  // queue_rows.cpp: raw MPSC queues, one producer to one consumer
void measure_memory(rows& out);  // memory_rows.cpp: allocation local and remote, page faults
void measure_kernel(rows& out);  // kernel_rows.cpp: futex wakes, yield

// Helpers of the rows.
void pin_self(int cpu);
[[nodiscard]] std::uint64_t now_ns();

// Tells the optimiser that the value is used, and that memory may have changed.
template <class T>
inline void keep(T& value) {
  asm volatile("" : "+m"(value) : : "memory");
}

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// Runs `first` pinned to the first CPU and `second` to the second, both released together;
// nanoseconds from the release until both have returned.
[[nodiscard]] double run_pair(cpu_pair cpus, const std::function<void()>& first,
                              const std::function<void()>& second);

}  // namespace sluice::bench
