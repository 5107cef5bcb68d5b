#include "lives.hpp"

#include <memory>
#include <stdexcept>
#include <vector>

#include <sluice/sluice.hpp>
#include <sluice/testing.hpp>

namespace faults {
namespace {

using namespace std::chrono_literals;
using sluice::testing::world;

struct hello {};
struct count_it {
  using reply = int;
};
struct news {
  int number = 0;
};

struct counter : sluice::actor<counter, hello, count_it, news> {
  void on(hello) { seen += 1; }
  int on(count_it) { return seen; }
  void on(news) {}
  int seen = 0;
};

class refusals {
 public:
  template <class Result>
  bool take(const Result& what, const char* name) {
    if (what) return true;
    text_ += std::string{name} + ' ';
    return false;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string of_node(void (*begin)(), void (*end)(), bool has_io) {
  std::string refused;
  begin();
  try {
    sluice::node_options options;
    options.schedulers = 2;
    options.io = has_io;
    options.pin = sluice::pinning::never;
    options.log = [](sluice::log_severity, std::string_view) {};
    sluice::node in{"failing", std::move(options)};
    const auto started = in.start();
    if (started) {
      auto made = in.spawn<counter>();
      if (made) made.value().send(hello{});
      if (!made) refused += "spawn ";
    } else {
      refused += "start ";
    }
    if (!in.stop(10s).is_clean()) refused += "stop-is-not-clean ";
  } catch (const std::bad_alloc&) {
    refused += "bad_alloc ";  // Out of a function that may throw.
  }
  end();
  return refused;
}

std::string plain_node(void (*begin)(), void (*end)()) { return of_node(begin, end, false); }
std::string node_with_rings(void (*begin)(), void (*end)()) { return of_node(begin, end, true); }

/// A world that is there before anything fails, and is stopped when nothing fails any more.
template <class Body>
std::string in_world(void (*begin)(), void (*end)(), Body&& body) {
  refusals refused;
  std::string thrown;
  {
    world in{{.seed = 1}};
    begin();
    try {
      body(in, refused);
      static_cast<void>(in.run_until_idle());
    } catch (const std::bad_alloc&) {
      thrown = "bad_alloc ";
    }
    end();
    static_cast<void>(in.run_until_idle());
  }
  return refused.text() + thrown;
}

std::string processes(void (*begin)(), void (*end)()) {
  return in_world(begin, end, [](world& in, refusals& refused) {
    for (int i = 0; i < 40; ++i) {
      auto made = in->spawn<counter>();
      if (!refused.take(made, "spawn")) continue;
      made.value().send(hello{});
      if (i % 8 == 0) static_cast<void>(refused.take(in->call(made.value(), count_it{}), "call"));
      if (i % 2 == 0) made.value().exit();
    }
  });
}

std::string names(void (*begin)(), void (*end)()) {
  return in_world(begin, end, [](world& in, refusals& refused) {
    for (int i = 0; i < 40; ++i) {
      const std::string name =
          "a name that is longer than strings keep within " + std::to_string(i);
      auto made = in->spawn<counter>({.name = name});
      if (!refused.take(made, "spawn")) {  // One call fails: it is another's turn now.
        made = in->spawn<counter>({.name = name});
        if (!made) throw std::logic_error("a refused spawn keeps its name");
      }
      in->send(in->find(name), hello{});
      if (i % 2 == 0) made.value().exit();
    }
  });
}

struct joiner : sluice::actor<joiner, hello, news> {
  void on_start() {
    if (!join_group("a group with a name that is long enough")) exit();
    link_to_it();
  }
  void link_to_it() {
    for (int i = 0; i < 4; ++i) static_cast<void>(monitor(find("nobody")));
    trap_exit(true);
    auto child = spawn<counter>({.link = true});
    if (child) child.value().send(hello{});
  }
  void on(hello) {
    send_to_group("a group with a name that is long enough", news{1});
    later = send_after(1ms, self(), news{2});
    log(sluice::log_severity::info, "a line that says something");
    exit_after(5ms, self(), sluice::exit_reason::error("a reason that is longer than others"));
  }
  void on(news) {}
  void on(const sluice::down&) {}
  void on(const sluice::exit_signal&) {}
  sluice::timer later;
};

std::string relations(void (*begin)(), void (*end)()) {
  return in_world(begin, end, [](world& in, refusals& refused) {
    for (int i = 0; i < 20; ++i) {
      auto made = in->spawn<joiner>();
      if (refused.take(made, "spawn")) made.value().send(hello{});
    }
    static_cast<void>(in.advance(10ms));
  });
}

struct publisher : sluice::actor<publisher, hello> {
  sluice::result<void> on_start() {
    auto made = register_event<news>("an event with a long enough name", {.buffer = 4});
    if (!made) return made.error();
    to = std::move(made).value();
    return {};
  }
  void on(hello) {
    for (int i = 0; i < 8; ++i) publish(to, news{i});
  }
  sluice::event<news> to;
};
struct subscriber : sluice::actor<subscriber> {
  sluice::result<void> on_start() {
    const auto done = subscribe<news>("an event with a long enough name");
    if (!done) return done.error();
    return {};
  }
  void on(const sluice::published<news>&) {}
  void on(const sluice::event_ended&) {}
};

std::string events(void (*begin)(), void (*end)()) {
  return in_world(begin, end, [](world& in, refusals& refused) {
    auto made = in->spawn<publisher>();
    if (!refused.take(made, "publisher")) return;
    for (int i = 0; i < 20; ++i)
      static_cast<void>(refused.take(in->spawn<subscriber>(), "subscribe"));
    made.value().send(hello{});
    static_cast<void>(in.run_until_idle());
    made.value().exit();
  });
}

std::string supervision(void (*begin)(), void (*end)()) {
  return in_world(begin, end, [](world& in, refusals& refused) {
    sluice::children first;
    for (int i = 0; i < 6; ++i)
      first.push_back(sluice::child<counter>("child " + std::to_string(i)));
    auto made = in->spawn<sluice::supervisor>({.name = "top"}, sluice::supervisor_options{},
                                              std::move(first));
    if (!refused.take(made, "supervisor")) return;
    static_cast<void>(refused.take(
        in->call(made.value(), sluice::restart_child{sluice::child_name{"child 1"}}), "restart"));
    static_cast<void>(in.advance(10ms));
  });
}

struct listener : sluice::actor<listener> {
  explicit listener(std::uint16_t* to) : port(to) {}
  sluice::result<void> on_start() {
    sluice::tcp::server_options options;
    options.port_bound = port;
    auto made = spawn_meta<sluice::tcp::server>(options);
    if (!made) return made.error();
    return {};
  }
  void on(sluice::tcp::data message) {
    send(message.id, sluice::tcp::data{message.id, std::move(message.bytes)});
  }
  void on(const sluice::tcp::connected&) {}
  void on(const sluice::tcp::disconnected&) {}
  std::uint16_t* port;
};
struct dialler : sluice::actor<dialler> {
  explicit dialler(std::uint16_t to) : port(to) {}
  sluice::result<void> on_start() {
    sluice::tcp::client_options options;
    options.port = port;
    auto made = spawn_meta<sluice::tcp::client>(options);
    if (!made) return made.error();
    client = made.value();
    return {};
  }
  void on(const sluice::tcp::connected&) {
    send(client, sluice::tcp::data{client, sluice::bytes::copy_of("hello")});
  }
  void on(const sluice::tcp::data&) { send(client, sluice::tcp::close{client}); }
  void on(const sluice::tcp::disconnected&) {}
  void on(const sluice::tcp::connect_failed&) {}
  std::uint16_t port;
  sluice::alias client{};
};

std::string tcp(void (*begin)(), void (*end)()) {
  return in_world(begin, end, [](world& in, refusals& refused) {
    std::uint16_t port = 0;
    auto server = in->spawn<listener>({}, &port);
    if (!refused.take(server, "server")) return;
    for (int i = 0; i < 4; ++i)
      static_cast<void>(refused.take(in->spawn<dialler>({}, port), "client"));
    static_cast<void>(in.advance(2s));
    server.value().exit();
    static_cast<void>(in.advance(2s));
  });
}

}  // namespace

const life lives[] = {
    {"node", &plain_node},         {"rings", &node_with_rings},
    {"processes", &processes},     {"names", &names},
    {"relations", &relations},     {"events", &events},
    {"supervision", &supervision}, {"tcp", &tcp},
};
const unsigned life_count = sizeof(lives) / sizeof(lives[0]);

}  // namespace faults
