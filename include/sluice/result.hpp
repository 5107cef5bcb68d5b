// result<T>: a value or an error, the way every fallible sluice function answers.
//
// An error is a code, the errno behind it (0 if none) and the place that noticed it. It is small,
// trivially copyable and forwarded unchanged. Nothing here throws unless the user asks for a value
// that is not there.
#pragma once

#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// What went wrong. One table (error_codes.cpp) maps errno values to these.
enum class error_code : unsigned char {
  none = 0,
  unknown_address,     ///< the pid, alias or name does not (or no longer) exist
  stopping,            ///< the node is stopping or has stopped
  not_started,         ///< the node has not been started
  already_started,     ///< start() was called twice
  mailbox_full,        ///< a bounded mailbox refused the message
  name_taken,          ///< another process has this name
  bad_argument,        ///< an option or argument is out of its documented range
  bad_address,         ///< a host, port or path could not be understood or resolved
  address_in_use,      ///< EADDRINUSE: the port is taken
  permission_denied,   ///< EACCES, EPERM
  limit_reached,       ///< a named limit: descriptors, processes, memory
  out_of_memory,       ///< ENOMEM, or an arena limit
  connection_refused,  ///< ECONNREFUSED
  connection_reset,    ///< ECONNRESET, EPIPE
  timed_out,           ///< a deadline passed
  cancelled,           ///< the operation was cancelled
  io_unavailable,      ///< io_uring cannot be used here; the message says why and the way out
  init_failed,         ///< init() or on_start() refused or threw
  unhandled,           ///< the receiver has no handler for the message
  receiver_ended,      ///< the receiver ended before it answered
  no_reply,            ///< the receiver let go of the request without an answer
  call_cycle,          ///< who is called waits for the caller (debug builds tell)
  threw,               ///< a function that was offloaded threw; the log has the text
  not_supported,       ///< this build, kernel or context cannot do it
  system,              ///< any other errno
};

/// Returns the fixed English name of a code, for logs.
[[nodiscard]] const char* to_string(error_code code) noexcept;

/// An error: code, the errno behind it or 0, and the place (a string with static storage).
struct error {
  error_code code = error_code::none;
  int os_error = 0;
  const char* place = "";

  /// "address_in_use: Address already in use (98) at tcp::server bind".
  [[nodiscard]] std::string message() const;
  friend bool operator==(const error& left, const error& right) noexcept {
    return left.code == right.code && left.os_error == right.os_error;
  }
};

/// Maps an errno value to an error. `place` must have static storage.
[[nodiscard]] error error_from_errno(int os_error, const char* place) noexcept;

/// Writes `why` to standard error and returns 1: `return sluice::report(started.error());` in a
/// main().
int report(const error& why) noexcept;

namespace detail {
[[noreturn]] void bad_result_access(const error& why);
}

/// A value or an error. Not thread-safe; owned by whoever holds it.
template <class T>
class [[nodiscard]] result {
 public:
  using value_type = T;

  result(T value) : value_(std::move(value)) {}
  result(sluice::error why) noexcept : why_(why) {}

  [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value; throws std::runtime_error (aborts without exceptions) when there is none.
  T& value() & {
    require_value();
    return *value_;
  }
  const T& value() const& {
    require_value();
    return *value_;
  }
  T&& value() && {
    require_value();
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  template <class U>
  [[nodiscard]] T value_or(U&& fallback) && {
    return has_value() ? std::move(*value_) : static_cast<T>(std::forward<U>(fallback));
  }

  /// The error; code none when there is a value.
  [[nodiscard]] sluice::error error() const noexcept { return why_; }

 private:
  void require_value() const {
    if (!has_value()) detail::bad_result_access(error());
  }
  std::optional<T> value_;
  sluice::error why_{};
};

/// Success, or an error.
template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;

  result() noexcept = default;
  result(sluice::error why) noexcept : why_(why), failed_(true) {}

  [[nodiscard]] bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return !failed_; }
  void value() const {
    if (failed_) detail::bad_result_access(why_);
  }
  [[nodiscard]] sluice::error error() const noexcept { return why_; }

 private:
  sluice::error why_{};
  bool failed_ = false;
};

}  // namespace v0
}  // namespace sluice
