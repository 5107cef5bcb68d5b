// What only the io_uring driver has: its flags, its rings, its refusals.
#include <sys/resource.h>

#include <cerrno>

#include "io/loop.hpp"

using namespace io_test;

TEST_CASE("the description names the flags accepted and those refused", "[uring]") {
  needs_ring();
  const loop ring;
  const std::string text = ring.driver->describe();
  CHECK(text.find("SUBMIT_ALL") != std::string::npos);
  CHECK(text.find("refused: ") != std::string::npos);
}

TEST_CASE("ring options out of range are a bad argument", "[uring]") {
  needs_ring();
  CHECK(io::uring_driver::create({.common = {.buffer_count = 3}}).error().code ==
        error_code::bad_argument);
  CHECK(io::uring_driver::create({.sq_entries = 64, .cq_entries = 8}).error().code ==
        error_code::bad_argument);
  CHECK(io::uring_driver::create({.common = {.buffer_bytes = 100}}).error().code ==
        error_code::bad_argument);
}

TEST_CASE("a forbidden io_uring is an error that names the cause and the way out", "[uring]") {
  needs_ring();
  for (const int os_error : {EPERM, ENOSYS}) {
    CHECK(in_child([&] {
            if (!forbid_io_uring(os_error)) return 10;
            auto created = io::uring_driver::create();
            if (created) return 11;
            if (created.error().code != error_code::io_unavailable) return 12;
            if (created.error().os_error != os_error) return 13;
            const std::string text = io::explain_unavailable(created.error());
            if (text.find("seccomp") == std::string::npos) return 14;
            if (text.find("io_uring_setup") == std::string::npos) return 15;
            return 0;
          }) == 0);
  }
}

TEST_CASE("a ring works for a user without privileges and without locked memory, or says why",
          "[uring]") {
  needs_ring();
  CHECK(in_child([] {
          const ::rlimit none{0, 0};
          if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) return 10;
          if (::getuid() == 0 && ::setuid(65534) != 0) return 11;
          auto created = io::uring_driver::create();
          if (!created) {
            return created.error().code == error_code::io_unavailable &&
                           io::explain_unavailable(created.error()).size() > 40
                       ? 0
                       : 12;
          }
          if (!(*created)->attach()) return 13;
          (*created)->detach();
          return 0;
        }) == 0);
}
