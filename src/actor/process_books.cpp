#include "actor/process_books.hpp"

#include "actor/activation.hpp"
#include "actor/delivery.hpp"
#include "actor/process_extension.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

namespace {

void run_counted(sched::work* job, sched::worker& on) {
  const execution& by = execution_on(on);
  // The process may be gone when it has run.
  const std::shared_ptr<process_books> books = slot_of(job).extension->seldom->books;
  // Relaxed, all: counts.
  const std::uint64_t handled = by.counters.handled.load(base::relaxed);
  const std::uint64_t sent = by.counters.sent.load(base::relaxed);
  const std::uint64_t begin = base::ticks();
  run_process(job, on);
  books->busy_ticks.fetch_add(base::ticks() - begin, base::relaxed);
  books->messages_in.fetch_add(by.counters.handled.load(base::relaxed) - handled, base::relaxed);
  books->messages_out.fetch_add(by.counters.sent.load(base::relaxed) - sent, base::relaxed);
  books->activations.fetch_add(1, base::relaxed);
}

}  // namespace

const process_books& begin_books(slot& self) {
  auto& books = make_seldom(self).books;
  if (books == nullptr) {
    books = std::make_shared<process_books>();
    if (self.job.run == &run_process) self.job.run = &run_counted;
  }
  return *books;
}

sched::work::run_function usual_run_of(const slot& self) noexcept {
  const seldom_used* const more = seldom_or_null(self);
  return more != nullptr && more->books != nullptr ? &run_counted : &run_process;
}

}  // namespace sluice::inline v0::core
