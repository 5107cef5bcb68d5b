// Every call to the host that fails, in turn (README.md).
//
//   faults list                          lives and kinds of calls
//   faults count LIFE KIND               how many calls of the kind the life makes
//   faults fail LIFE KIND NTH            lives it with the NTH failing: what became of it
#include <execinfo.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>

#include "failing.hpp"
#include "lives.hpp"
#include "mem/block_pool.hpp"

using namespace faults;

namespace {

call kind_asked = call::allocation;
std::uint64_t nth_asked = 0;
std::uint64_t counted_then = 0;
bool failed_then = false;

void begin() { arm(kind_asked, nth_asked); }
void end() {
  counted_then = counted();
  failed_then = has_failed();
  disarm();
}

extern "C" char __executable_start;

// Where it ended, for addr2line.
void say_where(const char* how) {
  disarm();
  void* frames[48];
  const int count = ::backtrace(frames, 48);
  std::printf("ended: %s at", how);
  for (int i = 0; i < count; ++i) {
    std::printf(" %llx", static_cast<unsigned long long>(static_cast<char*>(frames[i]) -
                                                         &__executable_start));
  }
  std::printf("\n");
  std::fflush(stdout);
  ::_exit(3);
}
void on_terminate() { say_where("terminate"); }
void on_signal(int) { say_where("signal"); }

template <class Iterator>
std::size_t entries(const char* folder) {
  std::size_t found = 0;
  for ([[maybe_unused]] const auto& each : Iterator{folder}) found += 1;
  return found;
}
std::size_t descriptors() { return entries<std::filesystem::directory_iterator>("/proc/self/fd"); }
std::size_t threads() { return entries<std::filesystem::directory_iterator>("/proc/self/task"); }

int usage() {
  std::fprintf(stderr, "faults: list, count LIFE KIND, fail LIFE KIND NTH\n");
  return 2;
}

}  // namespace

int main(int count, char** words) {
  const std::string verb = count > 1 ? words[1] : "";
  if (verb == "list") {
    for (unsigned i = 0; i < life_count; ++i) {
      for (const char* kind : call_names) std::printf("%s %s\n", lives[i].name, kind);
    }
    return 0;
  }
  if (count < 4) return usage();
  const life* chosen = nullptr;
  for (unsigned i = 0; i < life_count; ++i) {
    if (std::strcmp(lives[i].name, words[2]) == 0) chosen = &lives[i];
  }
  bool is_known = false;
  for (unsigned i = 0; i < static_cast<unsigned>(call::count); ++i) {
    if (std::strcmp(call_names[i], words[3]) == 0) {
      kind_asked = static_cast<call>(i);
      is_known = true;
    }
  }
  if (chosen == nullptr || !is_known) return usage();
  void* warm[1];
  static_cast<void>(::backtrace(warm, 1));  // It loads what it needs on its first use.
  std::set_terminate(&on_terminate);
  for (const int each : {SIGSEGV, SIGABRT, SIGBUS}) std::signal(each, &on_signal);
  ::alarm(60);
  // Twice without failures: what is made once in a process is there then.
  for (int i = 0; i < 2; ++i) static_cast<void>(chosen->live(&begin, &end));
  if (verb == "count") {
    std::printf("%llu\n", static_cast<unsigned long long>(counted_then));
    return 0;
  }
  if (verb != "fail" || count < 5) return usage();
  nth_asked = std::strtoull(words[4], nullptr, 10);
  const auto blocks = sluice::mem::pool().statistics().outstanding_blocks();
  const auto allocations = allocations_out();
  const std::size_t descriptors_before = descriptors();
  const std::size_t threads_before = threads();
  {
    const std::string refused = chosen->live(&begin, &end);
    std::printf("%s%s\n", failed_then ? "" : "not reached ",
                refused.empty() ? "survived" : ("refused: " + refused).c_str());
  }
  int leaks = 0;
  const auto leaked = [&leaks](const char* what, long long by) {
    if (by == 0) return;
    std::printf("leaked: %lld %s\n", by, what);
    leaks += 1;
  };
  leaked("blocks", sluice::mem::pool().statistics().outstanding_blocks() - blocks);
  leaked("descriptors",
         static_cast<long long>(descriptors()) - static_cast<long long>(descriptors_before));
  leaked("threads", static_cast<long long>(threads()) - static_cast<long long>(threads_before));
  if (allocations_out() > allocations) leaked("allocations", allocations_out() - allocations);
  std::fflush(stdout);
  ::_exit(leaks == 0 ? 0 : 4);
}
