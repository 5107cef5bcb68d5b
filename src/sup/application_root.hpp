// application_root: the top supervisor of an application, which says when it has ended.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <sluice/context.hpp>
#include <sluice/supervisor.hpp>

#include "sup/application_book.hpp"

namespace sluice::inline v0::core {

class application_root : public supervisor {
 public:
  application_root(std::shared_ptr<application_book> book, gate* way_in,
                   const application_spec& spec)
      : supervisor(spec.supervision, spec.processes),
        book_(std::move(book)),
        way_in_(way_in),
        name_(spec.name) {}
  // Not in terminate: its name is free and nobody of it is left only here.
  ~application_root() {
    const pid next = book_->ended(name_, why_);
    if (next.is_valid()) {
      static_cast<void>(exit_through(way_in_, next, exit_reason::shutdown()));
    }
  }
  void terminate(const exit_reason& why) { why_ = why; }

 private:
  std::shared_ptr<application_book> book_;
  gate* way_in_;  // outlives the node
  std::string name_;
  exit_reason why_{};
};

}  // namespace sluice::inline v0::core
