// What a port (a program that runs beside the node) says to its worker, and what it is told.
#pragma once

#include <cstdint>

#include <sluice/bytes.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace port {

/// What a program writes to.
enum class channel : std::uint8_t { output, error };

/// The program runs; the first message of it.
struct started {
  alias id;
  int os_pid = 0;  ///< for logs: it may be another process's by the time it is read
};

/// What the program wrote: a chunk, a line or a frame, as the port's options say; in the order
/// written, of each channel. What is not let go of counts against output_bytes_max.
struct output {
  alias id;
  channel which = channel::output;
  /// Lines: no line feed ended it, because it is longer than line_bytes_max (the rest follows) or
  /// the output ended. Frames: the output ended within it.
  bool is_cut = false;
  sluice::bytes bytes;
};

/// To a port: bytes for the program to read.
struct input {
  alias id;
  sluice::bytes bytes;
};

/// To a port: no more input; what was sent before is still written.
struct close_input {
  alias id;
};

/// To a port: send the program (with own_group: all of its group) this signal.
struct send_signal {
  alias id;
  int number = 0;
};

/// The queue of input fell under its low mark after having been above the high one.
struct writable {
  alias id;
};

/// Input that the program will not read: the first of each kind is told, the sum is in exited.
struct input_lost {
  alias id;
  /// EPIPE: it closed its input, or that was closed here. ENOBUFS: the queue is full. EINVAL: the
  /// port's framing cannot make a frame of it.
  int os_error = 0;
  std::uint64_t bytes = 0;
};

/// The program has ended and this is the last message of it, exactly once for each started. (When
/// the worker's mailbox is full it overtakes what is in there.)
struct exited {
  alias id;
  int code = -1;   ///< what it returned; -1: a signal ended it, or nobody knows
  int signal = 0;  ///< the signal that ended it, or 0
  /// False: somebody else reaped it, because the host ignores SIGCHLD or waits for any child.
  bool is_known = false;
  /// False: it wrote more than was told (the worker's mailbox was full, the port was killed, or
  /// its descendants held the output open for longer than leftover_time_max).
  bool is_output_complete = true;
  bool is_output_malformed = false;  ///< not what the framing asks for: the program was killed
  std::uint64_t output_bytes = 0;    ///< read from it
  std::uint64_t input_bytes = 0;     ///< written to it
  std::uint64_t input_bytes_lost = 0;
};

}  // namespace port
}  // namespace v0
}  // namespace sluice
