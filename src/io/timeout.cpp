#include "io/timeout.hpp"

namespace sluice::inline v0::io {

void timeout::start(base::nanoseconds_t deadline_ns) {
  const bool is_earlier = deadline_ns < deadline_ns_;
  deadline_ns_ = deadline_ns;
  armed_ = true;
  if (!operation_.in_flight()) return submit();
  if (!is_earlier) return;  // it fires at the old deadline and is started again then
  spec_.tv_sec = deadline_ns_ / 1'000'000'000;
  spec_.tv_nsec = deadline_ns_ % 1'000'000'000;
  const std::uint64_t number = uring_driver::number_of(operation_);
  driver_.start_ignored([&](::io_uring_sqe* entry) {
    ::io_uring_prep_timeout_update(entry, &spec_, number, IORING_TIMEOUT_ABS);
  });
}

void timeout::cancel() noexcept {
  armed_ = false;
  driver_.cancel(operation_);
}

void timeout::submit() {
  spec_.tv_sec = deadline_ns_ / 1'000'000'000;
  spec_.tv_nsec = deadline_ns_ % 1'000'000'000;
  driver_.start(operation_, [this](::io_uring_sqe* entry) {
    ::io_uring_prep_timeout(entry, &spec_, 0, IORING_TIMEOUT_ABS);
  });
}

void timeout::on_completion(completion) noexcept {
  if (armed_ && !driver_.is_stopping()) {
    if (base::now_ns() < deadline_ns_) return submit();  // moved, or cancelled and started again
    armed_ = false;
    return told_.on_timeout_expired();
  }
  armed_ = false;
  told_.on_timeout_idle();
}

}  // namespace sluice::inline v0::io
