// The public side of ports: what happens in the spawner's thread, and the behaviour of the meta.
#include <sluice/port.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "net/port_program.hpp"
#include "net/worker_or_parent.hpp"

extern char** environ;

namespace sluice::inline v0::port {

namespace {

error bad(const char* place) noexcept { return {error_code::bad_argument, 0, place}; }

bool has_nul(const std::string& text) noexcept { return text.find('\0') != std::string::npos; }

std::string_view name_of(std::string_view variable) noexcept {
  return variable.substr(0, variable.find('='));
}

/// The descriptor as a number that is not 0, 1 or 2, whatever the host has closed.
result<base::unique_fd> above_standard(base::unique_fd fd) {
  if (fd.get() > 2) return fd;
  base::unique_fd moved{::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)};
  if (!moved.is_open()) return error_from_errno(errno, "port: descriptors");
  return moved;
}

struct pipe_pair {
  base::unique_fd reading;
  base::unique_fd writing;
};

result<pipe_pair> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return error_from_errno(errno, "port: pipe");
  base::unique_fd reading{fds[0]};
  base::unique_fd writing{fds[1]};
  auto first = above_standard(std::move(reading));
  if (!first) return first.error();
  auto second = above_standard(std::move(writing));
  if (!second) return second.error();
  return pipe_pair{std::move(first).value(), std::move(second).value()};
}

// Ours alone: the flag belongs to the end, and the program's end is another.
void make_nonblocking(const base::unique_fd& fd) noexcept {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

result<base::unique_fd> open_null(int flags) {
  base::unique_fd null{::open("/dev/null", flags | O_CLOEXEC)};
  if (!null.is_open()) return error_from_errno(errno, "port: /dev/null");
  return above_standard(std::move(null));
}

/// What the program writes to: a pipe whose other end is `ours`, or /dev/null.
result<base::unique_fd> make_channel(bool is_told, base::unique_fd& ours) {
  if (!is_told) return open_null(O_WRONLY);
  auto made = make_pipe();
  if (!made) return made.error();
  ours = std::move(made->reading);
  make_nonblocking(ours);
  return std::move(made->writing);
}

result<base::unique_fd> make_input(bool is_wanted, base::unique_fd& ours) {
  if (!is_wanted) return open_null(O_RDONLY);
  auto made = make_pipe();
  if (!made) return made.error();
  ours = std::move(made->writing);
  make_nonblocking(ours);
  return std::move(made->reading);
}

result<base::unique_fd> duplicate(int fd) {
  base::unique_fd made{::fcntl(fd, F_DUPFD_CLOEXEC, 3)};
  if (!made.is_open()) return error_from_errno(errno, "port: descriptors");
  return made;
}

}  // namespace

program::program(program_options asked)
    : inner_(std::make_unique<implementation>(std::move(asked))) {}
program::~program() = default;

void program::on(port::input&& message) { inner_->on_input(std::move(message.bytes)); }
void program::on(const port::close_input&) { inner_->close_input(); }
void program::on(const port::send_signal& message) { inner_->send_signal(message.number); }

void program::on_inspect(inspect_items& items) { inner_->inspect(items); }

// ---- in the spawner's thread ----

result<void> program::implementation::open(program& self) {
  const core::meta_state& state = *self.self_->meta;
  const core::execution& by =
      *self.self_->running_on.load(base::relaxed);  // Relaxed: the caller's own.
  if (auto checked = check_options(); !checked) return checked;
  auto worker = net::worker_or_parent(by, state, options_.worker, "port: worker");
  if (!worker) return worker.error();
  options_.worker = *worker;
  return start_child();
}

result<void> program::implementation::check_options() const {
  const program_options& asked = options_;
  if (asked.argv.empty() || asked.argv.front().empty()) return bad("port: argv");
  if (std::any_of(asked.argv.begin(), asked.argv.end(), has_nul)) return bad("port: argv");
  for (const std::string& each : asked.env) {
    if (has_nul(each) || name_of(each).empty() || each.find('=') == std::string::npos) {
      return bad("port: env");
    }
  }
  if (has_nul(asked.directory)) return bad("port: directory");
  if (asked.output_bytes_max == 0) return bad("port: output_bytes_max");
  if (asked.input_bytes_low > asked.input_bytes_high) return bad("port: input_bytes_low");
  if (asked.input_bytes_high > asked.input_bytes_max) return bad("port: input_bytes_high");
  if (asked.input_bytes_max == 0) return bad("port: input_bytes_max");
  if (asked.parent_death_signal < 0 || asked.parent_death_signal > 64) {
    return bad("port: parent_death_signal");
  }
  if (asked.kill_after.count() < 0) return bad("port: kill_after");
  if (asked.leftover_time_max.count() < 0) return bad("port: leftover_time_max");
  return check_deliver();
}

result<void> program::implementation::check_deliver() const {
  constexpr std::uint32_t line_bytes_limit = 1U << 30;
  if (const auto* by = std::get_if<lines>(&options_.deliver)) {
    if (by->line_bytes_max == 0 || by->line_bytes_max > line_bytes_limit) {
      return bad("port: line_bytes_max");
    }
  } else if (const auto* framed = std::get_if<framing>(&options_.deliver)) {
    return check(*framed);
  }
  return {};
}

result<void> program::implementation::start_child() {
  auto input = make_input(options_.has_input, pipes_.input);
  if (!input) return input.error();
  auto output = make_channel(options_.has_output, pipes_.output);
  if (!output) return output.error();
  result<base::unique_fd> error{base::unique_fd{}};
  switch (options_.error) {
    case error_route::apart: error = make_channel(true, pipes_.error); break;
    case error_route::merged: error = duplicate(output->get()); break;
    case error_route::discard: error = make_channel(false, pipes_.error); break;
    case error_route::inherit: error = duplicate(2); break;
  }
  if (!error) return error.error();
  io::child_order order;
  order.argv = options_.argv;
  order.env = environment();
  order.directory = options_.directory;
  order.fds[0] = input->get();
  order.fds[1] = output->get();
  order.fds[2] = error->get();
  order.has_own_group = options_.own_group;
  order.parent_death_signal = options_.parent_death_signal;
  auto made = io::child_process::spawn(order);
  if (!made) return made.error();
  child_.emplace(std::move(made).value());
  return {};
}

std::vector<std::string> program::implementation::environment() const {
  std::vector<std::string> all = options_.env;
  if (!options_.inherit_env) return all;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view name = name_of(*each);
    const auto is_same = [name](const std::string& given) { return name_of(given) == name; };
    if (std::none_of(options_.env.begin(), options_.env.end(), is_same)) all.emplace_back(*each);
  }
  return all;
}

}  // namespace sluice::inline v0::port

namespace sluice::inline v0 {

namespace {

port::program& program_of(void* object) noexcept { return *static_cast<port::program*>(object); }

result<void> open_program(void* object) {
  return program_of(object).inner().open(program_of(object));
}
void begin_program(void* object, core::meta_state& state) {
  program_of(object).inner().begin(state);
}
void stop_program(void* object, const exit_reason&) { program_of(object).inner().stop(); }
bool drain_program(void* object, const exit_reason& reason) {
  return program_of(object).inner().drain(reason);
}

constexpr core::behaviour with_open(core::behaviour what) noexcept {
  what.start = &open_program;
  return what;
}

}  // namespace

constinit const core::meta_behaviour behaviour_of<port::program>::value{
    with_open(core::meta_base_behaviour<port::program>()),
    core::meta_flow::io,
    nullptr,
    &begin_program,
    &stop_program,
    &drain_program};

}  // namespace sluice::inline v0
