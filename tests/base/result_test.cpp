#include <sluice/result.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

using sluice::error;
using sluice::error_code;
using sluice::result;

TEST_CASE("result: holds a value or an error, and says which") {
  const result<int> good{7};
  REQUIRE(good.has_value());
  REQUIRE(*good == 7);
  REQUIRE(good.error().code == error_code::none);
  const result<int> bad{error{error_code::timed_out, 0, "here"}};
  REQUIRE_FALSE(bad);
  REQUIRE(bad.error().code == error_code::timed_out);
}

TEST_CASE("result: moves out values that cannot be copied, and falls back when there is none") {
  result<std::unique_ptr<int>> good{std::make_unique<int>(3)};
  const std::unique_ptr<int> taken = std::move(good).value();
  REQUIRE(*taken == 3);
  result<int> bad{error{error_code::system}};
  REQUIRE(std::move(bad).value_or(9) == 9);
}

TEST_CASE("result<void>: is a success unless given an error") {
  const result<void> good;
  REQUIRE(good);
  const result<void> bad{error{error_code::stopping}};
  REQUIRE_FALSE(bad);
  REQUIRE(bad.error().code == error_code::stopping);
}

#if defined(__cpp_exceptions)
TEST_CASE("result: asking for a value that is not there throws, with the reason in the text") {
  const result<int> bad{sluice::error_from_errno(EADDRINUSE, "bind")};
  try {
    static_cast<void>(bad.value());
    FAIL("no exception");
  } catch (const std::exception& why) {
    REQUIRE(std::string{why.what()}.find("address_in_use") != std::string::npos);
  }
}
#endif

TEST_CASE(
    "error: errno values map to codes; unknown ones are system; the message names code and place") {
  REQUIRE(sluice::error_from_errno(EADDRINUSE, "").code == error_code::address_in_use);
  REQUIRE(sluice::error_from_errno(EACCES, "").code == error_code::permission_denied);
  REQUIRE(sluice::error_from_errno(EMFILE, "").code == error_code::limit_reached);
  REQUIRE(sluice::error_from_errno(ECONNRESET, "").code == error_code::connection_reset);
  REQUIRE(sluice::error_from_errno(EXDEV, "").code == error_code::system);
  const std::string text = sluice::error_from_errno(EMFILE, "accept").message();
  REQUIRE(text.find("limit_reached") == 0);
  REQUIRE(text.find("accept") != std::string::npos);
}
