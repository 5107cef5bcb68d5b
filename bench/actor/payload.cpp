// payload: bursts of messages of 8 to 4096 bytes from one sender to one receiver, two bursts under
// way; millions of messages and MB a second.
//
//   sender --parcels of burst n--> receiver
//   sender <------- done n -------- receiver      then burst n + 2
//
// Each parcel is written whole and each word of it checked: that is part of the time, as it is of
// any program that sends data.
#include <cstddef>

#include "trial.hpp"

namespace actor_bench {

namespace {

constexpr std::uint64_t bursts_under_way = 2;

// What word `index` of the content of message `number` is.
constexpr std::uint64_t content_of(std::uint64_t number, std::uint64_t index) {
  return number * 0x9e3779b97f4a7c15u + index;
}

template <std::size_t Bytes>
struct parcel {
  static constexpr std::size_t words = Bytes / sizeof(std::uint64_t) - 1;

  explicit parcel(std::uint64_t of) : number(of) {
    for (std::size_t i = 0; i < words; ++i) content[i] = content_of(of, i);
  }
  [[nodiscard]] bool is_whole(std::uint64_t of) const {
    std::uint64_t differences = 0;
    for (std::size_t i = 0; i < words; ++i) differences |= content[i] ^ content_of(of, i);
    return differences == 0;
  }
  void spoil_content() { content[words - 1] ^= 1; }

  std::uint64_t number;
  std::uint64_t content[words];
};

template <>
struct parcel<sizeof(std::uint64_t)> {
  explicit parcel(std::uint64_t of) : number(of) {}
  [[nodiscard]] bool is_whole(std::uint64_t) const { return true; }

  std::uint64_t number;
};

struct done {
  std::uint64_t number;
};

template <std::size_t Bytes>
struct receiver : sluice::actor<receiver<Bytes>> {
  receiver(finish_line& line, std::uint64_t burst, std::uint64_t bursts)
      : line_(&line), burst_(burst), bursts_(bursts) {}

  void on(const parcel<Bytes>& one) {
    line_->expect(one.number, expected_, "receiver");
    if (!one.is_whole(expected_)) [[unlikely]]
      line_->fail("the content of message " + std::to_string(expected_) + " is not what was sent");
    if (++expected_ % burst_ != 0) return;
    const std::uint64_t finished = expected_ / burst_ - 1;
    send_numbered(*this, this->sender(), done{finished});
    if (finished + 1 == bursts_) line_->arrive();
  }

  finish_line* line_;
  std::uint64_t expected_ = 0;
  std::uint64_t burst_;
  std::uint64_t bursts_;
};

template <std::size_t Bytes>
struct sender : sluice::actor<sender<Bytes>, done> {
  sender(finish_line& line, sluice::handle<receiver<Bytes>> to, std::uint64_t burst,
         std::uint64_t bursts)
      : line_(&line), to_(to), burst_(burst), bursts_(bursts) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "sender");
    for (std::uint64_t i = 0; i < bursts_under_way && i < bursts_; ++i) send_burst();
  }
  void on(const done& finished) {
    line_->expect(finished.number, finished_++, "sender");
    if (sent_ != burst_ * bursts_) send_burst();
    if (finished_ == bursts_) line_->arrive();
  }

  void send_burst() {
    for (const std::uint64_t end = sent_ + burst_; sent_ != end; ++sent_) {
      send_numbered(*this, to_, parcel<Bytes>{sent_});
    }
  }

  finish_line* line_;
  sluice::handle<receiver<Bytes>> to_;
  std::uint64_t sent_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t burst_;
  std::uint64_t bursts_;
};

template <std::size_t Bytes>
std::vector<figure> run_bursts(trial& run) {
  const std::uint64_t burst = run.parameter("burst");
  const std::uint64_t bursts = run.parameter("messages") / burst;
  if (bursts == 0) throw void_run{"fewer messages than a burst has"};
  const auto to = run.spawn<receiver<Bytes>>(run.line(), burst, bursts);
  const auto from = run.spawn<sender<Bytes>>(run.line(), to, burst, bursts);
  const double seconds = run.time(2, [&] { run.tell(from); });
  const std::uint64_t messages = burst * bursts;
  run.verify(1 + messages + bursts, 2);
  const double rate = static_cast<double>(messages) / seconds / 1e6;
  return {{"", rate, "M/s"}, {"-data", rate * static_cast<double>(Bytes), "MB/s"}};
}

std::vector<figure> run_payload(trial& run) {
  switch (run.parameter("bytes")) {
    case 8: return run_bursts<8>(run);
    case 64: return run_bursts<64>(run);
    case 256: return run_bursts<256>(run);
    case 1024: return run_bursts<1024>(run);
    case 4096: return run_bursts<4096>(run);
    default: throw void_run{"the payload has 8, 64, 256, 1024 or 4096 bytes"};
  }
}

}  // namespace

constinit const workload payload{
    "payload",
    "1 sends to 1 in bursts, two under way, content checked; M messages/s; -data: MB/s",
    {{"messages", 2'000'000, 320}, {"bytes", 256, 256}, {"burst", 64, 16}},
    false,
    &run_payload,
    true};

}  // namespace actor_bench
