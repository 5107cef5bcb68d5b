#include "net/tcp_client.hpp"

#include <algorithm>
#include <utility>

#include "actor/life.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "base/clock.hpp"
#include "net/proxy_header.hpp"
#include "net/worker_finder.hpp"

namespace sluice::inline v0::net {

void answer_loss_probe(core::slot& worker, core::envelope& carried) {
  const auto& probe = *static_cast<loss_probe*>(carried.payload());
  const alias id = probe.id;
  // In turn after what the worker has sent. Relaxed: the caller is the owner.
  core::send_control(*worker.running_on.load(base::relaxed), id.slot, id.generation, priority::main,
                     loss_known{probe.number});
}

}  // namespace sluice::inline v0::net

namespace sluice::inline v0::tcp {

namespace {

constexpr base::nanoseconds_t ns_a_ms = 1'000'000;
constexpr base::nanoseconds_t busy_delay_ns = 20 * ns_a_ms;  // between looks for a free resolver
constexpr std::size_t host_bytes_max = 255;

error bad(const char* place) noexcept { return {error_code::bad_argument, 0, place}; }

bool is_unix(const std::string& host) noexcept { return host.starts_with("unix:"); }

}  // namespace

client::client(client_options asked) : inner_(std::make_unique<implementation>(std::move(asked))) {}
client::~client() = default;

void client::on(data&& message) { inner_->write(std::move(message.bytes)); }
void client::on(const tcp::close&) { inner_->close(); }
void client::on(const tcp::shutdown_write&) { inner_->shutdown_write(); }
void client::on_inspect(inspect_items& items) const { inner_->describe(items); }

// ---- in the spawner's thread ----

result<void> client::implementation::init(client& self) {
  core::meta_state& state = *self.self_->meta;
  core::node_core& node =
      self.self_->running_on.load(base::relaxed)->node;  // Relaxed: the caller's.
  if (auto checked = check_options(); !checked) return checked;
  parent_ = {node.id, state.parent_slot, state.parent_generation};
  if (!options_.worker.is_given()) {
    const core::slot* const parent = node.slots.find(state.parent_slot);
    // Relaxed: set before anybody is spawned.
    if (parent == nullptr || parent == node.root.load(base::relaxed) || core::is_meta(*parent)) {
      return bad("tcp::client: worker");
    }
    options_.worker = parent_;
  }
  if (!net::can_be_worker(node, options_.worker)) return bad("tcp::client: worker");
  if (auto literal = io::socket_address::parse(options_.host, options_.port)) {
    literal_ = literal.value();
  } else if (is_unix(options_.host)) {
    return literal.error();
  }
  if (!options_.source.empty()) {
    auto source = io::socket_address::parse(options_.source, options_.source_port);
    if (!source) return source.error();
    source_ = source.value();
    if (literal_ && literal_->family() != source_.family()) return bad("tcp::client: source");
  } else if (options_.source_port != 0) {
    return bad("tcp::client: source_port");
  }
  return parse_proxy();
}

result<void> client::implementation::parse_proxy() {
  const proxy_options& asked = options_.proxy;
  if (asked.source.empty() && asked.destination.empty()) return {};
  auto source = io::socket_address::parse(asked.source, asked.source_port);
  if (asked.source.empty() || !source) return bad("tcp::client: proxy.source");
  auto destination = io::socket_address::parse(asked.destination, asked.destination_port);
  const bool is_pair = destination && destination.value().family() == source.value().family();
  if (asked.destination.empty() || !is_pair) return bad("tcp::client: proxy.destination");
  proxy_source_ = source.value();
  proxy_destination_ = destination.value();
  return {};
}

result<void> client::implementation::check_options() const {
  const reconnect_options& again = options_.reconnect;
  if (options_.host.empty() || options_.host == "*") return bad("tcp::client: host");
  if (!is_unix(options_.host)) {
    const bool is_name =
        options_.host.size() <= host_bytes_max && options_.host.find('\0') == std::string::npos;
    if (!is_name) return bad("tcp::client: host");
    if (options_.port == 0) return bad("tcp::client: port");
  }
  if (options_.connect_time_max.count() <= 0) return bad("tcp::client: connect_time_max");
  if (again.backoff_min.count() <= 0) return bad("tcp::client: backoff_min");
  if (again.backoff_max < again.backoff_min) return bad("tcp::client: backoff_max");
  if (!(again.factor >= 1.0 && again.factor <= 1e6)) return bad("tcp::client: factor");
  if (!(again.jitter >= 0.0 && again.jitter <= 1.0)) return bad("tcp::client: jitter");
  return net::check(options_.connection);
}

// ---- the attempt ----

void client::implementation::begin(core::meta_state& state) {
  state_ = &state;
  teller_.emplace(state);
  io::driver& driver = teller_->driver();
  timer_.emplace(driver, static_cast<io::timeout::listener&>(*this));
  connector_.emplace(driver, static_cast<io::connect_handler&>(*this));
  plan_ = std::make_shared<const net::connection_plan>(options_.connection);
  random_ = base::random_source{static_cast<std::uint64_t>(base::now_ns()) ^
                                (std::uint64_t{state.self.index} << 32)};
  attempt();
}

void client::implementation::attempt() {
  ++attempt_;
  ++token_;
  const std::chrono::nanoseconds patience = options_.connect_time_max;
  attempt_deadline_ns_ = base::now_ns() + patience.count();
  find_worker();
  if (!worker_.is_valid()) {
    if (options_.worker.name.empty()) return leave(exit_reason::error("the worker has ended"));
    return on_attempt_failed({error_code::unknown_address, 0, "tcp::client: worker"});
  }
  if (!literal_) return resolve();
  addresses_.assign(1, *literal_);
  next_address_ = 0;
  try_next_address();
}

void client::implementation::find_worker() noexcept {
  const pid before = std::exchange(worker_, net::find_worker(teller_->by().node, options_.worker));
  if (!answers_are_old_ || !worker_.is_valid() || worker_ == before) return;
  const net::loss_known in_turn{loss_count_};
  answers_are_old_ =
      teller_->control(teller_->id(), priority::main, in_turn) == send_outcome::accepted;  // K2
}

void client::implementation::resolve() {
  phase_ = phase::resolving;
  auto begun = net::begin_to_resolve(
      *state_, {token_, teller_->id(), options_.host, options_.port, options_.resolve});
  const bool is_busy = !begun && begun.error().code == error_code::limit_reached;
  if (!begun && !is_busy) return on_attempt_failed(begun.error());
  timer_->start(is_busy ? std::min(base::now_ns() + busy_delay_ns, attempt_deadline_ns_)
                        : attempt_deadline_ns_);
  if (is_busy) ++token_;  // Nobody is asked: the timer asks again, unless the deadline has come.
}

void client::implementation::on_resolved(net::resolved&& answer) {
  if (phase_ != phase::resolving || answer.token != token_) return;  // K1
  timer_->cancel();
  if (answer.addresses.empty()) return on_attempt_failed(answer.why);
  addresses_ = std::move(answer.addresses);
  next_address_ = 0;
  try_next_address();
}

// Each address gets its share of what is left of the attempt's time.
void client::implementation::try_next_address() {
  phase_ = phase::connecting;
  const base::nanoseconds_t now_ns = base::now_ns();
  const auto left = static_cast<base::nanoseconds_t>(addresses_.size() - next_address_);
  const base::nanoseconds_t time_ns =
      std::max<base::nanoseconds_t>(attempt_deadline_ns_ - now_ns, 0);
  io::connect_options how;
  how.to = addresses_[next_address_++];
  how.source = source_;
  how.socket = plan_->stream.socket;
  how.deadline_ns = now_ns + time_ns / left;
  connector_->open(how);
}

void client::implementation::on_connect_done(result<base::unique_fd> outcome) noexcept {
  if (teller_->is_given_up()) return;
  if (phase_ == phase::ending) {
    if (outcome) teller_->driver().forget(outcome.value().get());
    return leave_unconnected();
  }
  if (outcome) return on_established(std::move(outcome).value());
  if (next_address_ < addresses_.size() && base::now_ns() < attempt_deadline_ns_) {
    return try_next_address();
  }
  on_attempt_failed(outcome.error());
}

void client::implementation::on_attempt_failed(const error& why) noexcept {
  const reconnect_options& again = options_.reconnect;
  const bool will_retry = again.enabled && !is_last_ && !close_wanted_ &&
                          (again.attempts_max == 0 || attempt_ < again.attempts_max);
  if (teller_->is_alive(worker_)) {
    teller_->tell_surely(worker_, connect_failed{teller_->id(), why, attempt_, will_retry});
  }
  if (!will_retry) return leave(exit_reason::error("connect: " + why.message()));
  wait_for(next_backoff());
}

void client::implementation::wait_for(base::nanoseconds_t delay_ns) noexcept {
  phase_ = phase::waiting;
  timer_->start(base::now_ns() + delay_ns);
}

base::nanoseconds_t client::implementation::next_backoff() noexcept {
  const reconnect_options& again = options_.reconnect;
  const auto first_ms = static_cast<double>(again.backoff_min.count());
  const auto last_ms = static_cast<double>(again.backoff_max.count());
  backoff_ms_ = backoff_ms_ == 0 ? first_ms : std::min(backoff_ms_ * again.factor, last_ms);
  constexpr std::uint32_t steps = 1u << 16;
  const double share = static_cast<double>(random_.next_below(steps)) / steps;
  return static_cast<base::nanoseconds_t>(backoff_ms_ * (1.0 - again.jitter * share) * ns_a_ms);
}

void client::implementation::on_timeout() noexcept {
  if (phase_ == phase::waiting) return attempt();
  if (phase_ != phase::resolving) return;
  if (base::now_ns() < attempt_deadline_ns_) return resolve();
  ++token_;  // K1
  on_attempt_failed({error_code::timed_out, 0, "resolve"});
}

// ---- the connection ----

void client::implementation::on_established(base::unique_fd socket) {
  phase_ = phase::connected;
  attempt_ = 0;
  backoff_ms_ = 0;
  talk_.emplace(*state_, static_cast<net::conversation::owner&>(*this), worker_, plan_);
  bytes header = proxy_header_for(socket.get());
  talk_->begin({std::move(socket), addresses_[next_address_ - 1], false, std::move(header)});
  for (bytes& each : kept_) talk_->write(std::move(each));
  kept_.clear();
  kept_charge_ = 0;
  told_dropped_ = false;
  if (shutdown_wanted_) talk_->shutdown_write();
  if (close_wanted_) talk_->close_after_flush();
}

bytes client::implementation::proxy_header_for(int fd) const {
  if (options_.proxy.version == proxy_version::none) return {};
  const bool is_text = options_.proxy.version == proxy_version::one;
  net::proxy_header said;
  said.version = is_text ? net::proxy_version::one : net::proxy_version::two;
  said.transport = net::proxy_transport::stream;
  const bool is_own = proxy_source_.family() == AF_UNSPEC;
  said.source = is_own ? io::socket_address::local_of(fd) : proxy_source_;
  said.destination = is_own ? io::socket_address::peer_of(fd) : proxy_destination_;
  return net::write_proxy_header(
      said, options_.proxy.has_checksum ? net::proxy_checksum::crc32c : net::proxy_checksum::none);
}

void client::implementation::on_conversation_ending() noexcept {
  if (!options_.reconnect.enabled || is_last_) return;
  const net::loss_probe probe{teller_->id(), ++loss_count_};
  answers_are_old_ =
      teller_->control(worker_, priority::main, probe) == send_outcome::accepted;  // K2
}

void client::implementation::on_conversation_over(io::close_reason why) noexcept {
  talk_.reset();
  if (!options_.reconnect.enabled || is_last_) return leave(net::exit_reason_of(why));
  wait_for(next_backoff());
}

void client::implementation::write(bytes data) {
  if (answers_are_old_ || phase_ == phase::ending || phase_ == phase::over) return;
  if (phase_ == phase::connected) return talk_->write(std::move(data));
  keep(std::move(data));
}

void client::implementation::keep(bytes data) {
  if (close_wanted_ || shutdown_wanted_ || data.empty()) return;
  const std::size_t charge = data.size() + slice_charge;
  if (!kept_.empty() && kept_charge_ + charge > options_.connection.write_bytes_high) {  // K3
    if (std::exchange(told_dropped_, true)) return;
    teller_->tell_surely(
        worker_,
        dropped{teller_->id(), data.size(), {error_code::limit_reached, 0, "write_bytes_high"}});
    return;
  }
  kept_charge_ += charge;
  kept_.push_back(std::move(data));
}

void client::implementation::shutdown_write() {
  if (answers_are_old_) return;
  if (phase_ == phase::connected) return talk_->shutdown_write();
  shutdown_wanted_ = true;
}

void client::implementation::close() {
  is_last_ = true;
  if (phase_ == phase::connected) return talk_->close_after_flush();
  close_wanted_ = true;
  if (kept_.empty()) stop();
}

// Of this connection, unless it has gone since: then the answer comes before the loss is known.
void client::implementation::on_turn_to_close() noexcept {
  if (phase_ == phase::connected && !answers_are_old_) talk_->close_after_flush();
}

void client::implementation::describe(inspect_items& items) const {
  constexpr const char* names[] = {"resolving", "connecting", "connected",
                                   "waiting",   "ending",     "over"};
  items.add("phase", names[static_cast<unsigned>(phase_)]);
  items.add("host", options_.host);
  items.add("port", options_.port);
  items.add("attempt", attempt_);
  items.add("kept_messages", kept_.size());
  if (talk_) talk_->describe(items);
}

// ---- the end ----

bool client::implementation::drain(const exit_reason& reason) {
  const bool is_in_order = reason.code == exit_code::parent_exit ||
                           reason.code == exit_code::normal || reason.code == exit_code::shutdown;
  if (!is_in_order || phase_ != phase::connected) return false;
  is_last_ = true;
  if (reason.code != exit_code::parent_exit) {
    talk_->drain();
  } else if (worker_ == parent_) {
    talk_->on_worker_ended();
  } else {
    talk_->close_after_flush();
  }
  return true;
}

// Without begin(), when the parent ended during the spawn, nothing is there to stop.
void client::implementation::stop() {
  if (state_ == nullptr) return;
  is_last_ = true;
  switch (phase_) {
    case phase::connected: return talk_->abort();
    case phase::connecting: phase_ = phase::ending; return connector_->cancel();
    case phase::resolving:
    case phase::waiting: return leave_unconnected();
    case phase::ending:
    case phase::over: return;
  }
}

// Its last word is told, whatever phase it is asked to end in.
void client::implementation::leave_unconnected() noexcept {
  if (teller_->is_alive(worker_)) {
    const error why{error_code::cancelled, 0, "tcp::client"};
    teller_->tell_surely(worker_, connect_failed{teller_->id(), why, attempt_, false});
  }
  leave(exit_reason::normal());
}

void client::implementation::leave(exit_reason reason) noexcept {
  phase_ = phase::over;
  timer_->cancel();
  core::leave_start(teller_->by(), *state_, std::move(reason));  // *this may be gone now
}

}  // namespace sluice::inline v0::tcp

namespace sluice::inline v0 {

namespace {

tcp::client::implementation& client_of(void* object) noexcept {
  return static_cast<tcp::client*>(object)->inner();
}

result<void> init_client(void* object) {
  return client_of(object).init(*static_cast<tcp::client*>(object));
}
void begin_client(void* object, core::meta_state& state) { client_of(object).begin(state); }
bool drain_client(void* object, const exit_reason& reason) {
  return client_of(object).drain(reason);
}
void stop_client(void* object, const exit_reason&) { client_of(object).stop(); }

void on_resolved(void* object, core::envelope& carried) {
  client_of(object).on_resolved(std::move(*static_cast<net::resolved*>(carried.payload())));
}
void on_loss_known(void* object, core::envelope& carried) {
  client_of(object).on_loss_known(static_cast<net::loss_known*>(carried.payload())->number);
}
void on_turn_to_close(void* object, core::envelope&) { client_of(object).on_turn_to_close(); }

// By hand: the public class does not name the library's inner messages.
struct client_handlers {
  static constexpr std::uint32_t mask = 15;
  core::handler_entry entries[mask + 1]{};
  bool is_taken[mask + 1]{};

  constexpr void add(const core::message_type& type, core::invoke_function invoke) {
    std::uint32_t at = type.hash & mask;
    while (is_taken[at]) at = (at + 1) & mask;
    is_taken[at] = true;
    entries[at] = {&type, invoke};
  }
  template <class M>
  constexpr void add_public() {
    add(core::message_type_of<M>, &core::invoke_handler<tcp::client, M>);
  }
  constexpr client_handlers() {
    add_public<tcp::data>();
    add_public<tcp::close>();
    add_public<tcp::shutdown_write>();
    add(core::message_type_of<net::resolved>, &on_resolved);
    add(core::message_type_of<net::loss_known>, &on_loss_known);
    add(core::message_type_of<net::turn_to_close>, &on_turn_to_close);
  }
};
constexpr client_handlers handlers;

}  // namespace

constinit const core::meta_behaviour behaviour_of<tcp::client>::value{
    {core::type_name<tcp::client>(), sizeof(tcp::client), alignof(tcp::client), handlers.entries,
     client_handlers::mask, nullptr, &core::destroy_object<tcp::client>, &init_client, nullptr,
     core::inspect_of<tcp::client>()},
    core::meta_flow::io,
    nullptr,
    &begin_client,
    &stop_client,
    &drain_client};

}  // namespace sluice::inline v0
