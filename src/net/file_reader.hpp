// file_reader: what is behind file::reader: one read in flight, whose bytes go to the worker.
//
// Who: open() in the spawner's thread; everything else on the thread of its ring.
//
//            bytes read   account exhausted   credit    end, error, worker gone or full, exit
//  reading   reading      held                -         closing
//  held      -            -                   reading   closing
//  closing   …the read is reaped, the descriptor closed, ended told: over
// Rules
//   FR1 ended is the last message to the worker, once.
//   FR2 What is given is charged until it is let go of.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include <sluice/file.hpp>

#include "actor/execution.hpp"
#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "net/teller.hpp"

namespace sluice::inline v0::file {

struct reader::implementation final : private io::credit_listener {
 public:
  explicit implementation(reader_options asked) noexcept : options_(std::move(asked)) {}

  [[nodiscard]] result<void> open(reader& self);
  void begin(core::meta_state& meta);
  void end(const exit_reason& asked);
  void inspect(inspect_items& items) const;

 private:
  struct on_ring;

  void read() noexcept;
  void on_read(io::completion what) noexcept;
  void give(std::uint32_t size) noexcept;
  void on_receive_credit() noexcept override;
  void on_detach() noexcept { close(ECANCELED); }
  void close(int os_error) noexcept;
  void finish() noexcept;

  enum class state : std::uint8_t { idle, reading, held, closing, over };

  reader_options options_;
  base::unique_fd file_;
  state state_ = state::idle;
  int os_error_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::optional<exit_reason> asked_;
  std::unique_ptr<std::byte[]> memory_;
  std::unique_ptr<on_ring> ring_;  // from begin() on
};

}  // namespace sluice::inline v0::file
