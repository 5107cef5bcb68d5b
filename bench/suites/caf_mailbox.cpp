// caf_mailbox: many senders flood one mailbox, each in one handler call.
//
//   driver --begin(M)--> each of S senders --empty--> receiver, M times
//
// Senders end after their flood, the receiver after S * M messages.
#include "program.hpp"

namespace suites {

namespace {

struct begin {
  std::uint64_t messages;
};
void spoil(begin& message) { ++message.messages; }
struct empty {};

struct receiver : player<receiver> {
  receiver(std::uint64_t& received, std::uint64_t expected)
      : received_(received), expected_(expected) {}

  void on(empty) {
    if (++count_ != expected_) return;
    received_ = count_;
    exit();
    arrive();
  }

  std::uint64_t& received_;
  const std::uint64_t expected_;
  std::uint64_t count_ = 0;
};

struct sender : player<sender> {
  explicit sender(sluice::handle<receiver> to) : to_(to) {}

  void on(begin order) {
    for (std::uint64_t i = 0; i < order.messages; ++i) send(to_, empty{});
    exit();
  }

  const sluice::handle<receiver> to_;
};

void run_caf_mailbox(iteration& it) {
  const std::uint64_t senders = it.parameter("senders");
  const std::uint64_t messages = it.parameter("messages");
  std::uint64_t& received = it.keep<std::uint64_t>(0);
  const auto to = it.spawn<receiver>(received, senders * messages);
  for (std::uint64_t i = 0; i < senders; ++i) it.tell(it.spawn<sender>(to), begin{messages});
  it.wait();
  it.check_that(received == senders * messages, "the receiver counts all messages");
  it.check("received", received);
  it.check_messages(senders * messages + senders);
  it.check("messages", it.sums().sent);
  it.measure("rate", static_cast<double>(received) / it.inner_ms() / 1e3, "M/s");
}

}  // namespace

constinit const program caf_mailbox{"caf_mailbox",
                                    "CAF: many senders flood one mailbox",
                                    bound::by_messages,
                                    {{"senders", 20, 20, 5}, {"messages", 100'000, 10'000, 200}},
                                    &run_caf_mailbox};

}  // namespace suites
