// The command line, parsed without a child.
#include "gateway/arguments.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "gateway/option_table.hpp"

namespace {

using gateway::arguments;
using gateway::mode_name;
using gateway::transport;

struct outcome {
  std::optional<arguments> parsed;
  std::string complaint;
};

outcome parse(std::vector<std::string> words) {
  std::vector<const char*> pointers{"sluice-gateway"};
  for (const std::string& each : words) pointers.push_back(each.c_str());
  outcome made;
  made.parsed = gateway::parse(static_cast<int>(pointers.size()), pointers.data(), made.complaint);
  return made;
}

arguments understood(std::vector<std::string> words) {
  CAPTURE(words);
  auto made = parse(std::move(words));
  INFO(made.complaint);
  REQUIRE(made.parsed);
  return *made.parsed;
}

}  // namespace

TEST_CASE("arguments: no mode means echo, and every mode is known by its name") {
  CHECK(understood({}).mode == mode_name::echo);
  CHECK(understood({"--tcp", "[::1]:0"}).listen.host == "::1");
  CHECK(understood({"echo", "--tcp=unix:/a"}).listen.over == transport::unix_stream);
  CHECK(understood({"unix", "--listen", "/a"}).listen.host == "/a");
  CHECK(understood({"unix", "--listen", "unix:/a"}).listen.host == "/a");
  CHECK(understood({"udp", "--listen", "[::]:53"}).listen.over == transport::udp);
  const arguments forward =
      understood({"forward", "--listen", "udp:*:53", "--to", "udp:dns.example:53"});
  CHECK(forward.target.host == "dns.example");
  CHECK(forward.target.text() == "udp:dns.example:53");
  const arguments port =
      understood({"port", "--listen=127.0.0.1:1", "--workers", "3", "--", "/bin/cat", "--help"});
  CHECK(port.program == std::vector<std::string>{"/bin/cat", "--help"});
  CHECK(port.workers == 3);
}

TEST_CASE("arguments: what is wrong is named") {
  struct wrong {
    std::vector<std::string> words;
    std::string named;
  };
  const std::vector<wrong> all{
      {{"7000"}, "7000"},
      {{"--port", "1"}, "--port"},
      {{"--tcp"}, "--tcp"},
      {{"--tcp", "7000"}, "--tcp"},
      {{"--tcp", "127.0.0.1:x"}, "--tcp"},
      {{"--tcp", ":7000"}, "--tcp"},
      {{"--tcp", "127.0.0.1:65536"}, "--tcp"},
      {{"--tcp", "::1:7000"}, "--tcp"},
      {{"--tcp", "udp:127.0.0.1:7000"}, "--tcp"},
      {{"--tcp", "unix:"}, "--tcp"},
      {{"--workers", "0"}, "--workers"},
      {{"--workers", "-1"}, "--workers"},
      {{"--schedulers", "two"}, "--schedulers"},
      {{"--pin", "all"}, "--pin"},
      {{"--pin", "0,"}, "--pin"},
      {{"--pin=0,,1"}, "--pin"},
      {{"--io-threads", ""}, "--io-threads"},
      {{"--ring-buffers", "100"}, "--ring-buffers"},
      {{"--ring-buffer-bytes", "100"}, "--ring-buffer-bytes"},
      {{"--driver", "kqueue"}, "--driver"},
      {{"--proxy-accept", ""}, "--proxy-accept"},
      {{"--proxy-send", "v1"}, "echo has no option --proxy-send"},
      {{"forward", "--proxy-send", "3"}, "--proxy-send"},
      {{"--driver", "simulated"}, "--driver"},
      {{"--status-every", "0"}, "--status-every"},
      {{"echo", "echo"}, "echo"},
      {{"echo", "--listen", "127.0.0.1:1"}, "echo has no option --listen"},
      {{"echo", "--to", "127.0.0.1:1"}, "echo has no option --to"},
      {{"forward", "--tcp", "127.0.0.1:1"}, "forward has no option --tcp"},
      {{"udp", "--connections-max", "1"}, "udp has no option --connections-max"},
      {{"unix"}, "unix needs --listen"},
      {{"unix", "--listen", ""}, "--listen"},
      {{"udp", "--listen", "/a"}, "--listen"},
      {{"udp", "--listen", "unix:/a"}, "--listen"},
      {{"forward", "--listen", "127.0.0.1:1"}, "forward needs --to"},
      {{"forward", "--listen", "127.0.0.1:1", "--to", "127.0.0.1:0"}, "--to"},
      {{"forward", "--listen", "udp:127.0.0.1:1", "--to", "127.0.0.1:1"}, "udp: on both"},
      {{"forward", "--listen", "127.0.0.1:1", "--to", "udp:127.0.0.1:1"}, "udp: on both"},
      {{"port", "--listen", "127.0.0.1:1"}, "port needs -- and a program"},
      {{"port", "--listen", "127.0.0.1:1", "--"}, "port needs -- and a program"},
      {{"port", "--listen", "udp:127.0.0.1:1", "--", "a"}, "--listen"},
      {{"echo", "--", "a"}, "--"},
  };
  for (const wrong& each : all) {
    CAPTURE(each.words);
    const outcome made = parse(each.words);
    CHECK_FALSE(made.parsed);
    CHECK(made.complaint.find(each.named) != std::string::npos);
  }
}

TEST_CASE("arguments: a mode's help lists its options, no others, and all modes") {
  for (const gateway::mode_entry& mode : gateway::all_modes()) {
    CAPTURE(mode.name);
    CHECK(understood({std::string{mode.name}, "--help"}).wants_help);
    const std::string text = gateway::help_text(mode.mode);
    for (const gateway::option& each : gateway::all_options()) {
      CAPTURE(each.name);
      const bool is_listed = text.find("  " + std::string{each.name} + " ") != std::string::npos;
      CHECK(is_listed == each.modes.contains(mode.mode));
    }
    for (const gateway::mode_entry& other : gateway::all_modes()) {
      CHECK(text.find("\n  " + std::string{other.name} + " ") != std::string::npos);
    }
  }
}

TEST_CASE("arguments: a location reads back as it is written") {
  for (const char* const text :
       {"127.0.0.1:0", "[2001:db8::1]:65535", "name.example:80", "unix:/a:b", "udp:[::]:53"}) {
    CAPTURE(text);
    const auto parsed = gateway::parse_location(text);
    REQUIRE(parsed);
    CHECK(parsed->text() == text);
  }
}

TEST_CASE("arguments: brackets stand around an IPv6 address and nowhere else") {
  for (const char* text : {"[name]:1", "[a[b]:1", "[a]b]:1", "[[::1]]:1", "::1:1", "[::1:1"}) {
    CAPTURE(text);
    CHECK(!gateway::parse_location(text));
  }
}
