// The log: levels, fields, escaping, and outputs that hold up nobody.
#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "actor/log_lane.hpp"
#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::log_format;
using sluice::log_output;
using sluice::log_record;
using sluice::log_severity;

namespace {

struct say {
  log_severity severity;
  std::string text;
};
struct say_with_fields {};
struct quiet {};

struct talker : sluice::actor<talker, say, say_with_fields, quiet> {
  void on(const say& what) { log(what.severity, what.text); }
  void on(say_with_fields) {
    const auto peer = with_log_field("peer", "10.0.0.1\n");
    {
      const auto deeper = with_log_field("stream", "7");
      log(log_severity::warning, "inner");
    }
    log(log_severity::warning, "outer");
  }
  void on(quiet) { set_log_level(log_severity::error); }
};

// Keeps what it is given; blocks or throws on demand.
class kept_log final : public sluice::log_sink {
 public:
  explicit kept_log(bool blocks = false) : blocks_(blocks) {}
  void write(const log_record& line) override {
    const std::string text = sluice::format_log(line, log_format::text).substr(28);
    if (text.find("throw") != text.npos) throw std::runtime_error{"a sink that throws"};
    {
      const std::lock_guard lock{guard_};
      lines_.push_back(text);
    }
    count_.add();
    if (blocks_ && text.find("block") != text.npos) static_cast<void>(gate_.reaches(1));
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock{guard_};
    return lines_;
  }
  void wait_for(std::uint32_t count) const { count_.wait_for(count); }
  void open_gate() { gate_.add(); }

 private:
  mutable std::mutex guard_;
  std::vector<std::string> lines_;
  test_counter count_;
  test_counter gate_;
  bool blocks_;
};

sluice::node_options options_with(std::vector<log_output> outputs) {
  auto options = plain_options();
  options.log_outputs = std::move(outputs);
  return options;
}

}  // namespace

TEST_CASE(
    "log: a line tells who says it, with the fields of the moment; control bytes are escaped") {
  auto out = std::make_shared<kept_log>();
  test_node node{options_with({{out, log_severity::info}})};
  auto one = node->spawn<talker>({.name = "one"}).value();
  one.send(say_with_fields{});
  one.send(say{log_severity::debug, "too detailed"});
  one.send(say{log_severity::info, "a\x1b[31mb\r\n\x80 \xc3\xa4 \xc2\x9b end"});
  out->wait_for(3);
  REQUIRE(out->lines()[0] == "warning one: inner {peer=10.0.0.1\\x0a, stream=7}");
  REQUIRE(out->lines()[1] == "warning one: outer {peer=10.0.0.1\\x0a}");
  REQUIRE(out->lines()[2] == "info one: a\\x1b[31mb\\x0d\\x0a\\x80 \xc3\xa4 \\xc2\\x9b end");
  REQUIRE(node.log().find("one: inner peer=10.0.0.1\\x0a stream=7") != std::string::npos);
}

TEST_CASE("log: a process's level leaves out what is below it, from the spawn or later") {
  auto out = std::make_shared<kept_log>();
  test_node node{options_with({{out, log_severity::debug}})};
  auto one = node->spawn<talker>({.name = "one", .log_level = log_severity::warning}).value();
  one.send(say{log_severity::info, "left out"});
  one.send(say{log_severity::warning, "first"});
  one.send(quiet{});
  one.send(say{log_severity::warning, "left out too"});
  one.send(say{log_severity::error, "second"});
  out->wait_for(2);
  node.settle();
  REQUIRE(out->lines() == std::vector<std::string>{"warning one: first", "error one: second"});
}

TEST_CASE("log: text is cut, also between the bytes of a character, and says how much is missing") {
  REQUIRE(sluice::escape_for_log("abcdef", 4) == "abcd... (2 bytes more)");
  REQUIRE(sluice::escape_for_log("abc\xc3\xa4", 4) == "abc... (2 bytes more)");
  REQUIRE(sluice::escape_for_log("ab\n", 5) == "ab... (1 bytes more)");
  REQUIRE(sluice::escape_for_log("\xed\xa0\x80 \xf5 \xe2\x82", 100) ==
          "\\xed\\xa0\\x80 \\xf5 \\xe2\\x82");
}

TEST_CASE("log: a JSON line is an object with all strings quoted") {
  log_record line;
  line.severity = log_severity::error;
  line.source = "a \"name\"";
  line.text = "back\\slash";
  line.fields = {{"peer", "x\"y"}};
  REQUIRE(sluice::format_log(line, log_format::json) ==
          R"({"time":"1970-01-01T00:00:00.000000Z","severity":"error","source":"a \"name\"",)"
          R"("text":"back\\slash","peer":"x\"y"})");
}

TEST_CASE("log: a sink that blocks loses its own lines, which are counted, and holds up nobody") {
  auto slow = std::make_shared<kept_log>(true);
  auto quick = std::make_shared<kept_log>();
  quick->open_gate();
  test_node node{options_with({{slow, log_severity::info, 4}, {quick, log_severity::info}})};
  auto one = node->spawn<talker>({.name = "one"}).value();
  one.send(say{log_severity::info, "block"});
  slow->wait_for(1);
  for (int i = 0; i < 20; ++i) one.send(say{log_severity::info, "line " + std::to_string(i)});
  quick->wait_for(21);
  slow->open_gate();
  slow->wait_for(6);
  node.settle();
  const auto lines = slow->lines();
  REQUIRE(lines.size() == 6);
  REQUIRE(lines[1] == "warning 16 log lines were lost: this output is too slow");
  REQUIRE(lines[2] == "info one: line 0");
  REQUIRE(lines[5] == "info one: line 3");
}

TEST_CASE("log: a sink that throws loses that line and gets the next") {
  auto out = std::make_shared<kept_log>();
  test_node node{options_with({{out, log_severity::info}})};
  auto one = node->spawn<talker>({.name = "one"}).value();
  one.send(say{log_severity::info, "throw this"});
  one.send(say{log_severity::info, "next"});
  out->wait_for(2);
  REQUIRE(out->lines()[0] == "warning 1 log lines were lost: this output is too slow");
  REQUIRE(out->lines()[1] == "info one: next");
}

TEST_CASE("log: a function of the host's that throws loses that line, and nobody ends") {
  test_counter called;
  auto options = plain_options();
  options.log = [&](sluice::log_severity, std::string_view) {
    called.add();
    throw std::runtime_error{"planted"};
  };
  sluice::node node{"loud", options};
  REQUIRE(node.start());
  auto one = node.spawn<talker>({.name = "one"}).value();
  for (int i = 0; i < 3; ++i) one.send(say{log_severity::warning, "line " + std::to_string(i)});
  called.wait_for(3);
  CHECK(node.messages().alive == 1);
  CHECK(node.stop().is_clean());
}

TEST_CASE("log: a line that repeats itself is written once, with the number of times") {
  auto out = std::make_shared<kept_log>();
  test_node node{options_with({{out, log_severity::info}})};
  auto one = node->spawn<talker>({.name = "one"}).value();
  for (int i = 0; i < 50; ++i) one.send(say{log_severity::info, "again"});
  one.send(say{log_severity::info, "other"});
  out->wait_for(3);
  node.settle();
  node.finish();
  std::uint64_t times = 0;
  const auto lines = out->lines();
  REQUIRE(lines.front() == "info one: again");
  REQUIRE(lines.back() == "info one: other");
  REQUIRE(lines.size() < 10);  // One a second at most.
  for (const auto& each : lines) {
    const auto at = each.find("(repeated ");
    if (at != each.npos) times += std::stoull(each.substr(at + 10));
  }
  REQUIRE(times == 49);
}

TEST_CASE("log: lines that differ in their fields alone do not repeat each other") {
  const auto kept = std::make_shared<kept_log>();
  const auto lane =
      std::make_shared<sluice::core::log_lane>(log_output{.sink = kept, .waiting_max = 8});
  // Stopped and started again, as by a node whose start failed at first.
  REQUIRE(lane->start());
  REQUIRE(lane->stop(INT64_MAX));
  REQUIRE(lane->start());
  for (const char* peer : {"1", "2", "2"}) {
    log_record line;
    line.text = "hello";
    line.fields = {{"peer", peer}};
    lane->push(std::make_shared<const log_record>(line));
  }
  REQUIRE(lane->stop(INT64_MAX));
  CHECK(kept->lines() == std::vector<std::string>{"info hello {peer=1}", "info hello {peer=2}",
                                                  "info hello (repeated 1 time) {peer=2}"});
}

TEST_CASE("log: what turns text around or ends lines elsewhere is escaped") {
  CHECK(sluice::escape_for_log("a\u202eb\u2028c\u2066d\u20ac", 100) ==
        "a\\xe2\\x80\\xaeb\\xe2\\x80\\xa8c\\xe2\\x81\\xa6d\u20ac");
}

TEST_CASE("log: what waits is written before the node's stop returns, into a file too") {
  char path[] = "/tmp/sluice-log-XXXXXX";
  const int made = ::mkstemp(path);
  REQUIRE(made >= 0);
  ::close(made);
  {
    test_node node{options_with({{sluice::file_log(path).value(), log_severity::info}})};
    auto one = node->spawn<talker>({.name = "one"}).value();
    for (int i = 0; i < 100; ++i) one.send(say{log_severity::info, "line " + std::to_string(i)});
    node.settle();
  }
  std::FILE* const in = std::fopen(path, "r");
  std::string all;
  char part[4096];
  while (const std::size_t size = std::fread(part, 1, sizeof part, in)) all.append(part, size);
  std::fclose(in);
  ::unlink(path);
  std::size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = all.find("\"text\":\"line " + std::to_string(i) + "\"}\n", at);
    REQUIRE(at != all.npos);
  }
  REQUIRE_FALSE(sluice::file_log("/nowhere/at/all"));
}

TEST_CASE("log: a sink that never returns is left behind, and stop says so") {
  auto out = std::make_shared<kept_log>(true);
  test_node node{options_with({{out, log_severity::info}})};
  auto one = node->spawn<talker>({.name = "one"}).value();
  one.send(say{log_severity::info, "block"});
  out->wait_for(1);
  const auto report = node->stop(10ms);
  REQUIRE(report.not_stopped.size() == 1);
  REQUIRE(report.not_stopped[0].find("log output") != std::string::npos);
  out->open_gate();
}

namespace {

struct recorder : sluice::actor<recorder, quiet> {
  recorder(test_counter& heard_, std::string& last_) : heard(heard_), last(last_) {}
  void on_start() { receive_log(log_severity::warning); }
  void on(const log_record& line) {
    last = line.source + ": " + line.text;
    log(log_severity::error, "heard it");  // Its own lines do not come back to it.
    heard.add();
  }
  void on(quiet) {
    if (stop_receiving_log()) heard.add();
  }
  test_counter& heard;
  std::string& last;
};

}  // namespace

TEST_CASE("log: a process hears the lines of others, until it says stop or ends") {
  test_counter heard;
  std::string last;
  test_node node;
  auto ear = node->spawn<recorder>({}, heard, last).value();
  auto one = node->spawn<talker>({.name = "one"}).value();
  one.send(say{log_severity::info, "not this"});
  one.send(say{log_severity::warning, "but this"});
  heard.wait_for(1);
  REQUIRE(last == "one: but this");
  ear.send(quiet{});
  heard.wait_for(2);
  one.send(say{log_severity::warning, "nor this"});
  node.settle();
  REQUIRE(heard.value() == 2);
  auto next = node->spawn<recorder>({}, heard, last).value();
  next.exit();
  eventually([&] { return node->messages().alive == 2; });
  one.send(say{log_severity::warning, "to nobody"});
  node.settle();
  REQUIRE(node->messages().unknown == 0);
}
