#include "load.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "sockets.hpp"

namespace sluice::bench {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t errors_described_max = 5;

}  // namespace

session::session(const load_options& options, const std::vector<int>& descriptors,
                 std::uint64_t seed)
    : options_(options), window_(options.warmup_ns, options.window_ns, options.watch_pid) {
  connections_.reserve(descriptors.size());
  for (std::uint32_t index = 0; index < descriptors.size(); ++index) {
    connections_.emplace_back(descriptors[index], pattern(seed, index));
    if (options.rate == 0) connections_.back().sent_at.resize(options.depth);
  }
  alive_ = static_cast<std::uint32_t>(descriptors.size());
}

void session::start(std::uint64_t now) {
  start_ = last_progress_ = now;
  window_.start(now);
  if (options_.rate > 0) return;
  for (std::uint32_t index = 0; index < connections_.size(); ++index) {
    connections_[index].granted = options_.depth;
    outstanding_ += options_.depth;
    mark_dirty(index);
  }
}

bool session::advance(std::uint64_t now) {
  window_.advance(now);
  if (options_.rate > 0) grant_due(now);
  if (now < window_.to()) return alive_ != 0;
  if (!is_draining_) {
    is_draining_ = true;
    last_progress_ = now;
  }
  if (outstanding_ == 0 || alive_ == 0) return false;
  stalled_ = now - last_progress_ > second_ns;
  if (!stalled_ && now < window_.to() + drain_ns) return true;
  account_unanswered(now);
  return false;
}

std::uint64_t session::until_next_due(std::uint64_t now) const {
  std::uint64_t next = now + second_ns / 10;
  if (now < window_.from()) next = std::min(next, window_.from());
  if (now < window_.to()) next = std::min(next, window_.to());
  if (options_.rate > 0 && due_at(next_due_) < window_.to())
    next = std::min(next, due_at(next_due_));
  return next > now ? next - now : 0;
}

std::uint64_t session::due_at(std::uint64_t message) const {
  return start_ + static_cast<std::uint64_t>(static_cast<long double>(message) * 1e9L /
                                             static_cast<long double>(options_.rate));
}

void session::grant_due(std::uint64_t now) {
  const std::uint64_t until = std::min(now, window_.to() - 1);
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
  if (window_.contains(now)) window_.count_answer();
  if (options_.rate > 0) {
    const std::uint64_t due = due_at(message * connections_.size() + index);
    if (window_.contains(due)) window_.record_latency(now > due ? now - due : 0);
    return;
  }
  const std::uint64_t sent_at = peer.sent_at[message % options_.depth];
  if (window_.contains(now)) window_.record_latency(now > sent_at ? now - sent_at : 0);
  if (now >= window_.to()) return;
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
      if (due >= window_.from()) window_.record_latency(now - due);
    }
  }
}

void session::note_error(std::uint32_t index, const std::string& what) {
  if (errors_++ < errors_described_max) {
    std::fprintf(stderr, "sluice-load: connection %u: %s\n", index, what.c_str());
  }
}

int session::report() {
  std::printf("%s loop, %u connections, %llu bytes, ", options_.rate > 0 ? "open" : "closed",
              static_cast<unsigned>(connections_.size()),
              static_cast<unsigned long long>(options_.size_bytes));
  if (options_.rate > 0) {
    std::printf("%.0f a second asked, ", options_.rate);
  } else {
    std::printf("%llu in flight, ", static_cast<unsigned long long>(options_.depth));
  }
  std::printf("%.1f s: %llu messages, ", window_.seconds(),
              static_cast<unsigned long long>(window_.answered()));
  window_.print_percentiles();
  if (unsent_ + unanswered_ != 0) {
    std::printf(", %llu due but never sent, %llu sent but not answered in time",
                static_cast<unsigned long long>(unsent_),
                static_cast<unsigned long long>(unanswered_));
  }
  std::printf("\n");
  if (options_.buckets) window_.print_buckets();
  window_.print_figures(options_.size_bytes, errors_);
  return errors_ == 0 && window_.answered() != 0 ? 0 : 1;
}

}  // namespace sluice::bench
