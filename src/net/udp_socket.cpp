#include "net/udp_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "io/endpoint.hpp"
#include "net/worker_finder.hpp"

namespace sluice::inline v0::udp {

namespace {

constexpr std::uint32_t sockets_max = 1024;
constexpr base::nanoseconds_t window_ns = 1'000'000'000;
constexpr base::nanoseconds_t look_interval_ns = 20'000'000;

error bad(const char* place) noexcept { return {error_code::bad_argument, 0, place}; }

}  // namespace

// ---- in the spawner's thread ----

result<void> socket::implementation::open(socket& self) {
  if (!is_leader_) return {};
  core::meta_state& state = *self.self_->meta;
  core::execution& by = *self.self_->running_on.load(base::relaxed);  // Relaxed: the caller's own.
  if (auto checked = check_options(); !checked) return checked;
  if (auto checked = check_workers(by, state); !checked) return checked;
  if (auto bound = bind_all(); !bound) return bound;
  local_ = io::endpoint_of(io::socket_address::local_of(bound_.front().get()));
  if (options_.port_bound != nullptr) *std::exchange(options_.port_bound, nullptr) = local_.port();
  return {};
}

result<void> socket::implementation::check_options() const {
  if (options_.sockets == 0 || options_.sockets > sockets_max) return bad("udp::socket: sockets");
  // The kernel gives a group's datagrams to all members, a connected peer's to one socket.
  if (options_.sockets > 1 && (!options_.groups.empty() || !options_.peer.is_empty())) {
    return bad("udp::socket: sockets with groups or a peer");
  }
  if (options_.read_bytes_max == 0) return bad("udp::socket: read_bytes_max");
  if (options_.queue_bytes_max == 0) return bad("udp::socket: queue_bytes_max");
  if (options_.queue_count_max == 0) return bad("udp::socket: queue_count_max");
  if (options_.ttl < -1 || options_.ttl == 0 || options_.ttl > 255) return bad("udp::socket: ttl");
  if (options_.multicast_ttl < 0 || options_.multicast_ttl > 255) {
    return bad("udp::socket: multicast_ttl");
  }
  if (options_.receive_buffer_bytes > INT32_MAX / 2 || options_.send_buffer_bytes > INT32_MAX / 2) {
    return bad("udp::socket: buffer bytes");
  }
  if (options_.flush_time_max.count() < 0) return bad("udp::socket: flush_time_max");
  return {};
}

// Without workers the parent is the worker: a process, and not the node's root.
result<void> socket::implementation::check_workers(core::execution& by,
                                                   const core::meta_state& state) {
  if (options_.workers.empty()) {
    const core::slot* const parent = by.node.slots.find(state.parent_slot);
    // Relaxed: set before anybody is spawned.
    if (parent == nullptr || parent == by.node.root.load(base::relaxed) || core::is_meta(*parent)) {
      return bad("udp::socket: no workers");
    }
    options_.workers.push_back(pid{by.node.id, state.parent_slot, state.parent_generation});
  }
  for (const worker_name& worker : options_.workers) {
    if (!net::can_be_worker(by.node, worker)) return bad("udp::socket: workers");
  }
  return {};
}

result<void> socket::implementation::bind_all() {
  const auto where = endpoint::parse(options_.host, options_.port);
  if (!where) return where.error();
  io::datagram_bind how;
  how.local = where.value();
  how.peer = options_.peer;
  how.reuse_port = options_.reuseport || options_.sockets > 1;
  how.reuse_address = options_.reuse_address;
  how.ipv6_only = options_.ipv6_only;
  how.broadcast = options_.broadcast;
  how.tell_errors = options_.tell_errors;
  how.receive_buffer_bytes = options_.receive_buffer_bytes;
  how.send_buffer_bytes = options_.send_buffer_bytes;
  how.ttl = options_.ttl;
  how.multicast_ttl = options_.multicast_ttl;
  how.multicast_loop = options_.multicast_loop ? 1 : 0;
  how.multicast_interface = options_.multicast_interface;
  for (std::uint32_t index = 0; index < options_.sockets; ++index) {
    auto made = io::make_datagram_socket(how);
    if (!made) return made.error();
    bound_.push_back(std::move(made).value());
    const int fd = bound_.back().get();
    if (index == 0) how.local = io::endpoint_of(io::socket_address::local_of(fd));
    for (const join& each : options_.groups) {
      auto joined = io::change_membership(fd, io::membership::join, each.group, each.interface);
      if (!joined) return joined;
    }
  }
  return {};
}

// ---- on the driver's thread ----

void socket::implementation::begin(core::meta_state& state) {
  teller_.emplace(state);
  id_ = teller_->id();
  if (is_leader_) {
    spawn_others();
    workers_.emplace(*teller_, workers_of(0), options_.delivery);
  } else {
    local_ = io::endpoint_of(io::socket_address::local_of(bound_.front().get()));
    workers_.emplace(*teller_, std::move(options_.workers), options_.delivery);
  }
  look_.emplace(teller_->driver(), static_cast<io::timeout::listener&>(*this));
  socket_.emplace(teller_->driver(), static_cast<io::datagram_handler&>(*this));
  base::unique_fd own = std::move(bound_.front());
  bound_.clear();
  socket_->open(std::move(own), datagram_options());
}

io::datagram_options socket::implementation::datagram_options() const noexcept {
  io::datagram_options options;
  options.account_count = workers_->count();
  options.receive.bytes_max = options_.read_bytes_max;
  options.send.queue_bytes_max = options_.queue_bytes_max;
  options.send.queue_count_max = options_.queue_count_max;
  options.wants_split_sends = options_.gso;
  options.wants_merged_receives = options_.gro;
  options.takes_errors = options_.tell_errors;
  return options;
}

// UD4. By turns each socket has workers of its own, as far as they go round.
worker_list socket::implementation::workers_of(std::uint32_t index) const {
  const auto& all = options_.workers;
  if (options_.sockets == 1 || options_.delivery == delivery_policy::by_peer) return all;
  worker_list own;
  for (std::size_t place = index; place < all.size(); place += options_.sockets) {
    own.push_back(all[place]);
  }
  if (own.empty()) own.push_back(all[index % all.size()]);
  return own;
}

void socket::implementation::spawn_others() {
  core::execution& by = teller_->by();
  const core::meta_state& state = teller_->meta();
  const std::uint32_t own_ring = state.home->index() - by.node.ring_worker_first;
  for (std::uint32_t index = 1; index < bound_.size(); ++index) {
    socket_options options = options_;
    options.sockets = 1;
    options.workers = workers_of(index);
    core::meta_order order;
    order.mailbox_max = options_.meta.mailbox_max;
    order.ring = static_cast<int>((own_ring + index) % by.node.ring_worker_count);
    auto made = core::order_and_spawn<socket>(
        order,
        [&](const core::meta_order& filled) {
          return core::spawn_meta(by, filled, state.self, state.generation);
        },
        std::make_unique<implementation>(std::move(options), std::move(bound_[index])));
    if (!made) {
      by.node.write_log(core::log_level::warning,
                        "udp::socket " + local_.to_string() + ": " + made.error().message());
    }
  }
}

bool socket::implementation::drain(const exit_reason& reason) {
  switch (reason.code) {
    case exit_code::parent_exit: close_after_flush(); return true;
    case exit_code::normal:
    case exit_code::shutdown: break;
    default: return false;
  }
  if (std::exchange(is_draining_, true)) {
    close_after_flush();
    return true;
  }
  socket_->pause_read();
  drain_end_ns_ = flush_deadline();
  probe_from(0);
  return true;
}

// UD3
void socket::implementation::probe_from(std::uint32_t place) noexcept {
  probed_ = workers_->tell_next(place, net::udp_drain_probe{id_});
  if (probed_ == net::udp_workers::nobody) return close_after_flush();
  look_->start(std::min(drain_end_ns_, base::now_ns() + look_interval_ns));
}

void socket::implementation::on_timeout() noexcept {
  const base::nanoseconds_t now = base::now_ns();
  if (now >= drain_end_ns_) return close_after_flush();
  if (!workers_->is_living(probed_)) return probe_from(probed_ + 1);
  look_->start(std::min(drain_end_ns_, now + look_interval_ns));
}

// Without begin(), when the parent ended during the spawn, there is no socket.
void socket::implementation::stop() {
  if (socket_) socket_->abort();
}

void socket::implementation::close() noexcept {
  if (probed_ == net::udp_workers::nobody) return close_after_flush();
  probe_from(probed_ + 1);
}

void socket::implementation::close_after_flush() noexcept {
  probed_ = net::udp_workers::nobody;
  look_->cancel();
  socket_->close_after_flush(flush_deadline());
}

base::nanoseconds_t socket::implementation::flush_deadline() const noexcept {
  const std::chrono::nanoseconds patience = options_.flush_time_max;
  return base::now_ns() + patience.count();
}

void socket::implementation::send(const endpoint& peer, bytes data) noexcept {
  if (socket_->send(peer, std::move(data)) == io::datagram_outcome::full) [[unlikely]] {
    tell_failed(peer, {error_code::limit_reached, ENOBUFS, "udp: send queue"}, 1);
  }
}

void socket::implementation::change(io::membership what, const endpoint& group,
                                    const std::string& interface) noexcept {
  if (!socket_->is_open()) return;
  const auto changed = io::change_membership(socket_->fd(), what, group, interface);
  if (!changed) tell_failed(group, changed.error(), 1);
}

statistics socket::implementation::count() const noexcept {
  statistics sums{.id = id_, .local = local_};
  const io::datagram_receive_counters& in = socket_->received();
  const io::datagram_send_counters& out = socket_->sent();
  sums.datagrams_in = in.datagrams;
  sums.bytes_in = in.bytes;
  sums.datagrams_out = out.datagrams;
  sums.bytes_out = out.bytes;
  sums.truncated = in.truncated;
  sums.lost_by_kernel = socket_->lost_by_kernel();
  sums.dropped_in = in.dropped + workers_->refused_count();
  sums.dropped_out = out.dropped;
  sums.failed_out = out.failed;
  sums.errors = in.errors;
  sums.sends = out.sends;
  return sums;
}

void socket::implementation::describe(inspect_items& items) const {
  if (!socket_) return;
  const statistics sums = count();
  items.set_traffic(sums.bytes_in, sums.bytes_out);
  items.add("local", local_.to_string());
  items.add("peer", options_.peer.to_string());
  items.add("workers", workers_->count());
  items.add("datagrams_in", sums.datagrams_in);
  items.add("datagrams_out", sums.datagrams_out);
  items.add("truncated", sums.truncated);
  items.add("lost_by_kernel", sums.lost_by_kernel);
  items.add("dropped_in", sums.dropped_in);
  items.add("dropped_out", sums.dropped_out);
  items.add("failed_out", sums.failed_out);
  items.add("errors", sums.errors);
  items.add("has_split_sends", socket_->has_split_sends());
  items.add("has_merged_receives", socket_->has_merged_receives());
  items.add("is_draining", is_draining_);
}

// ---- from the datagram socket ----

std::uint32_t socket::implementation::choose_account(const endpoint& peer) noexcept {
  const auto has_credit = [this](std::uint32_t place) { return socket_->has_credit(place); };
  return workers_->choose(peer, has_credit);
}

void socket::implementation::on_datagram(std::uint32_t account, const endpoint& peer, bytes data,
                                         std::uint32_t cut_bytes) noexcept {
  workers_->give(account, {id_, peer, std::move(data), cut_bytes != 0, cut_bytes});
}

void socket::implementation::on_datagram_error(const endpoint& peer, int os_error,
                                               std::uint32_t count) noexcept {
  tell_failed(peer, error_from_errno(os_error, count == 0 ? "udp: peer" : "udp: send"),
              count == 0 ? 1 : count);
}

void socket::implementation::tell_failed(const endpoint& peer, const error& why,
                                         std::uint64_t count) noexcept {
  untold_errors_ += count;
  const base::nanoseconds_t now = base::now_ns();
  if (now >= window_end_ns_) {
    window_end_ns_ = now + window_ns;
    told_in_window_ = 0;
  }
  if (told_in_window_ >= options_.errors_per_second_max) return;
  ++told_in_window_;
  workers_->tell_failed({id_, peer, why, std::exchange(untold_errors_, 0)});
}

void socket::implementation::on_socket_closed(int os_error) noexcept {
  if (teller_->is_given_up()) return;
  look_->cancel();
  error why{};
  if (os_error != 0) why = error_from_errno(os_error, "udp::socket");  // UD2
  workers_->tell_closed({id_, why, count()});                          // UD1
  core::execution& by = teller_->by();
  core::meta_state& state = teller_->meta();
  core::leave_start(by, state,  // *this may be gone now
                    os_error == 0 ? exit_reason::normal() : exit_reason::error(why.message()));
}

// ---- the public class ----

socket::socket(socket_options asked) : inner_(std::make_unique<implementation>(std::move(asked))) {}
socket::socket(std::unique_ptr<implementation> inner) noexcept : inner_(std::move(inner)) {}
socket::~socket() = default;

void socket::on(datagram&& message) { inner_->send(message.peer, std::move(message.bytes)); }
void socket::on(const join& message) {
  inner_->change(io::membership::join, message.group, message.interface);
}
void socket::on(const leave& message) {
  inner_->change(io::membership::leave, message.group, message.interface);
}
void socket::on(const close&) { inner_->close(); }
void socket::on(const ask_statistics&) { send(sender(), inner_->count()); }
void socket::on_inspect(inspect_items& items) const { inner_->describe(items); }

}  // namespace sluice::inline v0::udp

namespace sluice::inline v0 {

void net::answer_udp_drain_probe(core::slot& worker, core::envelope& carried) {
  const alias id = static_cast<udp_drain_probe*>(carried.payload())->id;
  // In the worker's activation: the close follows what the worker sent before. Relaxed: the caller
  // is the owner.
  core::send_control(*worker.running_on.load(base::relaxed), id.slot, id.generation, priority::main,
                     udp::close{id});
}

namespace {

udp::socket& socket_of(void* object) noexcept { return *static_cast<udp::socket*>(object); }

result<void> open_socket(void* object) { return socket_of(object).inner().open(socket_of(object)); }
void begin_socket(void* object, core::meta_state& state) { socket_of(object).inner().begin(state); }
bool drain_socket(void* object, const exit_reason& reason) {
  return socket_of(object).inner().drain(reason);
}
void stop_socket(void* object, const exit_reason&) { socket_of(object).inner().stop(); }

constexpr core::behaviour with_open(core::behaviour base) noexcept {
  base.start = &open_socket;
  return base;
}

}  // namespace

constinit const core::meta_behaviour behaviour_of<udp::socket>::value{
    with_open(core::meta_base_behaviour<udp::socket>()),
    core::meta_flow::io,
    nullptr,
    &begin_socket,
    &stop_socket,
    &drain_socket};

}  // namespace sluice::inline v0
