// proto_inprocess: pairs of a client and its echo, with bounded mailboxes that hold a batch.
//
//   driver --start--> each client
//   client --item--> echo --item--> client, a batch at a time: the next one when all are back
//   client --stop--> echo, after its last batch
//
// There are `pairs_per_thread` pairs for each scheduler.
//
// Published mailboxes hold 110, a batch and ten. Here a receiver gives the room of what it has
// handled back once a turn, so the next batch may find the last one's room still taken: mailboxes
// hold two batches and ten.
#include <algorithm>
#include <limits>

#include "program.hpp"

namespace suites {

namespace {

struct start {
  std::uint64_t messages;
};
void spoil(start& message) { ++message.messages; }
struct item {
  std::uint64_t number;
  sluice::pid from;
};
void spoil(item& message) { ++message.number; }
struct stop {};

struct echo : player<echo> {
  void on(const item& one) { send(one.from, item{one}); }
  void on(stop) { exit(); }
};

class client : public player<client, item> {
 public:
  client(std::uint64_t batch, const sluice::spawn_options& bounded, std::uint64_t& echoed)
      : batch_(batch), bounded_(bounded), echoed_(echoed) {}

  void on_start() { echo_ = create_with<echo>(bounded_); }
  void on(start order) {
    messages_ = order.messages;
    send_batch_of_items();
  }
  void on(const item& back) {
    require(back.number == received_++ && back.from == self(), "a client gets its items in order");
    if (received_ != sent_) return;
    if (sent_ != messages_) return send_batch_of_items();
    echoed_ = received_;
    send(echo_, stop{});
    exit();
    arrive();
  }

 private:
  void send_batch_of_items() {
    const std::uint64_t end = std::min(sent_ + batch_, messages_);
    for (; sent_ != end; ++sent_) send(echo_, item{sent_, self()});
  }

  const std::uint64_t batch_;
  const sluice::spawn_options bounded_;
  std::uint64_t& echoed_;
  sluice::handle<echo> echo_;
  std::uint64_t messages_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

void run_proto_inprocess(iteration& it) {
  const std::uint64_t messages = it.parameter("messages");
  const std::uint64_t batch = it.parameter("batch");
  const std::uint64_t pairs = it.parameter("pairs_per_thread") * it.node().schedulers().size();
  const std::uint64_t room = it.parameter("mailbox");
  it.check_that(room <= std::numeric_limits<std::uint32_t>::max(), "the bound is 32 bits");
  const sluice::spawn_options bounded{.mailbox_max = static_cast<std::uint32_t>(room)};
  auto& echoed = it.keep<std::vector<std::uint64_t>>(pairs);
  std::vector<sluice::handle<client>> clients;
  for (std::uint64_t& own : echoed) {
    clients.push_back(it.spawn_with<client>(bounded, batch, bounded, own));
  }
  it.expect_arrivals(pairs);
  for (const auto& each : clients) it.tell(each, start{messages});
  it.wait();
  for (const std::uint64_t each : echoed) {
    it.check_that(each == messages, "each client gets all its items back");
    it.check("echoed_per_client", each);
  }
  it.check_messages(pairs * (2 * messages + 2));  // None is refused: there is room.
  it.measure("rate", static_cast<double>(2 * pairs * messages) / it.inner_ms() / 1e3, "M/s");
}

}  // namespace

constinit const program proto_inprocess{
    "proto_inprocess",
    "Proto.Actor: clients and echoes, a batch at a time through bounded mailboxes",
    bound::by_messages,
    {{"pairs_per_thread", 2, 2, 1},
     {"messages", 1'000'000, 100'000, 1'000},
     {"batch", 100, 100, 100},
     {"mailbox", 210, 210, 210}},
    &run_proto_inprocess};

}  // namespace suites
