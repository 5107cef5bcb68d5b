// io_flow: the start coroutine of an I/O meta between its resumptions.
//
// One operation is under way at a time. Its completion, its timer or the stop resumes the coroutine
// on the home worker's thread, inside a start_flow_scope; when the coroutine has ended, the flow
// leaves.
//
//            wait        completion, timer   stop
//  running   waiting     -                   (stop noted: the next wait answers cancelled)
//  waiting   -           running             running (sleep, stop), or when the kernel has let go
//  over      -           -                   -
#include <poll.h>

#include <cerrno>
#include <new>
#include <utility>

#include <sluice/io.hpp>

#include "actor/delivery.hpp"
#include "actor/life.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/start_flow_scope.hpp"
#include "base/assert.hpp"
#include "io/driver.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

class io_flow {
 public:
  explicit io_flow(meta_state& of) noexcept : meta(of), context(*this) {}

  meta_state& meta;
  io::context context;
  io_wait* waiting = nullptr;
  bool is_stopping = false;
  bool is_over = false;
  exit_reason reason{};

  [[nodiscard]] io::driver& driver() noexcept {
    // I/O metas live on workers that own one (core::spawn_meta).
    return static_cast<io::driver&>(meta.home->parking());
  }
};

namespace {

struct ring_wait final : io::operation {
  explicit ring_wait(io_wait& of) noexcept : operation(&on_completion), wait(of) {}
  static void on_completion(io::operation& self, io::completion what) noexcept;
  io_wait& wait;
};

struct timed_wait final : sched::timer {
  explicit timed_wait(io_wait& of) noexcept : wait(of) { on_due = &on_timer; }
  static void on_timer(sched::timer& due, sched::worker&);
  io_wait& wait;
};

static_assert(sizeof(ring_wait) <= sizeof(io_wait::inner));
static_assert(sizeof(timed_wait) <= sizeof(io_wait::inner));

ring_wait& ring_part(io_wait& wait) noexcept {
  return *std::launder(reinterpret_cast<ring_wait*>(wait.inner));
}
timed_wait& timed_part(io_wait& wait) noexcept {
  return *std::launder(reinterpret_cast<timed_wait*>(wait.inner));
}

void end_wait(io_wait& wait, std::int32_t outcome) noexcept {
  io_flow& flow = *wait.flow;
  wait.result = outcome;
  flow.waiting = nullptr;
  resume_flow(flow, wait.waiting);
}

void ring_wait::on_completion(io::operation& self, io::completion what) noexcept {
  io_wait& wait = static_cast<ring_wait&>(self).wait;
  static_cast<ring_wait&>(self).~ring_wait();
  end_wait(wait, what.result);
}

void timed_wait::on_timer(sched::timer& due, sched::worker&) {
  io_wait& wait = static_cast<timed_wait&>(due).wait;
  static_cast<timed_wait&>(due).~timed_wait();
  end_wait(wait, 0);
}

void start_request(io_wait& wait, const io::request& what) noexcept {
  wait.flow->driver().start(*new (wait.inner) ring_wait{wait}, what);
}

}  // namespace

bool start_wait(io_wait& wait) noexcept {
  io_flow& flow = *wait.flow;
  SLUICE_ASSERT(flow.waiting == nullptr, "start() awaits two operations at once");
  if (flow.is_stopping) {
    wait.result = wait.kind == wait_kind::stop ? 0 : -ECANCELED;
    return false;
  }
  flow.waiting = &wait;
  switch (wait.kind) {
    case wait_kind::stop: break;
    case wait_kind::sleep: {
      auto* timed = new (wait.inner) timed_wait{wait};
      const base::nanoseconds_t now = base::now_ns();
      const base::nanoseconds_t time = wait.time_ns < 0 ? 0 : wait.time_ns;
      flow.meta.home->timers().arm(
          *timed, time > base::no_deadline - 1 - now ? base::no_deadline - 1 : now + time);
      break;
    }
    case wait_kind::readable:
      start_request(wait, io::request::poll(wait.fd, io::op_site::flow_poll, POLLIN));
      break;
    case wait_kind::writable:
      start_request(wait, io::request::poll(wait.fd, io::op_site::flow_poll, POLLOUT));
      break;
    case wait_kind::read:
      start_request(wait,
                    io::request::read(wait.fd, io::op_site::flow_read, {wait.memory, wait.bytes}));
      break;
    case wait_kind::write:
      start_request(
          wait, io::request::write(wait.fd, io::op_site::flow_write, {wait.memory, wait.bytes}));
      break;
  }
  return true;
}

result<std::size_t> result_of(const io_wait& wait) noexcept {
  if (wait.result < 0) return error_from_errno(-wait.result, "io::context");
  return static_cast<std::size_t>(wait.result);
}

io_flow& make_io_flow(meta_state& state) {
  state.flow = new io_flow{state};
  return *state.flow;
}

void resume_flow(io_flow& flow, std::coroutine_handle<> coroutine) noexcept {
  meta_state& meta = flow.meta;
  execution& by = execution_on(*meta.home);
  {
    const start_flow_scope scope{by, meta.self};
    coroutine.resume();
    by.end_run_of_sends();
  }
  if (!flow.is_over) return;
  exit_reason reason = std::move(flow.reason);
  drop_io_flow(meta);
  leave_start(by, meta, std::move(reason));
}

void flow_is_over(io_flow& flow, exit_reason reason) noexcept {
  flow.is_over = true;
  flow.reason = std::move(reason);
}

exit_reason current_exception_reason() noexcept {
  return reason_of_current_exception(exit_code::exception);
}

void stop_io_flow(meta_state& state) noexcept {
  io_flow* const flow = state.flow;
  if (flow == nullptr || flow->is_stopping) return;
  flow->is_stopping = true;
  io_wait* const wait = flow->waiting;
  if (wait == nullptr) return;
  switch (wait->kind) {
    case wait_kind::stop: end_wait(*wait, 0); return;
    case wait_kind::sleep:
      state.home->timers().cancel(timed_part(*wait));
      timed_part(*wait).~timed_wait();
      end_wait(*wait, -ECANCELED);
      return;
    default: flow->driver().cancel(ring_part(*wait)); return;  // It ends by its completion.
  }
}

void drop_io_flow(meta_state& meta) noexcept { delete std::exchange(meta.flow, nullptr); }

io::context& context_of(io_flow& flow) noexcept { return flow.context; }
meta_state& state_of(const slot& self) noexcept { return *self.meta; }

}  // namespace core

bool io::context::is_stop_requested() const noexcept { return flow_->is_stopping; }

}  // namespace v0
}  // namespace sluice
