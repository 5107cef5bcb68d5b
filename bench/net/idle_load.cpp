#include "idle_load.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "cpu_time.hpp"
#include "pattern.hpp"

namespace sluice::bench {
namespace {

constexpr int answer_timeout_ms = 5000;

bool send_all(int fd, const char* from, std::size_t length) {
  for (std::size_t sent = 0; sent < length;) {
    const ssize_t more = ::send(fd, from + sent, length - sent, MSG_NOSIGNAL);
    if (more < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (more > 0) sent += static_cast<std::size_t>(more);
  }
  return true;
}

bool receive_all(int fd, char* to, std::size_t length) {
  for (std::size_t received = 0; received < length;) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, answer_timeout_ms) != 1) return false;
    const ssize_t more = ::recv(fd, to + received, length - received, 0);
    if (more == 0 || (more < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (more > 0) received += static_cast<std::size_t>(more);
  }
  return true;
}

bool is_echoed(int fd, const pattern& stream, std::vector<char>& message) {
  stream.write(0, message.data(), message.size());
  return send_all(fd, message.data(), message.size()) &&
         receive_all(fd, message.data(), message.size()) &&
         stream.find_mismatch(0, message.data(), message.size()) == pattern::all_match;
}

double each(std::uint64_t before, std::uint64_t after, std::uint32_t count) {
  return (static_cast<double>(after) - static_cast<double>(before)) / count;
}

}  // namespace

int load_with_idle(const load_options& options, const address& to, std::uint64_t seed,
                   std::string& problem) {
  const std::uint64_t resident_before = resident_bytes_of(options.watch_pid);
  if (resident_before == 0) {
    problem = "the memory of process " + std::to_string(options.watch_pid) + " cannot be read";
    return 2;
  }
  const std::uint64_t kernel_before = kernel_object_bytes();
  std::vector<int> descriptors;
  std::vector<char> message(options.size_bytes);
  for (std::uint32_t index = 0; index < options.connections; ++index) {
    const int fd = connect_to(to, answer_timeout_ms, problem);
    if (fd < 0) return 2;
    descriptors.push_back(fd);
    if (!is_echoed(fd, pattern(seed, index), message)) {
      std::fprintf(stderr, "sluice-load: connection %u was not answered rightly\n", index);
      return 1;
    }
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the server comes to rest
  const std::uint64_t resident_after = resident_bytes_of(options.watch_pid);
  const std::uint64_t kernel_after = kernel_object_bytes();
  const std::uint64_t cpu_before = cpu_ns_of(options.watch_pid);
  std::this_thread::sleep_for(std::chrono::nanoseconds(options.window_ns));
  const std::uint64_t cpu_after = cpu_ns_of(options.watch_pid);
  for (const int fd : descriptors) ::close(fd);

  std::printf("idle, %u connections after %llu bytes each; the kernel's memory is of both ends\n",
              options.connections, static_cast<unsigned long long>(options.size_bytes));
  std::printf("rss_before=%llu rss_after=%llu bytes_each=%.0f kernel_bytes_each=%.0f\n",
              static_cast<unsigned long long>(resident_before),
              static_cast<unsigned long long>(resident_after),
              each(resident_before, resident_after, options.connections),
              each(kernel_before, kernel_after, options.connections));
  std::printf("idle_cpu_us=%.0f idle_s=%.2f errors=0\n",
              static_cast<double>(cpu_after - cpu_before) / 1000.0,
              static_cast<double>(options.window_ns) * 1e-9);
  return 0;
}

}  // namespace sluice::bench
