// port_program: what is behind port::program: the child, its three pipes, and the worker who is
// told.
//
// Who: open() in the spawner's thread; everything else on the thread of its ring.
//
//            child ends   exit, worker gone   killed, worker full   pipes closed
//  running   leftover     ending: SIGTERM     tearing: SIGKILL      -
//  ending    leftover     -                   tearing: SIGKILL      -     (SIGKILL at the deadline)
//  leftover  -            leftover, bounded   tearing               over
//  tearing   tearing      -                   -                     over, when the child ended
//  over tells exited and leaves.
// Rules
//   PP1 started is the first message to the worker, exited the last, once.
//   PP2 Output that the worker's mailbox refuses ends the program: bytes do not vanish silently.
//   PP3 The child is reaped here, on every way out; a ring that goes first kills it.
//   PP4 The program's own output is read whole before exited, but for ends that were asked for.
#pragma once

#include <optional>

#include <sluice/port.hpp>

#include "actor/execution.hpp"
#include "base/unique_fd.hpp"
#include "io/child_process.hpp"
#include "io/pipe_writer.hpp"
#include "io/timeout.hpp"
#include "io/turn_hook.hpp"
#include "net/frame_encoder.hpp"
#include "net/port_channel.hpp"

namespace sluice::inline v0::port {

struct program::implementation final : private net::port_channel_handler,
                                       private io::pipe_write_handler,
                                       private io::timeout::listener {
 public:
  explicit implementation(program_options asked) noexcept;
  ~implementation();

  /// Validates and starts the program.
  [[nodiscard]] result<void> open(program& self);
  void begin(core::meta_state& state);
  [[nodiscard]] bool drain(const exit_reason& reason);
  void stop();

  void on_input(bytes data);
  void close_input();
  void send_signal(int number);
  void inspect(inspect_items& items);

 private:
  /// What lives on the ring.
  struct on_ring;
  /// Our ends of the child's pipes; not open where there is none.
  struct pipe_ends {
    base::unique_fd input, output, error;
  };

  [[nodiscard]] result<void> check_options() const;
  [[nodiscard]] result<void> check_deliver() const;
  [[nodiscard]] result<void> start_child();
  [[nodiscard]] std::vector<std::string> environment() const;

  void on_output(channel which, bytes data, bool is_cut) noexcept override;
  void on_malformed(const char* reason) noexcept override;
  void on_output_end(channel which) noexcept override;
  void on_pipe_writable() noexcept override;
  void on_pipe_end(int os_error, std::uint64_t bytes_lost) noexcept override;
  void on_timeout() noexcept override;

  void watch_child() noexcept;
  void on_child_event(io::completion what) noexcept;
  void on_child_end(std::optional<io::child_end> end) noexcept;
  void on_detach() noexcept;
  void begin_end() noexcept;
  void tear_down() noexcept;
  void end_leftover(bool at_once) noexcept;
  void settle() noexcept;
  void finish() noexcept;

  template <class M>
  send_outcome tell(M message) noexcept;
  void lose_input(int os_error, std::uint64_t bytes, bool& was_told) noexcept;
  void tell_exited() noexcept;
  [[nodiscard]] exit_reason own_reason() const;

  program_options options_;
  std::optional<net::frame_encoder> framer_;
  std::optional<io::child_process> child_;
  pipe_ends pipes_;  // from open() to begin()
  std::optional<io::child_end> end_;
  alias id_;
  std::unique_ptr<on_ring> ring_;  // from begin() on

  std::optional<exit_reason> asked_;  // to end
  bool is_tearing_ = false;
  bool is_leftover_over_ = false;
  bool is_over_ = false;
  bool worker_has_ended_ = false;
  bool has_lost_output_ = false;
  bool told_input_full_ = false;
  bool told_input_closed_ = false;
  bool told_input_unframed_ = false;
  const char* malformed_ = nullptr;  // why
  std::uint64_t input_bytes_lost_ = 0;
};

}  // namespace sluice::inline v0::port
