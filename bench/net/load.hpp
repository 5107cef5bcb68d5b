// What a load run is and what it found: the part of sluice-load that knows no kernel interface. The
// engine (load_epoll.cpp) moves the bytes and asks the session three things: how much may this
// connection send now, what are the bytes, are the received ones right.
//
// L1 Closed loop: a connection has `depth` messages in flight; latency runs from the moment a
//    message's first byte was handed to the kernel to the receive that brought its last.
// L2 Open loop (rate > 0): message k is due at start + k / rate on connection k mod C, whatever
//    happened before, and its latency runs from that moment (no coordinated omission). Depth does
//    not apply; nothing is queued but counts.
// L3 The window is [start + warmup, start + warmup + seconds). Rate counts messages answered within
//    it; latencies are of messages answered (closed) or due (open) within it.
// L4 After the window what is due or in flight may still be answered, for at most drain_ns, or 1 s
//    without progress. Sent and then not answered for 1 s is an error; due and still not answered
//    in an overload is not, but counts with the age it has reached.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "measurement.hpp"
#include "pattern.hpp"

namespace sluice::bench {

struct load_options {
  std::uint32_t connections = 50;
  std::uint64_t size_bytes = 64;
  std::uint64_t depth = 1;
  double rate = 0;  // messages a second over all connections; 0: closed loop
  std::uint64_t warmup_ns = 500'000'000;
  std::uint64_t window_ns = 5'000'000'000;
  std::uint64_t poll_ns = 50'000;  // how long an idle turn looks before it sleeps
  bool spin = false;               // never sleep
  bool buckets = false;            // print the latencies' histogram
  int watch_pid = 0;               // whose CPU time over the window to report; 0: nobody's
};

struct load_connection {
  load_connection(int descriptor, pattern bytes) : fd(descriptor), stream(bytes) {}

  int fd;
  bool failed = false;
  bool is_dirty = false;       // on the session's list: may have something to send
  std::uint64_t granted = 0;   // messages that may be sent, since the start
  std::uint64_t sent = 0;      // bytes generated, since the start
  std::uint64_t received = 0;  // bytes verified, since the start
  std::uint64_t answered = 0;  // messages
  pattern stream;
  std::vector<std::uint64_t> sent_at;  // closed loop: message j at j mod depth
};

class session {
 public:
  static constexpr std::uint64_t drain_ns = 3'000'000'000;

  session(const load_options& options, const std::vector<int>& descriptors, std::uint64_t seed);

  void start(std::uint64_t now);
  // Once a turn: grants what is due, notes the window's edges. False: the run is over.
  [[nodiscard]] bool advance(std::uint64_t now);
  // Nanoseconds until the session needs a turn even if nothing is received.
  [[nodiscard]] std::uint64_t until_next_due(std::uint64_t now) const;

  // Connections that may have something to send; the engine clears the list.
  [[nodiscard]] std::vector<std::uint32_t>& dirty() { return dirty_; }
  void mark_dirty(std::uint32_t index);

  [[nodiscard]] bool has_something_to_send(std::uint32_t index) const;
  // Writes the next bytes of the stream, as many as are granted and fit; returns how many.
  std::size_t fill(std::uint32_t index, char* to, std::size_t capacity, std::uint64_t now);
  void on_received(std::uint32_t index, const char* from, std::size_t length, std::uint64_t now);
  // The connection broke: counted as an error, described for the first few.
  void on_failure(std::uint32_t index, const std::string& what);

  [[nodiscard]] load_connection& connection(std::uint32_t index) { return connections_[index]; }
  [[nodiscard]] std::uint32_t connection_count() const {
    return static_cast<std::uint32_t>(connections_.size());
  }
  [[nodiscard]] const load_options& options() const { return options_; }

  // Prints what was found; the exit code of the program.
  [[nodiscard]] int report();

 private:
  void grant_due(std::uint64_t now);
  [[nodiscard]] std::uint64_t due_at(std::uint64_t message) const;
  void on_answered(load_connection& peer, std::uint32_t index, std::uint64_t now);
  void account_unanswered(std::uint64_t now);
  void note_error(std::uint32_t index, const std::string& what);

  load_options options_;
  std::vector<load_connection> connections_;
  std::vector<std::uint32_t> dirty_;
  std::uint32_t alive_ = 0;
  std::uint64_t start_ = 0;
  std::uint64_t next_due_ = 0;     // open loop: the next message not yet granted
  std::uint64_t outstanding_ = 0;  // granted and not answered, on living connections
  std::uint64_t last_progress_ = 0;
  bool is_draining_ = false;  // the window is over (L4)
  bool stalled_ = false;
  measurement window_;
  std::uint64_t unsent_ = 0;
  std::uint64_t unanswered_ = 0;
  std::uint64_t errors_ = 0;
};

// Runs the session to its end; false leaves a sentence in `problem`.
[[nodiscard]] bool load_with_epoll(session& run, std::string& problem);

}  // namespace sluice::bench
