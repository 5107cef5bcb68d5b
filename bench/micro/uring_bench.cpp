// Question: what does a stream add to a bare ring for one echo of a small message?
//
// Both echo SIZE bytes over a socket pair in one thread: the client's send and receive are system
// calls in both, so the difference of the two rows is the io layer's own cost.
#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "io/stream.hpp"
#include "io/uring_driver.hpp"

namespace {

using namespace sluice;

struct socket_pair {
  socket_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    server.reset(fds[0]);
    client.reset(fds[1]);
  }
  base::unique_fd server;
  base::unique_fd client;
};

bool receive_whole(int fd, std::vector<char>& into) {
  return ::recv(fd, into.data(), into.size(), MSG_DONTWAIT | MSG_PEEK) ==
             static_cast<ssize_t>(into.size()) &&
         ::recv(fd, into.data(), into.size(), MSG_DONTWAIT) == static_cast<ssize_t>(into.size());
}

struct echo_handler final : io::stream_handler {
  explicit echo_handler(io::driver& driver) : stream(driver, *this) {}
  void on_bytes(bytes data) noexcept override { static_cast<void>(stream.write(std::move(data))); }
  void on_read_closed() noexcept override {}
  void on_writable() noexcept override {}
  void on_stream_closed(io::close_reason, std::uint64_t, std::uint64_t) noexcept override {
    closed = true;
  }
  bool closed = false;
  io::stream stream;
};

void echo_by_stream(benchmark::State& state) {
  auto driver = std::move(*io::uring_driver::create());
  if (!driver->attach()) return state.SkipWithError("io_uring is not available");
  socket_pair ends;
  echo_handler echo{*driver};
  echo.stream.open(std::move(ends.server));
  std::vector<char> message(static_cast<std::size_t>(state.range(0)), 'm');
  for (auto _ : state) {
    ::send(ends.client.get(), message.data(), message.size(), 0);
    do {
      driver->poll();
    } while (!receive_whole(ends.client.get(), message));
  }
  echo.stream.abort();
  while (!echo.closed) driver->poll();
  driver->detach();
}

/// The same by hand: multishot receive into provided buffers, one send, one enter a turn.
void echo_by_bare_ring(benchmark::State& state) {
  constexpr unsigned count = 256;
  constexpr unsigned buffer_bytes = 16384;
  ::io_uring ring{};
  ::io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
  if (::io_uring_queue_init_params(256, &ring, &params) != 0) {
    return state.SkipWithError("io_uring is not available");
  }
  const std::unique_ptr<char[]> memory{new char[count * buffer_bytes]};
  void* entries = std::aligned_alloc(65536, 65536);
  ::io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries);
  registration.ring_entries = count;
  if (::io_uring_register_buf_ring(&ring, &registration, 0) != 0) std::abort();
  auto* buffers = static_cast<::io_uring_buf_ring*>(entries);
  ::io_uring_buf_ring_init(buffers);
  const auto give = [&](unsigned index) {
    ::io_uring_buf_ring_add(buffers, memory.get() + index * buffer_bytes, buffer_bytes,
                            static_cast<unsigned short>(index), ::io_uring_buf_ring_mask(count), 0);
    ::io_uring_buf_ring_advance(buffers, 1);
  };
  for (unsigned index = 0; index < count; ++index) give(index);

  socket_pair ends;
  ::io_uring_sqe* receive = ::io_uring_get_sqe(&ring);
  ::io_uring_prep_recv_multishot(receive, ends.server.get(), nullptr, 0, 0);
  receive->flags |= IOSQE_BUFFER_SELECT;
  receive->user_data = 1ULL << 32;
  std::vector<char> message(static_cast<std::size_t>(state.range(0)), 'm');
  const auto turn = [&] {
    ::io_uring_submit_and_get_events(&ring);
    ::io_uring_cqe* entry = nullptr;
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_for_each_cqe(&ring, head, entry) {
      ++seen;
      if (entry->user_data < count) {
        give(static_cast<unsigned>(entry->user_data));
      } else if (entry->res > 0) {
        const unsigned index = entry->flags >> IORING_CQE_BUFFER_SHIFT;
        ::io_uring_sqe* send = ::io_uring_get_sqe(&ring);
        ::io_uring_prep_send(send, ends.server.get(), memory.get() + index * buffer_bytes,
                             static_cast<std::size_t>(entry->res), MSG_NOSIGNAL | MSG_WAITALL);
        send->user_data = index;
      }
    }
    ::io_uring_cq_advance(&ring, seen);
  };
  for (auto _ : state) {
    ::send(ends.client.get(), message.data(), message.size(), 0);
    do {
      turn();
    } while (!receive_whole(ends.client.get(), message));
  }
  ::io_uring_queue_exit(&ring);
  std::free(entries);
}

BENCHMARK(echo_by_stream)->Arg(64)->Arg(4096);
BENCHMARK(echo_by_bare_ring)->Arg(64)->Arg(4096);

}  // namespace

BENCHMARK_MAIN();
