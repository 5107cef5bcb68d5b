#include "sockets.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace sluice::bench {
namespace {

std::string failure(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

int fail_and_close(int fd, const char* what, std::string& problem) {
  problem = failure(what);
  ::close(fd);
  return -1;
}

int datagram_socket(const address& where, std::string& problem) {
  const int fd = ::socket(where.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) problem = failure("socket");
  // The privileged form knows no system limit; where it is refused the limit is what there is.
  const int bytes = 4 * 1024 * 1024;
  for (const int option : {SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF, SO_SNDBUFFORCE}) {
    ::setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes);
  }
  return fd;
}

}  // namespace

bool address::is_loopback() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof v6);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return v6.sin6_addr.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

bool parse_address(const std::string& text, address& out, std::string& problem) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    problem = "address '" + text + "' is not HOST:PORT";
    return false;
  }
  std::string host = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (port.find_first_not_of("0123456789") != std::string::npos || port.size() > 5 ||
      std::stoi(port) > 65535) {
    problem = "port '" + port + "' is not a number from 0 to 65535";
    return false;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) {
    problem = "address '" + text + "': " + ::gai_strerror(code);
    return false;
  }
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.length = found->ai_addrlen;
  ::freeaddrinfo(found);
  return true;
}

int listen_on(const address& where, std::string& problem) {
  const int fd = ::socket(where.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    problem = failure("socket");
    return -1;
  }
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  set_nodelay(fd);  // inherited by what it accepts
  if (::bind(fd, where.raw(), where.length) != 0) return fail_and_close(fd, "bind", problem);
  if (::listen(fd, 4096) != 0) return fail_and_close(fd, "listen", problem);
  return fd;
}

int connect_to(const address& where, int timeout_ms, std::string& problem) {
  const int fd = ::socket(where.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    problem = failure("socket");
    return -1;
  }
  set_nodelay(fd);
  if (::connect(fd, where.raw(), where.length) == 0) return fd;
  if (errno != EINPROGRESS) return fail_and_close(fd, "connect", problem);
  pollfd waiting{fd, POLLOUT, 0};
  if (::poll(&waiting, 1, timeout_ms) != 1) {
    errno = ETIMEDOUT;
    return fail_and_close(fd, "connect", problem);
  }
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    errno = error;
    return fail_and_close(fd, "connect", problem);
  }
  return fd;
}

int bind_datagrams(const address& where, std::string& problem) {
  const int fd = datagram_socket(where, problem);
  if (fd >= 0 && ::bind(fd, where.raw(), where.length) != 0) {
    return fail_and_close(fd, "bind", problem);
  }
  return fd;
}

int connect_datagrams(const address& where, std::string& problem) {
  const int fd = datagram_socket(where, problem);
  if (fd >= 0 && ::connect(fd, where.raw(), where.length) != 0) {
    return fail_and_close(fd, "connect", problem);
  }
  return fd;
}

void set_nodelay(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int stop_signals_fd() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGALRM);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void stop_after(double seconds) {
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(seconds);
  timer.it_value.tv_usec =
      static_cast<suseconds_t>((seconds - static_cast<double>(timer.it_value.tv_sec)) * 1e6);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

bool pin_to_cpu(int cpu, std::string& problem) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) == 0) return true;
  problem = "cannot pin to CPU " + std::to_string(cpu) + ": " + std::strerror(errno);
  return false;
}

bool allow_descriptors(std::uint64_t count, std::string& problem) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < count) {
    problem = "needs " + std::to_string(count) + " descriptors, the hard limit is " +
              std::to_string(limit.rlim_max);
    return false;
  }
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return true;
  problem = failure("setrlimit");
  return false;
}

std::uint64_t now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000ull +
         static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace sluice::bench
