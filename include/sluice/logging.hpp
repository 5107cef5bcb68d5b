// What a process does with its log lines beside log(): their level, their fields, and hearing those
// of others.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <sluice/context.hpp>
#include <sluice/log.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

void set_log_level(slot& self, log_severity from) noexcept;
[[nodiscard]] std::size_t push_log_field(slot& self, std::string_view name, std::string_view value);
void pop_log_fields(slot& self, std::size_t depth) noexcept;
void receive_log(slot& self, log_severity from);
bool stop_receiving_log(slot& self) noexcept;

}  // namespace core

/// A field of a process's log lines until this goes, with all that were pushed after it. Of the
/// process that made it, and used by it alone.
class [[nodiscard]] log_scope {
 public:
  log_scope(core::slot& self, std::string_view name, std::string_view value)
      : self_(&self), depth_(core::push_log_field(self, name, value)) {}
  log_scope(log_scope&& other) noexcept
      : self_(std::exchange(other.self_, nullptr)), depth_(other.depth_) {}
  log_scope& operator=(log_scope&&) = delete;
  ~log_scope() {
    if (self_ != nullptr) core::pop_log_fields(*self_, depth_);
  }

 private:
  core::slot* self_;
  std::size_t depth_;
};

namespace core {

template <class Base>
class logging : public Base {
 public:
  /// Lines below it are left out from here on.
  void set_log_level(log_severity from) noexcept { core::set_log_level(*this->self_, from); }
  /// Adds a field to this process's lines, while the answer lives.
  [[nodiscard]] log_scope with_log_field(std::string_view name, std::string_view value) const {
    return log_scope{*this->self_, name, value};
  }
  /// From here on `on(const log_record&)` hears the node's lines from this severity on, but for its
  /// own, in the lowest lane. What its mailbox refuses is lost.
  void receive_log(log_severity from = log_severity::info) {
    core::receive_log(*this->self_, from);
  }
  bool stop_receiving_log() noexcept { return core::stop_receiving_log(*this->self_); }
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
