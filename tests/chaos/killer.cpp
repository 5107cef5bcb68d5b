#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/random.hpp"
#include "base/unique_fd.hpp"
#include "chaos.hpp"

namespace chaos {
namespace {

using sluice::base::random_source;
using sluice::base::unique_fd;

/// When a client is killed, and how.
enum class manner : unsigned {
  untouched,       // before it said anything: reset
  in_header,       // reset in the length of a frame
  in_payload,      // reset in its payload
  closed_inside,   // an orderly end in its payload
  half_closed,     // the sending half alone, then waits for the other end
  while_answered,  // reset when the first byte of the answer is here
  while_flooding,  // reset with much sent and nothing read
  none,            // lives, and must hear what it said
  count
};

constexpr std::uint32_t payload_bytes_max = 3000;

unique_fd dial(const killing& how, std::uint64_t number) {
  unique_fd made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!made.is_open()) return {};
  const int one = 1;
  ::setsockopt(made.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  ::sockaddr_in own{};
  own.sin_family = AF_INET;  // Many addresses: ports in TIME_WAIT are no limit.
  own.sin_addr.s_addr = htonl(0x7f000000u | static_cast<std::uint32_t>(number % 60000 + 256));
  ::bind(made.get(), reinterpret_cast<const ::sockaddr*>(&own), sizeof own);
  const ::timeval patience{30, 0};
  ::setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(how.port);
  if (::connect(made.get(), reinterpret_cast<const ::sockaddr*>(&to), sizeof to) != 0) return {};
  return made;
}

void reset(unique_fd& which) {
  const ::linger at_once{1, 0};
  ::setsockopt(which.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  which.reset();
}

std::string frame_of(random_source& random) {
  const std::uint32_t size = 1 + random.next_below(payload_bytes_max);
  std::string made(4 + size, static_cast<char>('a' + random.next_below(26)));
  const std::uint32_t head = htonl(size);
  std::memcpy(made.data(), &head, sizeof head);
  return made;
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// What is there until the end, at most `bytes_max`; false: a reset, or nothing for too long.
bool read_some(int fd, std::size_t bytes_max, std::string& into) {
  char part[8192];
  while (into.size() < bytes_max) {
    const auto got = ::recv(fd, part, std::min(sizeof part, bytes_max - into.size()), 0);
    if (got == 0) return true;
    if (got < 0) return false;
    into.append(part, static_cast<std::size_t>(got));
  }
  return true;
}

struct tally {
  std::uint64_t killed_inside = 0;
  std::uint64_t answered = 0;
  std::uint64_t refused = 0;
};

/// False: it lived and was not answered, or what it waited for did not come.
bool one_client(const killing& how, std::uint64_t number, random_source& random, tally& sum) {
  const bool lives = number % 16 == 0;
  const auto kind =
      lives ? manner::none
            : static_cast<manner>(random.next_below(static_cast<std::uint32_t>(manner::none)));
  unique_fd own = dial(how, number);
  if (!own.is_open()) {
    sum.refused += 1;
    return how.may_be_refused;
  }
  std::string said;
  for (std::uint32_t i = random.next_below(4); i != 0; --i) said += frame_of(random);
  const std::string last = frame_of(random);
  const std::size_t cut = kind == manner::in_header ? 1 + random.next_below(3)
                          : kind == manner::untouched
                              ? 0
                              : 4 + random.next_below(static_cast<std::uint32_t>(last.size() - 4));
  switch (kind) {
    case manner::untouched: reset(own); return true;
    case manner::in_header:
    case manner::in_payload:
      send_all(own.get(), said + last.substr(0, cut));
      reset(own);
      sum.killed_inside += 1;
      return true;
    case manner::closed_inside:
      send_all(own.get(), last.substr(0, cut));
      own.reset();
      sum.killed_inside += 1;
      return true;
    case manner::half_closed: {
      std::string heard;
      const bool is_sent = send_all(own.get(), last.substr(0, cut));
      ::shutdown(own.get(), SHUT_WR);
      sum.killed_inside += 1;
      // It ends: nobody keeps half a frame for ever. By a reset, too.
      const bool is_over = read_some(own.get(), SIZE_MAX, heard) || errno == ECONNRESET;
      return (is_sent && is_over && heard.empty()) || how.may_be_refused;
    }
    case manner::while_answered: {
      std::string heard;
      send_all(own.get(), last + last.substr(0, cut));
      static_cast<void>(read_some(own.get(), 1, heard));
      reset(own);
      sum.killed_inside += 1;
      return true;
    }
    case manner::while_flooding:
      for (int i = 0; i < 20; ++i) said += last;
      send_all(own.get(), said + last.substr(0, cut));
      reset(own);
      sum.killed_inside += 1;
      return true;
    case manner::none:
    case manner::count: break;
  }
  said += last;
  std::string heard;
  const bool is_heard = send_all(own.get(), said) && ::shutdown(own.get(), SHUT_WR) == 0 &&
                        read_some(own.get(), SIZE_MAX, heard) && heard == said;
  if (is_heard) sum.answered += 1;
  if (!is_heard) sum.refused += 1;
  if (!is_heard && !how.may_be_refused) {
    std::printf("failed: client %llu said %zu bytes and heard %zu (%s)\n",
                static_cast<unsigned long long>(number), said.size(), heard.size(),
                std::strerror(errno));
  }
  return is_heard || how.may_be_refused;
}

}  // namespace

int kill_clients(const killing& how) {
  random_source random{how.seed};
  tally sum;
  std::uint64_t broken = 0;
  for (std::uint64_t number = 0; number < how.count && broken < 5; ++number) {
    if (!one_client(how, number, random, sum)) broken += 1;
  }
  std::printf("clients: killed inside %llu, answered %llu, refused %llu, broken %llu\n",
              static_cast<unsigned long long>(sum.killed_inside),
              static_cast<unsigned long long>(sum.answered),
              static_cast<unsigned long long>(sum.refused),
              static_cast<unsigned long long>(broken));
  return broken == 0 ? 0 : 1;
}

}  // namespace chaos
