// What a watcher of signals says to its worker.
#pragma once

#include <cstdint>

#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace signals {

/// A signal came. Those of one number that come before it was read are one, as always with signals
/// below 32.
struct caught {
  alias id;
  int number = 0;
  int code = 0;                  ///< si_code: SI_USER, SI_QUEUE, CLD_EXITED, …
  int sender_os_pid = 0;         ///< 0: the kernel
  std::uint32_t sender_uid = 0;  ///< its real user
  int value = 0;                 ///< of sigqueue(3)
  std::uint32_t lost = 0;        ///< caught before, which the worker's mailbox refused
};

}  // namespace signals
}  // namespace v0
}  // namespace sluice
