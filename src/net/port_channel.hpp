// port_channel: one channel of a program's output: its pipe, and how bytes become messages.
//
// Who: the port's ring thread. The owner is told from poll() only.
// Rules
//   PC1 After the program's end its own bytes are those in the pipe then (at most what a read under
//       way may take is counted too): owes() is true until they were given.
//   PC2 What is given is charged to the pipe's account, also a line or frame that was gathered from
//       several pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include <sluice/port.hpp>

#include "io/pipe_reader.hpp"
#include "net/frame_decoder.hpp"
#include "net/line_splitter.hpp"

namespace sluice::inline v0::net {

class port_channel;

class port_channel_handler {
 public:
  virtual void on_output(port::channel which, bytes data, bool is_cut) noexcept = 0;
  /// Nothing is given after it; close() is owed.
  virtual void on_malformed(const char* reason) noexcept = 0;
  /// Last; the descriptor is closed.
  virtual void on_output_end(port::channel which) noexcept = 0;

 protected:
  ~port_channel_handler() = default;
};

class port_channel final : private io::pipe_read_handler {
 public:
  port_channel(port::channel which, io::driver& on, port_channel_handler& handler) noexcept
      : which_(which), handler_(handler), reader_(on, *this) {}

  void open(base::unique_fd pipe, const port::program_options& options);
  /// Reads no more.
  void close() noexcept;
  /// The program has ended: PC1 begins.
  void note_program_end() noexcept;
  [[nodiscard]] bool owes() const noexcept;

  [[nodiscard]] bool is_closed() const noexcept { return reader_.is_closed(); }
  /// Whether all was given: its end was seen, not made here.
  [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return reader_.bytes_read(); }

 private:
  void on_pipe_bytes(io::pipe_reader& from, bytes data) noexcept override;
  void on_pipe_end(io::pipe_reader& from, int os_error) noexcept override;
  void give(bytes part, bool is_cut, const bytes& piece) noexcept;
  void take_frames(const bytes& piece) noexcept;

  const port::channel which_;
  port_channel_handler& handler_;
  io::pipe_reader reader_;
  std::optional<line_splitter> lines_;
  std::optional<frame_decoder> frames_;
  std::uint64_t owed_until_ = 0;  // of bytes_read
  bool is_complete_ = true;
};

}  // namespace sluice::inline v0::net
