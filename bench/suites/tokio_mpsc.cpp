// tokio's contention on a channel (sync_mpsc): a few senders, one receiver.
//
//   driver --begin--> each sender --item(s, i)--> receiver     M of them, which then ends
//
// unbounded: the receiver's mailbox is. bounded: it has room for all. bounded_full: it has not, and
// senders wait for room.
#include <limits>

#include "program.hpp"

namespace suites {

namespace {

struct begin {};
struct item {
  std::uint32_t sender;
  std::uint64_t number;
};
void spoil(item& message) { ++message.number; }

struct receiver : player<receiver> {
  receiver(std::uint64_t senders, std::uint64_t messages) : next_(senders), left_(messages) {}

  void on(const item& got) {
    const bool is_next = got.sender < next_.size() && got.number == next_[got.sender]++;
    require(is_next, "what each sender sends comes in order");
    if (--left_ != 0) return;
    exit();
    arrive();
  }

  std::vector<std::uint64_t> next_;  // of each sender
  std::uint64_t left_;               // of all
};

struct sender : player<sender> {
  sender(sluice::handle<receiver> to, std::uint32_t index, std::uint64_t messages)
      : to_(to), index_(index), messages_(messages) {}

  void on(begin) {
    for (std::uint64_t i = 0; i < messages_; ++i) send(to_, item{index_, i});
    exit();
  }

  sluice::handle<receiver> to_;
  std::uint32_t index_;
  std::uint64_t messages_;
};

struct waiting_sender : player<waiting_sender> {
  waiting_sender(sluice::handle<receiver> to, std::uint32_t index, std::uint64_t messages)
      : to_(to), index_(index), messages_(messages) {}

  sluice::task<void> on(begin) {
    for (std::uint64_t i = 0; i < messages_; ++i) {
      const auto sent = co_await send_when_room(to_, item{index_, i});
      if (!sent) co_return fail("a send failed: " + sent.error().message());
    }
    exit();
  }

  sluice::handle<receiver> to_;
  std::uint32_t index_;
  std::uint64_t messages_;
};

template <class Sender>
void run_senders(iteration& it, std::uint64_t mailbox_max) {
  const auto senders = static_cast<std::uint32_t>(it.parameter("senders"));
  const std::uint64_t messages = it.parameter("messages");
  it.check_that(mailbox_max <= std::numeric_limits<std::uint32_t>::max(), "the bound is 32 bits");
  sluice::spawn_options options;
  options.mailbox_max = static_cast<std::uint32_t>(mailbox_max);
  const auto to = it.spawn_with<receiver>(options, senders, senders * messages);
  std::vector<sluice::handle<Sender>> all;
  for (std::uint32_t i = 0; i < senders; ++i) all.push_back(it.spawn<Sender>(to, i, messages));
  for (const auto& each : all) it.tell(each, begin{});
  it.wait();
  // Who waited for room was told by the node, which it counts as messages too.
  const std::uint64_t told = it.sums().sent - senders * (messages + 1);
  const bool is_full = mailbox_max != 0 && mailbox_max < senders * messages;
  it.check_messages(senders * (messages + 1) + (is_full ? told : 0));
  it.check_that(told <= senders * messages, "no more than one notice of room a message");
  it.check("messages", it.sums().sent - told);
  if (is_full) it.note("times that a sender was told of room", static_cast<double>(told));
}

void run_unbounded(iteration& it) { run_senders<sender>(it, 0); }
void run_bounded(iteration& it) { run_senders<waiting_sender>(it, it.parameter("mailbox")); }

}  // namespace

constinit const program tokio_mpsc_unbounded{
    "tokio_mpsc_unbounded",
    "a few senders, one receiver, no bound",
    bound::by_messages,
    {{"senders", 5, 5, 5}, {"messages", 1'000, 1'000, 200}},
    &run_unbounded};
constinit const program tokio_mpsc_bounded{"tokio_mpsc_bounded",
                                           "a few senders, one receiver with room for all",
                                           bound::by_messages,
                                           {{"senders", 5, 5, 5},
                                            {"messages", 1'000, 1'000, 200},
                                            {"mailbox", 1'000'000, 1'000'000, 10'000}},
                                           &run_bounded};
constinit const program tokio_mpsc_bounded_full{
    "tokio_mpsc_bounded_full",
    "a few senders that wait for room at one receiver",
    bound::by_messages,
    {{"senders", 5, 5, 5}, {"messages", 1'000, 1'000, 200}, {"mailbox", 100, 100, 10}},
    &run_bounded};

}  // namespace suites
