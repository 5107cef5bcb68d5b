// What both programs need of the socket interface: addresses, listening, connecting, the clock and
// the pin.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace sluice::bench {

struct address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] bool is_loopback() const;
};

// "127.0.0.1:7000", "[::1]:7000" or "localhost:7000". False leaves a sentence in `problem`.
[[nodiscard]] bool parse_address(const std::string& text, address& out, std::string& problem);

// Each returns a descriptor, or -1 with a sentence in `problem`. All are close-on-exec,
// non-blocking, nodelay.
[[nodiscard]] int listen_on(const address& where, std::string& problem);
[[nodiscard]] int connect_to(const address& where, int timeout_ms, std::string& problem);

// Datagram sockets, blocking, with room for a burst; bound or connected.
[[nodiscard]] int bind_datagrams(const address& where, std::string& problem);
[[nodiscard]] int connect_datagrams(const address& where, std::string& problem);

void set_nodelay(int fd);

// SIGINT, SIGTERM and SIGALRM as one readable descriptor, so that no loop can sleep through them.
[[nodiscard]] int stop_signals_fd();
// Delivers SIGALRM after so many seconds; 0 asks for nothing.
void stop_after(double seconds);

// Binds the calling thread to one CPU. False leaves a sentence in `problem`.
[[nodiscard]] bool pin_to_cpu(int cpu, std::string& problem);

// Raises the soft limit of open descriptors to the hard one, which must be at least `count`.
[[nodiscard]] bool allow_descriptors(std::uint64_t count, std::string& problem);

[[nodiscard]] std::uint64_t now_ns();

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace sluice::bench
