#include "net/port_channel.hpp"

#include <functional>
#include <utility>

namespace sluice::inline v0::net {

namespace {

[[nodiscard]] bool lies_in(const bytes& part, const bytes& whole) noexcept {
  const std::less<const std::byte*> before;
  return !before(part.data(), whole.data()) && before(part.data(), whole.data() + whole.size());
}

}  // namespace

void port_channel::open(base::unique_fd pipe, const port::program_options& options) {
  if (const auto* by = std::get_if<port::lines>(&options.deliver)) {
    lines_.emplace(by->line_bytes_max);
  } else if (const auto* framed = std::get_if<framing>(&options.deliver)) {
    frames_.emplace(*framed);
  }
  reader_.open(std::move(pipe), options.output_bytes_max);
}

void port_channel::close() noexcept {
  if (is_closed()) return;
  if (is_complete_) is_complete_ = reader_.is_at_end();
  reader_.close();
}

void port_channel::note_program_end() noexcept {
  owed_until_ = reader_.bytes_read() + reader_.bytes_under_way() + reader_.waiting_bytes();
}

bool port_channel::owes() const noexcept {
  if (is_closed() || reader_.bytes_read() >= owed_until_) return false;
  return reader_.bytes_under_way() != 0 || reader_.waiting_bytes() != 0;
}

void port_channel::on_pipe_bytes(io::pipe_reader&, bytes data) noexcept {
  if (frames_) return take_frames(data);
  if (!lines_) return handler_.on_output(which_, std::move(data), false);
  lines_->feed(data);
  for (text_line line; lines_->next(line);) {
    give(std::move(line.text), line.by != text_line::ending::line_feed, data);
  }
}

void port_channel::take_frames(const bytes& piece) noexcept {
  frames_->feed(piece);
  for (bytes frame;;) {
    switch (frames_->next(frame)) {
      case frame_step::frame: give(std::move(frame), false, piece); break;
      case frame_step::need_more: return;
      case frame_step::malformed:
        is_complete_ = false;
        return handler_.on_malformed(frames_->reason());
    }
  }
}

void port_channel::on_pipe_end(io::pipe_reader&, int os_error) noexcept {
  if (os_error != 0) is_complete_ = false;
  if (text_line line; lines_ && lines_->finish(line)) {
    handler_.on_output(which_, std::move(line.text), true);
  }
  if (lines_ && lines_->lost_bytes() != 0) is_complete_ = false;
  if (frames_ && frames_->incomplete_bytes() != 0) is_complete_ = false;
  handler_.on_output_end(which_);
}

// The pieces are charged themselves.
void port_channel::give(bytes part, bool is_cut, const bytes& piece) noexcept {
  if (!part.empty() && !lies_in(part, piece) && !reader_.is_closed()) {
    part = reader_.charge(std::move(part));
  }
  handler_.on_output(which_, std::move(part), is_cut);
}

}  // namespace sluice::inline v0::net
