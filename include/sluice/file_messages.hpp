// What file metas say to their workers, and what they are told.
#pragma once

#include <cstdint>

#include <sluice/bytes.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace file {

/// From a reader: bytes of the file, in order. What is not let go of counts against read_bytes_max.
struct data {
  alias id;
  std::uint64_t offset = 0;  ///< of the first one, in the file
  sluice::bytes bytes;
};

/// From a reader: nothing follows; the last message of it, exactly once.
struct ended {
  alias id;
  int os_error = 0;              ///< 0: the end of the file, or of what was asked for
  std::uint64_t bytes_read = 0;  ///< and told
};

/// To an appender: add these bytes to the file. Answered by `written` with the same ticket, in
/// order.
struct write {
  alias id;
  std::uint64_t ticket = 0;  ///< the sender's own
  sluice::bytes bytes;
};

/// From an appender, to the sender of `write`: what became of it. With an error the first
/// bytes_written of it are in the file; later writes are tried all the same.
struct written {
  alias id;
  std::uint64_t ticket = 0;
  std::uint64_t bytes_written = 0;
  int os_error = 0;  ///< ENOSPC, …; ENOBUFS: its queue is full; ECANCELED: it was ended
};

/// To an appender: answered by `synced` once what was sent to it before is on the disk.
struct sync {
  alias id;
  std::uint64_t ticket = 0;
};
struct synced {
  alias id;
  std::uint64_t ticket = 0;
  int os_error = 0;
};

}  // namespace file
}  // namespace v0
}  // namespace sluice
