// A host program. It uses a node and checks that sluice owns nothing of its host: threads,
// descriptors, signal dispositions and mask, affinity, environment and locale are the same before
// start() and after stop(), and loading the library has changed none of them.
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include <sluice/sluice.hpp>

using namespace std::chrono_literals;

struct add {
  int amount;
};
struct total {
  std::shared_ptr<std::promise<int>> answer;
};
struct counter : sluice::actor<counter> {
  int value = 0;
  void on(add message) { value += message.amount; }
  void on(total asked) { asked.answer->set_value(value); }
};

namespace {

constexpr int cycles = 20;
constexpr int sends = 100;
// How long the kernel may take to forget a thread or a ring that is already gone for us.
constexpr auto settle_limit = 5s;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "embed: %s\n", what.c_str());
  std::exit(1);
}

std::set<std::string> entries_of(const char* folder) {
  std::set<std::string> names;
  DIR* open_folder = opendir(folder);
  if (open_folder == nullptr) fail(std::string("cannot read ") + folder);
  const std::string own = std::to_string(dirfd(open_folder));
  while (const dirent* entry = readdir(open_folder)) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && name != own) names.insert(name);
  }
  closedir(open_folder);
  return names;
}

std::string signals() {
  std::string text;
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action = {};
    if (sigaction(number, nullptr, &action) != 0) continue;
    if (action.sa_handler != SIG_DFL) text += " handled:" + std::to_string(number);
  }
  sigset_t mask;
  sigemptyset(&mask);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  for (int number = 1; number < NSIG; ++number) {
    if (sigismember(&mask, number) == 1) text += " blocked:" + std::to_string(number);
  }
  return text;
}

/// What a host would notice, as text, so that a difference can be read.
std::string snapshot() {
  std::string text = "threads:";
  for (const std::string& name : entries_of("/proc/self/task")) text += " " + name;
  text += "\ndescriptors:";
  for (const std::string& name : entries_of("/proc/self/fd")) text += " " + name;
  text += "\nsignals:" + signals();
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  text += "\ncpus: " + std::to_string(CPU_COUNT(&cpus));
  text += std::string("\nlocale: ") + std::setlocale(LC_ALL, nullptr) + "\nenvironment:";
  for (char** variable = environ; *variable != nullptr; ++variable) {
    text += std::string(" ") + *variable;
  }
  return text;
}

/// A joined thread stays visible for a moment, and a closed ring is taken down in the background,
/// so the snapshot may need a few looks; it may not need longer than the limit.
void require_same(const std::string& before, const char* when) {
  const auto limit = std::chrono::steady_clock::now() + settle_limit;
  std::string now = snapshot();
  while (now != before && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
    now = snapshot();
  }
  if (now != before) fail(std::string(when) + "\n--- before\n" + before + "\n--- now\n" + now);
}

void require_untouched_at_main() {
  if (entries_of("/proc/self/task").size() != 1) fail("loading sluice started a thread");
  if (entries_of("/proc/self/fd") != std::set<std::string>{"0", "1", "2"}) {
    fail("loading sluice opened a descriptor\n" + snapshot());
  }
  if (!signals().empty()) fail("loading sluice changed a signal:" + signals());
}

void use(sluice::node& node) {
  auto spawned = node.spawn<counter>();
  if (!spawned) fail("spawn: " + spawned.error().message());
  auto c = spawned.value();
  for (int i = 0; i < sends; ++i) (void)c.send(add{1});
  const auto promised = std::make_shared<std::promise<int>>();
  auto answer = promised->get_future();
  if (c.send(total{promised}) != sluice::send_outcome::accepted) fail("send: not accepted");
  if (answer.wait_for(5s) != std::future_status::ready) fail("the counter does not answer");
  const int value = answer.get();
  if (value != sends) fail("the counter says " + std::to_string(value));
}

void start(sluice::node& node) {
  auto started = node.start();
  if (!started) fail("start: " + started.error().message());
  if (entries_of("/proc/self/task").size() < 2) fail("a started node has no thread");
}

void one_node(const std::string& before) {
  sluice::node node{"embed@localhost"};
  require_same(before, "making a node changed the host");
  start(node);
  use(node);
  (void)node.stop(5s);
  require_same(before, "stop() did not put everything back");
}

void two_nodes(const std::string& before) {
  sluice::node first{"first@localhost"};
  sluice::node second{"second@localhost"};
  start(first);
  start(second);
  use(first);
  use(second);
  (void)first.stop(5s);
  use(second);
  (void)second.stop(5s);
  require_same(before, "two nodes did not put everything back");
}

}  // namespace

int main() {
  require_untouched_at_main();
  const std::string before = snapshot();
  for (int cycle = 0; cycle < cycles; ++cycle) one_node(before);
  two_nodes(before);
  require_same(before, "destroyed nodes left something behind");
  std::puts("embed: ok");
  return 0;
}
