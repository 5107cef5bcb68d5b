// Files as messages: a reader, which tells a file's bytes to a worker, and an appender, which adds
// what it is sent to the end of a file.
//
// Both are I/O metas. With io_uring the kernel reads and writes beside their thread; the epoll
// driver does it in place, and a slow disk then stops all that lives on that ring's thread.
// Regular files only: pipes and devices are for a meta of your own (io.hpp, blocking.hpp).
// An ordered exit of an appender writes what it was sent before (for at most flush_time_max); a
// killed one answers what it has taken with ECANCELED. A reader ends with its file.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <sluice/file_messages.hpp>
#include <sluice/meta.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace file {

struct reader_options {
  std::string path{};
  std::uint64_t offset = 0;
  std::uint64_t bytes_max = UINT64_MAX;  ///< read at most so many
  std::uint32_t chunk_bytes = 64 * 1024;
  /// Bytes told and not let go of, before the file is read no further.
  std::uint32_t read_bytes_max = 256 * 1024;
  /// Who is told; default the process that spawned the reader (the node itself is none).
  pid worker{};
  meta_options meta{};
};

/// Reads a file from an offset to the end that it has when it is reached, and ends. Tells
/// file::data…, file::ended. Errors of its spawn: those of open(2) (os_error says which),
/// not_supported (no regular file, a node without rings), bad_argument (path, sizes, worker).
class reader : public meta_base {
 public:
  using options = reader_options;
  using listed_messages = messages<>;

  explicit reader(reader_options asked);
  ~reader();

  void on_inspect(inspect_items& items);

  struct implementation;  ///< src/net/file_reader.hpp
  [[nodiscard]] implementation& inner() noexcept { return *inner_; }

 private:
  std::unique_ptr<implementation> inner_;
};

struct appender_options {
  std::string path{};
  bool create = true;
  std::uint32_t mode = 0640;  ///< of a file that is made, less the host's umask
  bool truncate = false;      ///< begin with an empty file
  /// A write or sync beyond it is refused: ENOBUFS. An order counts its data and less than 100
  /// more.
  std::uint64_t queue_bytes_max = 4 * 1024 * 1024;
  std::chrono::milliseconds flush_time_max{5000};
  meta_options meta{};
};

/// For the library, from an appender to itself: what was sent before the wish to end was handled.
struct end_of_orders {};

/// Appends what it is sent (file::write, file::sync), one after the other; each is answered to its
/// sender. Errors of its spawn as the reader's.
class appender : public meta_base {
 public:
  using options = appender_options;
  using listed_messages = messages<end_of_orders>;

  explicit appender(appender_options asked);
  ~appender();

  void on(file::write&& message);
  void on(const file::sync& message);
  void on(const end_of_orders& message);
  void on_inspect(inspect_items& items);

  struct implementation;  ///< src/net/file_appender.hpp
  [[nodiscard]] implementation& inner() noexcept { return *inner_; }

 private:
  std::unique_ptr<implementation> inner_;
};

}  // namespace file

template <>
struct behaviour_of<file::reader> {
  static const core::meta_behaviour value;
};
template <>
struct behaviour_of<file::appender> {
  static const core::meta_behaviour value;
};

}  // namespace v0
}  // namespace sluice
