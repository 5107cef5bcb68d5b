// signals_watcher: what is behind signals::watcher: a signalfd, read when there is something.
//
// Who: open() in the spawner's thread; everything else on the thread of its ring.
//
//            ready     read, EAGAIN   error, worker gone, exit
//  waiting   reading   -              closing
//  reading   -         waiting        closing
//  closing   …the operation is reaped, the descriptor closed: over
// Rules
//   SW1 Masks and dispositions are looked at, never changed.
#pragma once

#include <sys/signalfd.h>

#include <array>
#include <memory>
#include <optional>

#include <sluice/signals.hpp>

#include "actor/execution.hpp"
#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "net/teller.hpp"

namespace sluice::inline v0::signals {

struct watcher::implementation final {
 public:
  explicit implementation(watcher_options asked) noexcept : options_(std::move(asked)) {}

  [[nodiscard]] result<void> open(watcher& self);
  void begin(core::meta_state& state);
  void end(const exit_reason& asked);

 private:
  struct on_ring;

  [[nodiscard]] result<void> open_signalfd();
  void wait() noexcept;
  void on_ready(io::completion what) noexcept;
  void on_read(io::completion what) noexcept;
  void tell(const ::signalfd_siginfo& what) noexcept;
  void on_detach() noexcept { close(); }
  void close() noexcept;
  void settle() noexcept;
  void finish() noexcept;

  watcher_options options_;
  base::unique_fd fd_;
  std::array<::signalfd_siginfo, 8> read_{};
  std::uint32_t lost_ = 0;
  std::optional<exit_reason> reason_;  // to end
  bool is_closing_ = false;
  bool is_over_ = false;
  std::unique_ptr<on_ring> ring_;  // from begin() on
};

}  // namespace sluice::inline v0::signals
