// One io_uring for one thread, with the flags that measured best for loopback echo: completions run
// only inside our own enter (DEFER_TASKRUN), the kernel sets a flag in shared memory when some are
// waiting (TASKRUN_FLAG), one thread submits (SINGLE_ISSUER). Used by the bare servers; independent
// of the library so that a mistake there cannot move the baseline.
//
// Rules: R1 open() runs on the thread that uses the ring. R2 a provided buffer is returned once, by
// whoever holds its id. R3 get_sqe() may submit when the queue is full, so it is never called
// between linked operations.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice::bench {

// A completion, copied out of the queue.
struct completion {
  std::uint64_t user_data;
  std::int32_t result;
  std::uint32_t flags;
};

class ring {
 public:
  ring() = default;
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;
  ~ring();

  // False leaves a sentence in `problem` that names the cause (forbidden by sysctl or seccomp, too
  // old a kernel).
  [[nodiscard]] bool open(unsigned sq_entries, unsigned cq_entries, std::string& problem);

  // The one descriptor of entries flagged IOSQE_FIXED_FILE, by index 0: spares its look-up an
  // operation.
  [[nodiscard]] bool register_file(int fd, std::string& problem);

  [[nodiscard]] io_uring_sqe* get_sqe();
  // Everything queued is handed to the kernel; what is ready to complete completes; never sleeps.
  void submit();
  // The same, but returns only with at least one completion, or when `timeout_ns` (0: none) has
  // passed.
  void submit_and_wait(std::uint64_t timeout_ns);
  // Looks at the task-run flag for so long without a system call. True: an enter would bring
  // completions.
  [[nodiscard]] bool poll_task_run(std::uint64_t nanoseconds) const;

  [[nodiscard]] bool has_completion() const { return io_uring_cq_ready(&ring_) != 0; }
  [[nodiscard]] std::uint64_t enters() const { return enters_; }

  // Copies up to `capacity` completions out and gives their places back to the kernel.
  [[nodiscard]] unsigned drain(completion* out, unsigned capacity);

  // The provided-buffer ring, group 0. `count` is a power of two.
  [[nodiscard]] bool open_buffers(unsigned count, unsigned size, std::string& problem);
  [[nodiscard]] char* buffer(unsigned id) const { return memory_ + std::size_t{id} * buffer_size_; }
  void give_back(unsigned id) {
    io_uring_buf_ring_add(buffers_, buffer(id), buffer_size_, static_cast<std::uint16_t>(id),
                          static_cast<int>(buffer_count_ - 1), static_cast<int>(returned_++));
  }
  void publish_buffers() {
    if (returned_ == 0) return;
    io_uring_buf_ring_advance(buffers_, static_cast<int>(returned_));
    returned_ = 0;
  }
  [[nodiscard]] unsigned buffer_count() const { return buffer_count_; }
  [[nodiscard]] unsigned buffer_size() const { return buffer_size_; }

 private:
  io_uring ring_{};
  bool is_open_ = false;
  std::uint64_t enters_ = 0;
  io_uring_buf_ring* buffers_ = nullptr;
  char* memory_ = nullptr;
  unsigned buffer_count_ = 0;
  unsigned buffer_size_ = 0;
  unsigned returned_ = 0;  // given back since the last publish_buffers()
};

// user_data: what completed, and for which connection.
enum class op : std::uint8_t { accept, connect, receive, send, drain_send, signal, ignored };

inline std::uint64_t pack(op kind, std::uint32_t slot) {
  return (static_cast<std::uint64_t>(kind) << 32) | slot;
}
inline op kind_of(std::uint64_t user_data) { return static_cast<op>(user_data >> 32); }
inline std::uint32_t slot_of(std::uint64_t user_data) {
  return static_cast<std::uint32_t>(user_data);
}

}  // namespace sluice::bench
