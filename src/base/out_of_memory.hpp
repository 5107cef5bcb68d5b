// out_of_memory: the edge between code that lets std::bad_alloc through and calls that promise none
#pragma once

#include <new>
#include <utility>

#include <sluice/result.hpp>

namespace sluice::inline v0::base {

/// What `body` answers, a result<>; when it finds no memory, an error out_of_memory that names
/// `where` (kept, not copied). `body` leaves things as they were when it throws.
template <class Body>
[[nodiscard]] auto or_out_of_memory(const char* where, Body&& body) -> decltype(body()) {
#if defined(__cpp_exceptions)
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return error{error_code::out_of_memory, 0, where};
  }
#else
  static_cast<void>(where);
  return body();
#endif
}

/// Runs `body`. False: it found no memory, and left things as they were.
template <class Body>
[[nodiscard]] bool has_memory_for(Body&& body) {
#if defined(__cpp_exceptions)
  try {
    body();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
#else
  body();
  return true;
#endif
}

/// Takes back what was done, unless it is kept: for the steps that follow and may throw.
template <class Undo>
class undo_unless_kept {
 public:
  explicit undo_unless_kept(Undo how) : how_(std::move(how)) {}
  undo_unless_kept(const undo_unless_kept&) = delete;
  undo_unless_kept& operator=(const undo_unless_kept&) = delete;
  ~undo_unless_kept() {
    if (!is_kept_) how_();
  }
  void keep() noexcept { is_kept_ = true; }

 private:
  Undo how_;
  bool is_kept_ = false;
};

}  // namespace sluice::inline v0::base
