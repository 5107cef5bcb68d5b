#include "load.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cpu_time.hpp"
#include "sockets.hpp"

namespace sluice::bench {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t errors_described_max = 5;

double us(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000.0; }

}  // namespace

session::session(const load_options& options, const std::vector<int>& descriptors,
                 std::uint64_t seed)
    : options_(options) {
  connections_.reserve(descriptors.size());
  for (std::uint32_t index = 0; index < descriptors.size(); ++index) {
    connections_.emplace_back(descriptors[index], pattern(seed, index));
    if (options.rate == 0) connections_.back().sent_at.resize(options.depth);
  }
  alive_ = static_cast<std::uint32_t>(descriptors.size());
}

void session::start(std::uint64_t now) {
  start_ = last_progress_ = now;
  from_ = now + options_.warmup_ns;
  to_ = from_ + options_.window_ns;
  if (options_.rate > 0) return;
  for (std::uint32_t index = 0; index < connections_.size(); ++index) {
    connections_[index].granted = options_.depth;
    outstanding_ += options_.depth;
    mark_dirty(index);
  }
}

bool session::advance(std::uint64_t now) {
  if (!window_open_ && now >= from_) {
    window_open_ = true;
    watched_cpu_ns_ = options_.watch_pid != 0 ? cpu_ns_of(options_.watch_pid) : 0;
    own_cpu_ns_ = own_cpu_ns();
  }
  if (options_.rate > 0) grant_due(now);
  if (now < to_) return alive_ != 0;
  if (!window_closed_) {
    window_closed_ = true;
    if (options_.watch_pid != 0) {
      watched_cpu_ns_ = cpu_ns_of(options_.watch_pid) - watched_cpu_ns_;
    }
    own_cpu_ns_ = own_cpu_ns() - own_cpu_ns_;
    last_progress_ = now;
  }
  if (outstanding_ == 0 || alive_ == 0) return false;
  stalled_ = now - last_progress_ > second_ns;
  if (!stalled_ && now < to_ + drain_ns) return true;
  account_unanswered(now);
  return false;
}

std::uint64_t session::until_next_due(std::uint64_t now) const {
  std::uint64_t next = now + second_ns / 10;
  if (now < from_) next = std::min(next, from_);
  if (now < to_) next = std::min(next, to_);
  if (options_.rate > 0 && due_at(next_due_) < to_) next = std::min(next, due_at(next_due_));
  return next > now ? next - now : 0;
}

std::uint64_t session::due_at(std::uint64_t message) const {
  return start_ + static_cast<std::uint64_t>(static_cast<long double>(message) * 1e9L /
                                             static_cast<long double>(options_.rate));
}

void session::grant_due(std::uint64_t now) {
  const std::uint64_t until = std::min(now, to_ - 1);
  for (; due_at(next_due_) <= until; ++next_due_) {
    const auto index = static_cast<std::uint32_t>(next_due_ % connections_.size());
    load_connection& peer = connections_[index];
    if (peer.failed) {
      ++unsent_;
      continue;
    }
    ++peer.granted;
    ++outstanding_;
    mark_dirty(index);
  }
}

void session::mark_dirty(std::uint32_t index) {
  if (connections_[index].is_dirty) return;
  connections_[index].is_dirty = true;
  dirty_.push_back(index);
}

bool session::has_something_to_send(std::uint32_t index) const {
  const load_connection& peer = connections_[index];
  return !peer.failed && peer.sent < peer.granted * options_.size_bytes;
}

std::size_t session::fill(std::uint32_t index, char* to, std::size_t capacity, std::uint64_t now) {
  load_connection& peer = connections_[index];
  const std::uint64_t owed = peer.granted * options_.size_bytes - peer.sent;
  const std::size_t length = owed < capacity ? static_cast<std::size_t>(owed) : capacity;
  peer.stream.write(peer.sent, to, length);
  if (options_.rate == 0) {
    std::uint64_t message = (peer.sent + options_.size_bytes - 1) / options_.size_bytes;
    for (; message * options_.size_bytes < peer.sent + length; ++message) {
      peer.sent_at[message % options_.depth] = now;
    }
  }
  peer.sent += length;
  return length;
}

void session::on_received(std::uint32_t index, const char* from, std::size_t length,
                          std::uint64_t now) {
  load_connection& peer = connections_[index];
  if (peer.failed) return;
  last_progress_ = now;
  if (peer.received + length > peer.sent) {
    on_failure(index, "received " + std::to_string(peer.received + length - peer.sent) +
                          " bytes more than were sent");
    return;
  }
  const std::size_t wrong = peer.stream.find_mismatch(peer.received, from, length);
  if (wrong != pattern::all_match) {
    char text[160];
    std::snprintf(text, sizeof text, "byte at stream offset %llu is 0x%02x, expected 0x%02x",
                  static_cast<unsigned long long>(peer.received + wrong),
                  static_cast<unsigned char>(from[wrong]),
                  static_cast<unsigned char>(peer.stream.byte_at(peer.received + wrong)));
    on_failure(index, text);
    return;
  }
  peer.received += length;
  const std::uint64_t answered = peer.received / options_.size_bytes;
  while (peer.answered < answered) on_answered(peer, index, now);
}

void session::on_answered(load_connection& peer, std::uint32_t index, std::uint64_t now) {
  const std::uint64_t message = peer.answered++;
  --outstanding_;
  if (now >= from_ && now < to_) ++answered_in_window_;
  if (options_.rate > 0) {
    const std::uint64_t due = due_at(message * connections_.size() + index);
    if (due >= from_ && due < to_) latency_.record(now > due ? now - due : 0);
    return;
  }
  const std::uint64_t sent_at = peer.sent_at[message % options_.depth];
  if (now >= from_ && now < to_) latency_.record(now > sent_at ? now - sent_at : 0);
  if (now >= to_) return;
  ++peer.granted;
  ++outstanding_;
  mark_dirty(index);
}

void session::on_failure(std::uint32_t index, const std::string& what) {
  load_connection& peer = connections_[index];
  if (peer.failed) return;
  peer.failed = true;
  --alive_;
  outstanding_ -= peer.granted - peer.answered;
  note_error(index, what);
}

void session::account_unanswered(std::uint64_t now) {
  for (std::uint32_t index = 0; index < connections_.size(); ++index) {
    const load_connection& peer = connections_[index];
    if (peer.failed) continue;
    const std::uint64_t sent = peer.sent / options_.size_bytes;
    if (stalled_ && sent > peer.answered) {
      note_error(index, std::to_string(sent - peer.answered) + " messages never answered");
      errors_ += sent - peer.answered - 1;
    }
    unanswered_ += sent - peer.answered;
    unsent_ += peer.granted - sent;
    for (std::uint64_t j = peer.answered; options_.rate > 0 && j < peer.granted; ++j) {
      const std::uint64_t due = due_at(j * connections_.size() + index);
      if (due >= from_) latency_.record(now - due);
    }
  }
}

void session::note_error(std::uint32_t index, const std::string& what) {
  if (errors_++ < errors_described_max) {
    std::fprintf(stderr, "sluice-load: connection %u: %s\n", index, what.c_str());
  }
}

int session::report() {
  const double seconds = static_cast<double>(options_.window_ns) * 1e-9;
  const double rate = static_cast<double>(answered_in_window_) / seconds;
  const auto p = [this](double share) { return us(latency_.percentile(share)); };
  std::printf("%s loop, %u connections, %llu bytes, ", options_.rate > 0 ? "open" : "closed",
              static_cast<unsigned>(connections_.size()),
              static_cast<unsigned long long>(options_.size_bytes));
  if (options_.rate > 0) {
    std::printf("%.0f a second asked, ", options_.rate);
  } else {
    std::printf("%llu in flight, ", static_cast<unsigned long long>(options_.depth));
  }
  std::printf("%.1f s: %llu messages, p50 %.1f p90 %.1f p99 %.1f p99.9 %.1f max %.1f us", seconds,
              static_cast<unsigned long long>(answered_in_window_), p(0.5), p(0.9), p(0.99),
              p(0.999), us(latency_.max()));
  if (unsent_ + unanswered_ != 0) {
    std::printf(", %llu due but never sent, %llu sent but not answered in time",
                static_cast<unsigned long long>(unsent_),
                static_cast<unsigned long long>(unanswered_));
  }
  std::printf("\n");
  if (answered_in_window_ != 0) {
    const auto messages = static_cast<double>(answered_in_window_);
    std::printf("load_cpu_ns=%.0f load_cpu_share=%.2f", static_cast<double>(own_cpu_ns_) / messages,
                static_cast<double>(own_cpu_ns_) * 1e-9 / seconds);
    if (options_.watch_pid != 0) {
      std::printf(" server_cpu_ns=%.0f server_cpu_share=%.2f",
                  static_cast<double>(watched_cpu_ns_) / messages,
                  static_cast<double>(watched_cpu_ns_) * 1e-9 / seconds);
    }
    std::printf("\n");
  }
  std::printf("rate=%.0f MB_s=%.2f p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f errors=%llu\n",
              rate, rate * static_cast<double>(options_.size_bytes) * 1e-6, p(0.5), p(0.99),
              p(0.999), us(latency_.max()), static_cast<unsigned long long>(errors_));
  return errors_ == 0 && answered_in_window_ != 0 ? 0 : 1;
}

}  // namespace sluice::bench
