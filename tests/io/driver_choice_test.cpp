#include <cerrno>

#include "io/driver_choice.hpp"
#include "io/loop.hpp"

using namespace io_test;

TEST_CASE("a driver asked for by name is that driver, or an error") {
  auto epoll = io::create_driver({.kind = io::driver_kind::epoll});
  REQUIRE(epoll);
  CHECK(epoll->kind == io::driver_kind::epoll);
  CHECK(epoll->made->describe().find("epoll (asked for)") == 0);
  auto ring = io::create_driver({.kind = io::driver_kind::io_uring});
  if (has_rings()) {
    REQUIRE(ring);
    CHECK(ring->kind == io::driver_kind::io_uring);
    CHECK(ring->made->describe().find("io_uring") == 0);
  } else if (this_environment() == environment::seccomp) {
    CHECK(ring.error().code == error_code::io_unavailable);
  }
  CHECK(io::create_driver(
            {.kind = io::driver_kind::epoll, .options = {.common = {.buffer_count = 3}}})
            .error()
            .code == error_code::bad_argument);
}

TEST_CASE(
    "left to itself the choice is io_uring, and epoll where that is refused, with the reason") {
  auto chosen = io::create_driver({});
  REQUIRE(chosen);
  const bool is_refused = this_environment() == environment::seccomp;
  CHECK(chosen->kind == (is_refused ? io::driver_kind::epoll : io::driver_kind::io_uring));
  for (const int os_error : {EPERM, ENOSYS}) {
    const int answer = in_child([&] {
      if (!is_refused && !forbid_io_uring(os_error)) return 10;
      auto made = io::create_driver({});
      if (!made) return 11;
      if (made->kind != io::driver_kind::epoll) return 12;
      const std::string text = made->made->describe();
      const std::string wanted = "epoll (io_uring refused: forbidden by a seccomp filter, "s +
                                 (is_refused || os_error == EPERM ? "EPERM" : "ENOSYS") + ")";
      if (text.find(wanted) != 0) return 13;
      if (!made->made->attach()) return 14;
      made->made->detach();
      return 0;
    });
    CHECK(answer == 0);
  }
}
