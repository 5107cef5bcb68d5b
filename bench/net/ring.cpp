#include "ring.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "sockets.hpp"

namespace sluice::bench {
namespace {

[[noreturn]] void die(const char* what, int error) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(error));
  std::exit(3);
}

// What an enter may report and the loop simply goes on from: completions are looked at next in any
// case.
bool is_passing(int result) {
  return result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY ||
         result == -ETIME;
}

}  // namespace

ring::~ring() {
  if (is_open_) io_uring_queue_exit(&ring_);
  if (memory_ != nullptr) ::munmap(memory_, std::size_t{buffer_count_} * buffer_size_);
  if (buffers_ != nullptr) ::munmap(buffers_, buffer_count_ * sizeof(io_uring_buf));
}

bool ring::open(unsigned sq_entries, unsigned cq_entries, std::string& problem) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED |
                 IORING_SETUP_CQSIZE;
  params.cq_entries = cq_entries;
  const int code = io_uring_queue_init_params(sq_entries, &ring_, &params);
  if (code < 0) {
    problem = std::string("io_uring_setup: ") + std::strerror(-code);
    if (code == -EPERM || code == -ENOSYS) {
      problem += " (forbidden by seccomp or by the sysctl kernel.io_uring_disabled)";
    }
    if (code == -EINVAL) problem += " (needs Linux 6.1 or newer)";
    return false;
  }
  is_open_ = true;
  // liburing 2.3 declares io_uring_enable_rings but does not export it: the system call itself.
  if (::syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) !=
      0) {
    problem = std::string("enabling the ring: ") + std::strerror(errno);
    return false;
  }
  io_uring_register_ring_fd(&ring_);  // spares a descriptor look-up an enter; works without
  return true;
}

bool ring::register_file(int fd, std::string& problem) {
  const int code = io_uring_register_files(&ring_, &fd, 1);
  if (code < 0) problem = std::string("registering a file: ") + std::strerror(-code);
  return code >= 0;
}

io_uring_sqe* ring::get_sqe() {
  for (;;) {
    if (io_uring_sqe* entry = io_uring_get_sqe(&ring_)) return entry;
    ++enters_;
    const int code = io_uring_submit(&ring_);
    if (!is_passing(code)) die("io_uring_enter", -code);
  }
}

void ring::submit() {
  ++enters_;
  const int code = io_uring_submit_and_get_events(&ring_);
  if (!is_passing(code)) die("io_uring_enter", -code);
}

void ring::submit_and_wait(std::uint64_t timeout_ns) {
  ++enters_;
  int code = 0;
  if (timeout_ns == 0) {
    code = io_uring_submit_and_wait(&ring_, 1);
  } else {
    __kernel_timespec limit{};
    limit.tv_sec = static_cast<long long>(timeout_ns / 1'000'000'000ull);
    limit.tv_nsec = static_cast<long long>(timeout_ns % 1'000'000'000ull);
    io_uring_cqe* first = nullptr;
    code = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
  }
  if (!is_passing(code)) die("io_uring_enter", -code);
}

bool ring::poll_task_run(std::uint64_t nanoseconds) const {
  const std::uint64_t until = now_ns() + nanoseconds;
  do {
    for (int i = 0; i < 8; ++i) {
      if ((__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN) != 0) {
        return true;  // only a hint: the enter that follows orders everything
      }
      cpu_relax();
    }
  } while (now_ns() < until);
  return false;
}

unsigned ring::drain(completion* out, unsigned capacity) {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(&ring_, head, entry) {
    if (count == capacity) break;
    out[count++] = completion{entry->user_data, entry->res, entry->flags};
  }
  io_uring_cq_advance(&ring_, count);
  return count;
}

bool ring::open_buffers(unsigned count, unsigned size, std::string& problem) {
  const int rights = PROT_READ | PROT_WRITE;
  const int kind = MAP_PRIVATE | MAP_ANONYMOUS;
  void* entries = ::mmap(nullptr, count * sizeof(io_uring_buf), rights, kind, -1, 0);
  void* bytes = ::mmap(nullptr, std::size_t{count} * size, rights, kind | MAP_POPULATE, -1, 0);
  if (entries == MAP_FAILED || bytes == MAP_FAILED) {
    problem = std::string("memory for buffers: ") + std::strerror(errno);
    return false;
  }
  buffers_ = static_cast<io_uring_buf_ring*>(entries);
  memory_ = static_cast<char*>(bytes);
  buffer_count_ = count;
  buffer_size_ = size;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries);
  registration.ring_entries = count;
  registration.bgid = 0;
  const int code = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (code < 0) {
    problem = std::string("registering buffers: ") + std::strerror(-code);
    return false;
  }
  io_uring_buf_ring_init(buffers_);
  for (unsigned id = 0; id < count; ++id) give_back(id);
  publish_buffers();
  return true;
}

}  // namespace sluice::bench
