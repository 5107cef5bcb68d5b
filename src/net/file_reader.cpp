#include "net/file_reader.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "actor/meta_flow.hpp"
#include "io/receive_buffers.hpp"
#include "net/regular_file.hpp"
#include "net/worker_or_parent.hpp"

namespace sluice::inline v0::file {

struct reader::implementation::on_ring {
  on_ring(core::meta_state& meta, implementation& owner)
      : teller(meta), driver(teller.driver()), read(owner), finish(owner), detach(owner) {}

  net::teller teller;
  io::driver& driver;
  io::receive_account* account = nullptr;
  io::bound_operation<implementation, &implementation::on_read> read;
  io::bound_hook<implementation, &implementation::finish> finish;
  io::bound_hook<implementation, &implementation::on_detach> detach;
};

reader::reader(reader_options asked) : inner_(std::make_unique<implementation>(std::move(asked))) {}
reader::~reader() = default;

void reader::on_inspect(inspect_items& items) { inner_->inspect(items); }
void reader::implementation::inspect(inspect_items& items) const {
  items.add("path", options_.path);
  items.set_traffic(bytes_read_, 0);
}

// ---- in the spawner's thread ----

result<void> reader::implementation::open(reader& self) {
  constexpr std::uint32_t chunk_bytes_limit = 1U << 30;
  if (options_.chunk_bytes == 0 || options_.chunk_bytes > chunk_bytes_limit) {
    return error{error_code::bad_argument, 0, "file::reader: chunk_bytes"};
  }
  if (options_.read_bytes_max == 0) {
    return error{error_code::bad_argument, 0, "file::reader: read_bytes_max"};
  }
  if (options_.offset > INT64_MAX) {
    return error{error_code::bad_argument, 0, "file::reader: offset"};
  }
  // Relaxed: the caller's own.
  const core::execution& by = *self.self_->running_on.load(base::relaxed);
  auto worker =
      net::worker_or_parent(by, *self.self_->meta, options_.worker, "file::reader: worker");
  if (!worker) return worker.error();
  options_.worker = *worker;
  auto file = net::open_regular_file(options_.path, O_RDONLY, 0, "file::reader: path");
  if (!file) return file.error();
  file_ = std::move(file).value();
  return {};
}

// ---- on the ring's thread ----

void reader::implementation::begin(core::meta_state& meta) {
  ring_ = std::make_unique<on_ring>(meta, *this);
  ring_->account = &ring_->driver.buffers().open_account({options_.read_bytes_max, 0}, *this);
  ring_->driver.call_at_detach(ring_->detach);
  memory_.reset(new std::byte[options_.chunk_bytes]);
  read();
}

// Also called when all is over, or, when the parent ended during the spawn, before begin().
void reader::implementation::end(const exit_reason& asked) {
  if (ring_ == nullptr || state_ == state::over) return;
  if (!asked_) asked_ = asked;
  close(ECANCELED);
}

void reader::implementation::read() noexcept {
  const std::uint64_t offset = options_.offset + bytes_read_;
  // No file goes beyond INT64_MAX.
  const std::uint64_t left = std::min(options_.bytes_max - bytes_read_, INT64_MAX - offset);
  if (left == 0) return close(0);
  state_ = state::reading;
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, options_.chunk_bytes));
  ring_->driver.start(ring_->read,
                      io::request::read(file_.get(), io::op_site::file_read, {memory_.get(), size},
                                        static_cast<std::int64_t>(offset)));
}

void reader::implementation::on_read(io::completion what) noexcept {
  if (state_ == state::closing) return ring_->driver.call_after_turn(ring_->finish);
  if (what.result > 0) return give(static_cast<std::uint32_t>(what.result));
  if (what.result == -EINTR || what.result == -EAGAIN) return read();
  close(-what.result);
}

void reader::implementation::give(std::uint32_t size) noexcept {
  const std::uint64_t offset = options_.offset + bytes_read_;
  bytes_read_ += size;
  bytes data =
      ring_->driver.buffers().charge(*ring_->account, bytes::copy_of({memory_.get(), size}));
  const send_outcome outcome =
      ring_->teller.tell(options_.worker, file::data{ring_->teller.id(), offset, std::move(data)});
  if (outcome != send_outcome::accepted) {
    bytes_read_ -= size;
    return close(outcome == send_outcome::full ? ENOBUFS : ECANCELED);
  }
  if (!ring_->account->is_exhausted()) return read();
  state_ = state::held;
  ring_->driver.buffers().wait_for_credit(*ring_->account);
}

void reader::implementation::on_receive_credit() noexcept {
  if (state_ == state::held) read();
}

void reader::implementation::close(int os_error) noexcept {
  if (state_ == state::closing || state_ == state::over) return;
  state_ = state::closing;
  os_error_ = os_error;
  ring_->driver.cancel(ring_->read);
  if (!ring_->read.in_flight()) ring_->driver.call_after_turn(ring_->finish);
}

void reader::implementation::finish() noexcept {
  state_ = state::over;
  ring_->driver.buffers().close_account(*ring_->account);
  ring_->driver.forget(file_.get());
  file_.reset();
  ring_->detach.unlink();
  net::teller& teller = ring_->teller;
  if (teller.is_given_up()) return;
  if (teller.is_alive(options_.worker)) {
    teller.tell_surely(options_.worker, ended{teller.id(), os_error_, bytes_read_});  // FR1
  }
  exit_reason reason;
  if (asked_) {
    reason = *asked_;
  } else if (os_error_ != 0) {
    reason = exit_reason::error(error_from_errno(os_error_, "file::reader").message());
  }
  core::leave_start(teller.by(), teller.meta(), std::move(reason));  // *this may be gone now
}

}  // namespace sluice::inline v0::file

namespace sluice::inline v0 {

namespace {

file::reader::implementation& inner_of(void* object) noexcept {
  return static_cast<file::reader*>(object)->inner();
}
result<void> open_reader(void* object) {
  return inner_of(object).open(*static_cast<file::reader*>(object));
}
void begin_reader(void* object, core::meta_state& state) { inner_of(object).begin(state); }
void stop_reader(void* object, const exit_reason& reason) { inner_of(object).end(reason); }
bool drain_reader(void* object, const exit_reason& reason) {
  inner_of(object).end(reason);
  return true;
}

constexpr core::behaviour with_open(core::behaviour what) noexcept {
  what.start = &open_reader;
  return what;
}

}  // namespace

constinit const core::meta_behaviour behaviour_of<file::reader>::value{
    with_open(core::meta_base_behaviour<file::reader>()),
    core::meta_flow::io,
    nullptr,
    &begin_reader,
    &stop_reader,
    &drain_reader};

}  // namespace sluice::inline v0
