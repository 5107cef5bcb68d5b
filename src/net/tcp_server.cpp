#include "net/tcp_server.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "actor/delivery.hpp"
#include "actor/life.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "base/out_of_memory.hpp"
#include "io/driver.hpp"
#include "net/tcp_connection.hpp"
#include "net/worker_finder.hpp"
#include "sched/scheduler.hpp"

namespace sluice::inline v0::tcp {

namespace {

constexpr base::nanoseconds_t report_interval_ns = 1'000'000'000;

error bad(const char* place) noexcept { return {error_code::bad_argument, 0, place}; }

}  // namespace

server::server(server_options asked) : inner_(std::make_unique<implementation>(std::move(asked))) {}
server::~server() = default;

void server::on_inspect(inspect_items& items) const { inner_->describe(items); }

// ---- in the spawner's thread ----

result<void> server::implementation::open(server& self) {
  core::meta_state& state = *self.self_->meta;
  core::execution& by = *self.self_->running_on.load(base::relaxed);  // Relaxed: the caller's own.
  if (auto checked = check_options(); !checked) return checked;
  if (auto checked = check_workers(by, state); !checked) return checked;
  plan_ = std::make_shared<const net::connection_plan>(options_.connection);
  auto listening = listen();
  if (!listening) return listening.error();
  listening_ = std::move(listening).value();
  bound_ = io::socket_address::local_of(listening_.get());
  path_ = io::identity_of(bound_);
  if (options_.port_bound != nullptr) *std::exchange(options_.port_bound, nullptr) = bound_.port();
  return {};
}

result<base::unique_fd> server::implementation::listen() {
  io::listen_options options;
  options.backlog = options_.backlog;
  options.reuse_port = options_.reuseport;
  options.socket = plan_->stream.socket;
  if (options_.host.empty() || options_.host == "*") {
    options.ipv6_only = false;
    auto both = io::listen_on(io::socket_address::parse("::", options_.port).value(), options);
    if (both || both.error().code != error_code::bad_address) return both;
  }
  auto where = io::socket_address::parse(options_.host, options_.port);
  if (!where) return where.error();
  return io::listen_on(where.value(), options);
}

result<void> server::implementation::check_options() {
  if (options_.backlog < 1) return bad("tcp::server: backlog");
  for (const std::string& text : options_.proxy_from) {
    auto block = net::address_block::parse(text);
    if (!block) return bad("tcp::server: proxy_from");
    proxies_.push_back(block.value());
  }
  return net::check(options_.connection);
}

// Without workers the parent is the worker: a process, and not the node's root.
result<void> server::implementation::check_workers(core::execution& by,
                                                   const core::meta_state& state) {
  if (options_.workers.empty()) {
    const core::slot* const parent = by.node.slots.find(state.parent_slot);
    // Relaxed: set before anybody is spawned.
    if (parent == nullptr || parent == by.node.root.load(base::relaxed) || core::is_meta(*parent)) {
      return bad("tcp::server: no workers");
    }
    options_.workers.push_back(pid{by.node.id, state.parent_slot, state.parent_generation});
  }
  for (const worker_name& worker : options_.workers) {
    if (!net::can_be_worker(by.node, worker)) return bad("tcp::server: workers");
  }
  return {};
}

// ---- on the ring's thread ----

void server::implementation::begin(server& self, core::meta_state& state) {
  state_ = &state;
  by_ = &core::execution_on(*state.home);
  id_ = self.self();
  // I/O metas live on workers that own rings (core::spawn_meta), and no other driver has one.
  auto& ring = static_cast<io::driver&>(state.home->parking());
  listener_.emplace(ring, static_cast<io::listener_handler&>(*this));
  rate_timer_.emplace(ring, static_cast<io::timeout::listener&>(*this));
  if (const std::uint32_t rate = options_.accepts_per_second_max; rate != 0) {
    const std::uint32_t at_once = options_.accepts_at_once_max;
    rate_ = net::rate_limit{rate, at_once != 0 ? at_once : std::max(rate / 10, 1u)};
  }
  const bool has_limit = options_.connections_max != 0 || rate_.is_limit();
  const auto how = has_limit ? io::listener::manner::one_by_one  // V2
                             : io::listener::manner::many_at_once;
  if (auto opened = listener_->open(std::move(listening_), how); !opened) {
    by_->node.write_log(core::log_level::error,
                        "tcp::server " + bound_.to_string() + ": " + opened.error().message());
    core::leave_start(*by_, *state_, exit_reason::error(opened.error().message()));
  }
}

void server::implementation::stop(const exit_reason& reason) {
  is_closing_ = true;
  if (rate_timer_) rate_timer_->cancel();
  if (listener_) listener_->close();
  if (!options_.takes_connections_along) return;
  const exit_reason passed_on =
      reason.code == exit_code::killed ? exit_reason::killed() : exit_reason::shutdown();
  for (const list_place& place : places_) {  // V1
    if (!place.connection.is_valid()) continue;
    core::send_exit(*by_, place.connection.slot, place.connection.generation, passed_on);
  }
}

void server::implementation::on_accept(base::unique_fd socket,
                                       const io::socket_address& peer) noexcept {
  if (is_closing_) return;
  adopt(std::move(socket), peer);
  if (is_full()) hold(held_by_limit);  // V2
  if (!rate_.is_limit()) return;
  const base::nanoseconds_t now_ns = base::now_ns();
  rate_.take(now_ns);
  if (rate_.next_ns() <= now_ns) return;
  hold(held_by_rate);
  rate_timer_->start(rate_.next_ns());
}

void server::implementation::hold(enum hold why) noexcept {
  holds_ |= why;
  listener_->pause();
}

void server::implementation::release(enum hold why) noexcept {
  holds_ = static_cast<std::uint8_t>(holds_ & ~why);
  if (holds_ == 0 && !is_closing_) listener_->resume();
}

void server::implementation::on_timeout() noexcept { release(held_by_rate); }

bool server::implementation::expects_proxy(const io::socket_address& peer) const noexcept {
  const auto contains = [&peer](const net::address_block& each) { return each.contains(peer); };
  return std::any_of(proxies_.begin(), proxies_.end(), contains);
}

void server::implementation::adopt(base::unique_fd socket, const io::socket_address& peer) {
  // It was reset before its address was asked for, but what it sent can still be read. Whether it
  // was allowed to send a header nobody can know, and nobody would hear an answer.
  if (peer.family() == AF_UNSPEC && !proxies_.empty()) return;
  const auto worker = next_worker();
  if (!worker) return;  // Nobody is left to serve it: closed.
  const pid who = options_.workers[*worker].who;
  core::meta_order order;
  order.ring = ring_for(*worker);
  order.mailbox_max = options_.connection.mailbox_max;
  std::uint32_t place = no_place;
  if (!base::has_memory_for([&] { place = take_place(); })) return;  // Closed.
  auto made = core::order_and_spawn<net::tcp_connection>(
      order,
      [this, who](const core::meta_order& filled) {
        return core::spawn_meta(*by_, filled, *by_->node.slots.find(who.slot), who.generation);
      },
      net::connection_order{std::move(socket), peer, expects_proxy(peer), who, id_, place, plan_});
  if (!made) return give_place(place);  // The worker ended this moment, or the node stops.
  places_[place].connection = made.value();
}

// The next in turn that lives.
std::optional<std::uint32_t> server::implementation::next_worker() noexcept {
  const auto count = static_cast<std::uint32_t>(options_.workers.size());
  const std::uint64_t turn = accepted_count_++;
  for (std::uint32_t step = 0; step < count; ++step) {
    const auto index = static_cast<std::uint32_t>((turn + step) % count);
    if (net::find_worker(by_->node, options_.workers[index]).is_valid()) return index;
  }
  return std::nullopt;
}

int server::implementation::ring_for(std::uint32_t worker) const noexcept {
  const core::node_core& node = by_->node;
  const std::uint64_t own = state_->home->index() - node.ring_worker_first;
  const std::uint64_t step = state_->home->runs_processes() ? worker : accepted_count_ - 1;
  return static_cast<int>((own + step) % node.ring_worker_count);
}

std::uint32_t server::implementation::take_place() {
  if (first_free_ == no_place) {
    places_.emplace_back();
    ++connection_count_;
    return static_cast<std::uint32_t>(places_.size() - 1);
  }
  const std::uint32_t place = first_free_;
  first_free_ = places_[place].next_free;
  ++connection_count_;
  return place;
}

void server::implementation::give_place(std::uint32_t place) noexcept {
  --connection_count_;
  places_[place] = {alias{}, first_free_};
  first_free_ = place;
}

void server::implementation::on_connection_ended(std::uint32_t place) {
  give_place(place);
  if (is_closing_) return;
  listener_->on_descriptor_freed();
  if (!is_full()) release(held_by_limit);
}

void server::implementation::describe(inspect_items& items) const {
  items.add("local", bound_.to_string());
  items.add("connections", connection_count_);
  items.add("accepted", accepted_count_);
  items.add("shed", listener_ ? listener_->shed_count() : 0);
  items.add("is_held_by_limit", (holds_ & held_by_limit) != 0);
  items.add("is_held_by_rate", (holds_ & held_by_rate) != 0);
}

void server::implementation::on_accept_error(const error& why) noexcept {
  const base::nanoseconds_t now = base::now_ns();
  if (now < next_report_ns_) return;
  next_report_ns_ = now + report_interval_ns;
  by_->node.write_log(core::log_level::warning,
                      "tcp::server " + bound_.to_string() + ": " + why.message());
}

void server::implementation::on_listener_closed() noexcept {
  io::remove_path(bound_, path_);
  auto& ring = static_cast<io::driver&>(state_->home->parking());
  // The node gave up on it: nothing is handled any more.
  if (ring.is_stopping() && !state_->is_stopping) return;
  core::leave_start(*by_, *state_,  // *this may be gone now
                    is_closing_ ? exit_reason::normal() : exit_reason::error("accept failed"));
}

}  // namespace sluice::inline v0::tcp

namespace sluice::inline v0 {

namespace {

tcp::server& server_of(void* object) noexcept { return *static_cast<tcp::server*>(object); }

result<void> open_server(void* object) { return server_of(object).inner().open(server_of(object)); }
void begin_server(void* object, core::meta_state& state) {
  server_of(object).inner().begin(server_of(object), state);
}
void stop_server(void* object, const exit_reason& reason) {
  server_of(object).inner().stop(reason);
}
void on_connection_ended(void* object, core::envelope& carried) {
  const auto& ended = *static_cast<net::connection_ended*>(carried.payload());
  server_of(object).inner().on_connection_ended(ended.place);
}

// By hand: the public class does not name the one message it handles.
struct server_handlers {
  static constexpr std::uint32_t mask = 1;
  core::handler_entry entries[mask + 1]{};

  constexpr server_handlers() {
    const core::message_type& type = core::message_type_of<net::connection_ended>;
    entries[type.hash & mask] = {&type, &on_connection_ended};
  }
};
constexpr server_handlers handlers;

}  // namespace

constinit const core::meta_behaviour behaviour_of<tcp::server>::value{
    {core::type_name<tcp::server>(), sizeof(tcp::server), alignof(tcp::server), handlers.entries,
     server_handlers::mask, nullptr, &core::destroy_object<tcp::server>, &open_server, nullptr,
     core::inspect_of<tcp::server>()},
    core::meta_flow::io,
    nullptr,
    &begin_server,
    &stop_server,
    nullptr};

}  // namespace sluice::inline v0
