// Log lines as text and JSON, and the sinks that need nothing but a descriptor.
#include <sluice/log.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <utility>

#include "base/unique_fd.hpp"

namespace sluice {
inline namespace v0 {

namespace {

// Of three bytes: ends of lines and paragraphs, and what turns the direction of the text around,
// with which a peer's text looks like another one.
bool moves_text(unsigned char first, unsigned char second, unsigned char third) noexcept {
  if (first != 0xe2) return false;
  if (second == 0x80) return third == 0x8e || third == 0x8f || (third >= 0xa8 && third <= 0xae);
  return second == 0x81 && third >= 0xa6 && third <= 0xa9;
}

// The length of the UTF-8 character at the front of `text`, or 0: not one, or a control character.
std::size_t printable_at(std::string_view text) noexcept {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if (first == 0xc2 && second < 0xa0) return 0;  // Control characters of 8 bits.
  if (size == 3 && moves_text(first, second, byte(2))) return 0;
  const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_outside = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return is_overlong || is_outside ? 0 : size;
}

std::string time_text(std::chrono::system_clock::time_point when) {
  const auto since = when.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const std::time_t whole = seconds.count();
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(since - seconds).count();
  std::snprintf(text + size, sizeof text - size, ".%06dZ", static_cast<int>(rest));
  return text;
}

void append_json(std::string& to, std::string_view name, std::string_view value) {
  const auto quote = [&to](std::string_view text) {
    to += '"';
    for (const char each : text) {
      if (each == '"' || each == '\\') to += '\\';
      to += each;
    }
    to += '"';
  };
  if (to.size() > 1) to += ',';
  quote(name);
  to += ':';
  quote(value);
}

class descriptor_log final : public log_sink {
 public:
  descriptor_log(int borrowed, base::unique_fd owned, log_format as)
      : fd_(borrowed), owned_(std::move(owned)), as_(as) {}

  void write(const log_record& line) override {
    const std::string text = format_log(line, as_) + '\n';
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t count = ::write(fd_, text.data() + done, text.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 &&
          errno == EAGAIN) {  // A descriptor of the host's that does not wait by itself.
        pollfd room{fd_, POLLOUT, 0};
        if (::poll(&room, 1, -1) < 0 && errno != EINTR) return;
        continue;
      }
      if (count <= 0) return;  // A full disk or a closed terminal: there is nobody to tell.
      done += static_cast<std::size_t>(count);
    }
  }

 private:
  int fd_;
  base::unique_fd owned_;
  log_format as_;
};

}  // namespace

const char* to_string(log_severity severity) noexcept {
  switch (severity) {
    case log_severity::debug: return "debug";
    case log_severity::info: return "info";
    case log_severity::warning: return "warning";
    case log_severity::error: return "error";
  }
  return "?";
}

std::string escape_for_log(std::string_view text, std::size_t bytes_max) {
  std::string clean;
  clean.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = printable_at(text.substr(at));
    const std::size_t needed = size == 0 ? 4 : size;
    if (clean.size() + needed > bytes_max) {
      clean += "... (" + std::to_string(text.size() - at) + " bytes more)";
      break;
    }
    if (size == 0) {
      char code[5];
      std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(text[at]));
      clean += code;
      ++at;
    } else {
      clean += text.substr(at, size);
      at += size;
    }
  }
  return clean;
}

std::string format_log(const log_record& line, log_format as) {
  if (as == log_format::json) {
    std::string made = "{";
    append_json(made, "time", time_text(line.time));
    append_json(made, "severity", to_string(line.severity));
    if (!line.source.empty()) append_json(made, "source", line.source);
    append_json(made, "text", line.text);
    for (const log_field& each : line.fields) append_json(made, each.name, each.value);
    return made + "}";
  }
  std::string made = time_text(line.time) + ' ' + to_string(line.severity) + ' ';
  if (!line.source.empty()) made += line.source + ": ";
  made += line.text;
  const char* before = " {";
  for (const log_field& each : line.fields) {
    made += before + each.name + '=' + each.value;
    before = ", ";
  }
  return line.fields.empty() ? made : made + '}';
}

std::shared_ptr<log_sink> console_log(log_format as) {
  return std::make_shared<descriptor_log>(STDERR_FILENO, base::unique_fd{}, as);
}

result<std::shared_ptr<log_sink>> file_log(const std::string& path, log_format as) {
  base::unique_fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
  if (file.get() < 0) return error_from_errno(errno, "file_log: open");
  const int fd = file.get();
  return std::shared_ptr<log_sink>{std::make_shared<descriptor_log>(fd, std::move(file), as)};
}

}  // namespace v0
}  // namespace sluice
