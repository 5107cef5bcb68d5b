#include <catch2/catch_test_macros.hpp>

#include "base/clock.hpp"
#include "io/stream_clock.hpp"

using namespace sluice;
using io::stream_clock;
using due = io::stream_clock::due;

namespace {

constexpr stream_clock::situation quiet{.may_read = true, .is_sending = false};
constexpr stream_clock::situation sending{.may_read = true, .is_sending = true};
constexpr stream_clock::situation held{.may_read = false, .is_sending = false};

struct looked {
  due what;
  base::nanoseconds_t next_ns;
};
looked look(stream_clock& clock, base::nanoseconds_t now_ns, stream_clock::situation there) {
  base::nanoseconds_t next_ns = -1;
  const due what = clock.look(now_ns, there, next_ns);
  return {what, next_ns};
}

}  // namespace

TEST_CASE("a stream clock without limits asks for nothing") {
  stream_clock clock;
  clock.start({}, 1000);
  CHECK(look(clock, 5000, quiet).what == due::nothing);
  CHECK(look(clock, 5000, sending).next_ns == base::no_deadline);
}

TEST_CASE("read idle runs from the last bytes, not while reading is held, not while a send waits") {
  stream_clock clock;
  clock.start({.read_idle_ns = 100}, 1000);
  CHECK(look(clock, 1099, quiet).what == due::nothing);
  CHECK(look(clock, 1099, quiet).next_ns == 1100);
  clock.on_heard(1050);
  CHECK(look(clock, 1100, quiet).what == due::nothing);
  CHECK(look(clock, 1100, quiet).next_ns == 1150);
  CHECK(look(clock, 1150, quiet).what == due::read_idle);
  clock.on_send(1140);
  CHECK(look(clock, 1200, sending).what == due::nothing);
  CHECK(look(clock, 1240, sending).what == due::read_idle);  // A send that makes no progress.
  CHECK(look(clock, 2000, held).what == due::nothing);
  CHECK(look(clock, 2099, quiet).what == due::nothing);  // From the last look at which it was held.
  CHECK(look(clock, 2100, quiet).what == due::read_idle);
}

TEST_CASE("write stall runs while a send is under way, from its last progress") {
  stream_clock clock;
  clock.start({.write_stall_ns = 100}, 1000);
  CHECK(look(clock, 5000, quiet).what == due::nothing);
  CHECK(look(clock, 5000, quiet).next_ns == 5100);  // A send may begin at any moment.
  clock.on_send(5050);
  CHECK(look(clock, 5100, sending).what == due::nothing);
  CHECK(look(clock, 5100, sending).next_ns == 5150);
  clock.on_send(5140);
  CHECK(look(clock, 5239, sending).what == due::nothing);
  CHECK(look(clock, 5240, sending).what == due::write_stall);
}

TEST_CASE("what the peer has taken since the last look is progress of a send") {
  stream_clock clock;
  clock.start({.write_stall_ns = 100}, 1000);
  clock.on_send(1000);
  clock.on_taken(7, 1099);
  CHECK(look(clock, 1100, sending).what == due::nothing);
  clock.on_taken(7, 1150);
  CHECK(look(clock, 1198, sending).what == due::nothing);
  clock.on_taken(7, 1199);
  CHECK(look(clock, 1199, sending).what == due::write_stall);
}

TEST_CASE("a handshake that is finished is due no more; of several limits the handshake is first") {
  stream_clock clock;
  clock.start({.read_idle_ns = 50, .handshake_ns = 80}, 1000);
  CHECK(look(clock, 1049, quiet).next_ns == 1050);
  CHECK(look(clock, 1060, quiet).what == due::read_idle);
  CHECK(look(clock, 1090, quiet).what == due::handshake);
  clock.finish_handshake();
  clock.on_heard(1090);
  CHECK(look(clock, 1090, quiet).what == due::nothing);
}

TEST_CASE("keep alive runs from the last send") {
  stream_clock clock;
  clock.start({.keep_alive_ns = 100}, 1000);
  CHECK(look(clock, 1100, quiet).what == due::keep_alive);
  clock.on_send(1100);
  CHECK(look(clock, 1199, quiet).what == due::nothing);
  CHECK(look(clock, 1300, sending).what == due::nothing);
  CHECK(look(clock, 1300, quiet).what == due::keep_alive);
}

TEST_CASE("a deadline that was given is never later than what becomes due") {
  // Whatever happens between two looks, the second is not too late.
  stream_clock clock;
  clock.start({.read_idle_ns = 70, .write_stall_ns = 30, .keep_alive_ns = 50}, 0);
  base::nanoseconds_t asked_ns = look(clock, 0, quiet).next_ns;
  CHECK(asked_ns == 30);
  clock.on_send(29);  // As late as can be before the look.
  const looked then = look(clock, asked_ns, sending);
  CHECK(then.what == due::nothing);
  CHECK(then.next_ns == 59);
  CHECK(look(clock, 59, sending).what == due::write_stall);
}
